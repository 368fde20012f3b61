import { readFile, stat } from 'node:fs/promises';
import { fileError, isSystemError } from '#core';

/** The bytes of a small file; undefined if it does not exist. */
export async function readSmallFile(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

/** The size of a file in bytes; undefined if it does not exist. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

/** Whether a file exists. */
export async function fileExists(path: string): Promise<boolean> {
  return (await sizeOf(path)) !== undefined;
}

/** Whether a directory exists. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error, path);
  }
}

/** Whether the error says that a file or one of its parent directories does not exist. */
export function isMissing(error: unknown): boolean {
  return isSystemError(error, 'ENOENT', 'ENOTDIR');
}
