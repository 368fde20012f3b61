import { CodedError, type Digest, Digester, hexOf } from '#core';
import type { OperationOptions } from '#oci/image';
import { kitFault } from '../faults.ts';
import { kitPaths, type OpenKit, openKit, readChecksums, readChecksums512 } from '../kit.ts';

/** The next step for whoever fetched something else than the kit. */
export const FETCH_ANEW = 'run the command again: it fetches the kit anew';

/** As many damaged files as a message names. */
const MAX_NAMED = 20;

/**
 * Checks that a file is the kit with an id, and that every file in it is as its lists of checksums say. Who made it, and
 * whether it is current, is for `mirror verify` with the root of TUF.
 *
 * @throws CodedError ERR_EXPORT_KIT_INVALID with every missing or damaged file
 */
export async function checkKit(path: string, id: Digest, options: OperationOptions): Promise<void> {
  const open = await openKit(path);
  try {
    if (open.id !== id) throw kitFault('ERR_EXPORT_KIT_INVALID', path, `is the kit ${open.id}, not ${id}`);
    const damaged = [
      ...(await damagedIn(open, await readChecksums(open, kitPaths.checksums, 64), 'sha256', options)),
      ...(await damagedIn(open, await readChecksums512(open), 'sha512', options)),
    ];
    if (damaged.length === 0) return;
    const more = damaged.length > MAX_NAMED ? `, and ${damaged.length - MAX_NAMED} more` : '';
    throw new CodedError(
      'ERR_EXPORT_KIT_INVALID',
      `${path}: damaged: ${damaged.slice(0, MAX_NAMED).join(', ')}${more}`,
      {
        hint: FETCH_ANEW,
        details: { name: path, damaged: damaged.slice(0, 1000) },
      },
    );
  } finally {
    await open.files.close();
  }
}

/** The files that are not as a list says, or not there. */
async function damagedIn(
  { files }: OpenKit,
  listed: ReadonlyMap<string, string>,
  algorithm: 'sha256' | 'sha512',
  { signal }: OperationOptions,
): Promise<string[]> {
  const damaged: string[] = [];
  for (const [path, hex] of listed) {
    const digester = new Digester(algorithm);
    const isThere = (await files.sizeOf(path)) !== undefined;
    if (isThere) {
      for await (const chunk of files.read(path, undefined, true)) {
        signal?.throwIfAborted();
        digester.update(chunk);
      }
    }
    if (!isThere || hexOf(digester.digest()) !== hex) damaged.push(path);
  }
  return damaged;
}
