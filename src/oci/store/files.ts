import { open, readFile, stat, unlink, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, isSystemError, makeFolder, syncFolder, systemClock, writeFileDurable } from '#core';

/** Runs an action that needs a folder; makes the folder and runs it again when it was missing. */
export async function inFolder<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isMissing(error)) throw fileError(error, folder);
  }
  await makeFolder(folder);
  try {
    return await action();
  } catch (error) {
    throw fileError(error, folder);
  }
}

/** Puts a small file in place, whole or not at all, and the folders above it. */
export async function writeSmallFile(path: string, bytes: Uint8Array | string, tempDir: string): Promise<void> {
  await makeFolder(dirname(path));
  await writeFileDurable(path, bytes, { tempDir });
}

/** Makes an empty file whose being there is all that it says. */
export async function writeMark(path: string): Promise<void> {
  const folder = dirname(path);
  await inFolder(folder, async () => {
    const file = await open(path, 'a');
    await file.close();
  });
  await syncFolder(folder);
}

/** The bytes of a small file; undefined where there is none. */
export async function readSmallFile(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

/** The size of a file in bytes; undefined where there is no such file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

/** Whether there is a file. */
export async function isThere(path: string): Promise<boolean> {
  return (await sizeOf(path)) !== undefined;
}

/** Whether there is a folder. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error, path);
  }
}

/** Takes a file away, durably. False when it was not there. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error, path);
  }
  await syncFolder(dirname(path)).catch((error: unknown) => {
    if (!isMissing(error)) throw fileError(error, path);
  });
  return true;
}

/** A file used within this time counts as just used, so that using it often costs no writes. */
const FRESH_MS = 60_000;

/** Sets a file's time to now, which keeps garbage collection off it. False when it is not there. */
export async function touch(path: string): Promise<boolean> {
  const now = systemClock.now();
  try {
    await utimes(path, now, now);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error, path);
  }
}

/** The size of a file in bytes, which is used now, as `touch` would have it; undefined where there is none. */
export async function useFile(path: string): Promise<number | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    if (systemClock.now().getTime() - mtimeMs < FRESH_MS || (await touch(path))) return size;
    return undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

/** Whether the error says that a file or a folder on the way to it is not there. */
export function isMissing(error: unknown): boolean {
  return isSystemError(error, 'ENOENT', 'ENOTDIR');
}
