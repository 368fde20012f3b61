import { CodedError, type Digest, digestOf, isCoded } from '#core';
import { collect } from '#oci/image';
import { type OpenFiles, openFiles } from '#oci/layout';
import { kitFault } from '../faults.ts';
import { type MirrorKit, parseMirrorKit } from './mirror-kit.generated.ts';
import { kitPaths } from './plan.ts';

/** A kit in a directory or a tar. Nothing of it is trusted yet. Close its files when done. */
export interface OpenKit {
  readonly path: string;
  readonly files: OpenFiles;
  readonly kit: MirrorKit;
  /** The digest of kit.json. */
  readonly id: Digest;
}

const MAX_KIT_BYTES = 16 * 1024 * 1024;

/**
 * Opens a kit.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_KIT_INVALID where it is none, ERR_EXPORT_ARCHIVE_INVALID,
 *   ERR_EXPORT_ARCHIVE_UNSAFE
 */
export async function openKit(path: string): Promise<OpenKit> {
  const files = await openKitFiles(path);
  try {
    const bytes = await readKitFile({ path, files }, kitPaths.kit, MAX_KIT_BYTES);
    if (bytes === undefined) {
      const hint = 'specify the directory or the tar that export-center mirror export wrote';
      throw kitFault('ERR_EXPORT_KIT_INVALID', path, 'not a mirror kit: it has no kit.json', hint);
    }
    return { path, files, kit: parse(bytes, `${path}: ${kitPaths.kit}`), id: digestOf(bytes) };
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function openKitFiles(path: string): Promise<OpenFiles> {
  try {
    return await openFiles(path);
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_ARCHIVE_INVALID', 'ERR_EXPORT_ARCHIVE_UNSAFE')) throw error;
    const hint =
      'copy the kit again, as export-center mirror export wrote it: a directory, or a tar without compression';
    throw new CodedError(error.code, error.message, { hint, details: error.details, cause: error.cause });
  }
}

function parse(bytes: Uint8Array, name: string): MirrorKit {
  try {
    return parseMirrorKit(bytes, name);
  } catch (cause) {
    throw kitFault('ERR_EXPORT_KIT_INVALID', name, (cause as Error).message.slice(name.length + 2), undefined, cause);
  }
}

/**
 * A small file of a kit.
 *
 * @returns undefined where there is none
 * @throws CodedError ERR_EXPORT_KIT_INVALID where it is larger than `maxBytes`
 */
export async function readKitFile(
  { path, files }: Pick<OpenKit, 'path' | 'files'>,
  name: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const size = await files.sizeOf(name);
  if (size === undefined) return undefined;
  if (size > maxBytes)
    throw kitFault('ERR_EXPORT_KIT_INVALID', `${path}: ${name}`, `${size} bytes, more than ${maxBytes}`);
  return collect(files.read(name), maxBytes, `${path}: ${name}`);
}
