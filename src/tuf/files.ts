import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileError, isSystemError, readPart } from '#core';
import { metadataInvalid } from './faults.ts';

/** A pipe is not waited for. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * A whole file.
 *
 * @param name what the file is called in an error
 * @returns undefined where there is none
 * @throws CodedError ERR_EXPORT_TUF_INVALID where it is larger than `maxBytes` or not a file, ERR_EXPORT_IO
 */
export async function readBounded(path: string, name: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(path, READ_FLAGS);
    const stats = await file.stat();
    if (!stats.isFile()) throw metadataInvalid(name, 'not a regular file');
    if (stats.size > maxBytes) throw metadataInvalid(name, `${stats.size} bytes, more than ${maxBytes}`);
    return new Uint8Array(await readPart(file, stats.size, 0));
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fileError(error, path);
  }
}
