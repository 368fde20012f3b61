import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { algorithmOf, type Descriptor, Digester, isSystemError } from '#core';
import type { OutputFolder } from './output-folder.ts';

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Whether a file has one name, and is written by nobody but this user. */
export function isOwn({ nlink, uid, mode }: Stats): boolean {
  const user = process.getuid?.();
  return nlink === 1 && (user === undefined || (uid === user && (mode & 0o022) === 0));
}

/**
 * The digest of the file `name`, where it is one of the layer's size and has no other name; undefined for everything
 * else, links too.
 *
 * @param must be one that may be run, or may not; still be there when it was read, which is so unless told
 */
export async function digestOfFile(
  folder: OutputFolder,
  name: string,
  { size, digest }: Descriptor,
  must: { readonly beExecutable?: boolean; readonly stay?: boolean } = {},
): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(folder.at(name), FLAGS);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ELOOP', 'ENXIO', 'EACCES', 'EISDIR')) return undefined;
    throw error;
  }
  try {
    const found = await file.stat();
    // One that was replaced in this moment has no name any more.
    if (!found.isFile() || found.nlink > 1 || found.size !== size) return undefined;
    if (must.beExecutable !== undefined && ((found.mode & 0o111) !== 0) !== must.beExecutable) return undefined;
    const digester = new Digester(algorithmOf(digest));
    const stream = file.createReadStream({ start: 0, highWaterMark: 256 * 1024, autoClose: false });
    for await (const chunk of stream) digester.update(chunk as Uint8Array);
    if (must.stay === false) return digester.digest();
    const now = await lstat(folder.at(name)).catch(() => undefined);
    return now?.ino === found.ino && now.dev === found.dev ? digester.digest() : undefined;
  } finally {
    await file.close();
  }
}
