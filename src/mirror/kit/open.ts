import { open as openFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type Digest, digestOf, isCoded, readPart } from '#core';
import { collect, type Repository } from '#oci/image';
import { layoutMarker, type OpenFiles, openArchive, openFiles, openLayout, openSeekableTar } from '#oci/layout';
import { kitFault } from '../faults.ts';
import { type CheckOptions, type OpenParts, openParts } from '../parts.ts';
import { type MirrorKit, parseMirrorKit } from './mirror-kit.generated.ts';
import { kitPaths } from './plan.ts';

/** A kit in a directory, a tar, or parts of a tar. Nothing of it is trusted yet. Close it when done. */
export interface OpenKit {
  readonly path: string;
  readonly files: OpenFiles;
  readonly kit: MirrorKit;
  /** The digest of kit.json. */
  readonly id: Digest;
  /** Undefined where it is whole. */
  readonly parts: OpenParts | undefined;
  /** The layout in it, as a source of a copy. */
  openLayout(): Promise<Repository>;
  close(): Promise<void>;
}

const MAX_KIT_BYTES = 16 * 1024 * 1024;

/**
 * Opens a kit.
 *
 * @param paths a directory or a tar; or directories and files that together are all parts of one
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_USAGE for a whole kit among parts, ERR_EXPORT_KIT_INVALID where it is none, ERR_EXPORT_ARCHIVE_INVALID,
 *   ERR_EXPORT_ARCHIVE_UNSAFE, and those of openParts
 */
export async function openKit(paths: string | readonly string[], options: CheckOptions = {}): Promise<OpenKit> {
  const [path = '', ...others] = typeof paths === 'string' ? [paths] : paths;
  for (const each of others.length === 0 ? [] : [path, ...others]) await refuseWhole(each);
  const parts = others.length === 0 && (await isWhole(path)) ? undefined : await openParts([path, ...others], options);
  if (parts !== undefined) return openJoined(parts);
  if (others.length > 0) throw notKit([path, ...others].join(', '), 'these are not parts of a kit');
  const files = await openKitFiles(path);
  try {
    return {
      ...{ path, files, parts, ...(await readKit({ path, files })) },
      openLayout: async () => ((await stat(path)).isDirectory() ? openLayout(path) : openArchive(path, {})),
      close: () => files.close(),
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** Whether a directory holds the files of a kit themselves. */
async function isWhole(path: string): Promise<boolean> {
  return (await stat(join(path, kitPaths.kit)).catch(() => undefined)) !== undefined;
}

/** Among several paths a whole kit would not be read. */
async function refuseWhole(path: string): Promise<void> {
  if (!(await isWhole(path)) && !(await isTarOfLayout(path))) return;
  const hint = 'specify it alone; several paths are for the parts of one kit';
  throw kitFault('ERR_EXPORT_USAGE', path, 'a whole kit among several paths', hint);
}

/** By its first entry, which is what makes a layout. */
async function isTarOfLayout(path: string): Promise<boolean> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return false;
  await using file = await openFile(path, 'r');
  return (await readPart(file, 512, 0)).toString('latin1').startsWith(`${layoutMarker.path}\0`);
}

async function openJoined(parts: OpenParts): Promise<OpenKit> {
  const path = parts.name;
  try {
    const { files, openLayout: open } = await openSeekableTar(parts.joined, path);
    const { kit, id } = await readKit({ path, files });
    parts.requireKit({ kit: id, stream: kit.stream, sequence: kit.sequence });
    return { path, files, kit, id, parts, openLayout: async () => open(), close: () => parts.close() };
  } catch (error) {
    try {
      // The fault may be that of a part, which can be named.
      await parts.requireUndamaged();
    } finally {
      await parts.close();
    }
    throw error;
  }
}

async function readKit(open: Pick<OpenKit, 'path' | 'files'>): Promise<Pick<OpenKit, 'kit' | 'id'>> {
  const bytes = await readKitFile(open, kitPaths.kit, MAX_KIT_BYTES);
  if (bytes === undefined) throw notKit(open.path, 'not a mirror kit: it has no kit.json');
  return { kit: parse(bytes, `${open.path}: ${kitPaths.kit}`), id: digestOf(bytes) };
}

function notKit(path: string, what: string): CodedError {
  const hint = 'specify the directory or the tar that export-center mirror export wrote, or all of its parts';
  return kitFault('ERR_EXPORT_KIT_INVALID', path, what, hint);
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
