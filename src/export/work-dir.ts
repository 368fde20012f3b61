import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, isCoded, makeTempFolder, ownerIn, tempFileError, thisOwner } from '#core';

/** Begins the names of such folders; the process that made one follows. */
const PREFIX = 'export-center.';

/**
 * Runs `use` with a new folder for temporary files, below TMPDIR, and removes it whatever happens. Those of processes
 * that were killed are removed before.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_DISK_FULL, ERR_EXPORT_IO
 */
export async function withWorkDir<T>(use: (workDir: string) => Promise<T>): Promise<T> {
  const workDir = await makeWorkDir();
  try {
    return await use(workDir);
  } catch (error) {
    throw isCoded(error) ? tempFileError(error, workDir) : error;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function makeWorkDir(): Promise<string> {
  const parent = tmpdir();
  await removeOrphans(parent).catch((error: unknown) => {
    throw tempFileError(error, parent);
  });
  return makeTempFolder(`${PREFIX}${thisOwner()}.`);
}

async function removeOrphans(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = name.startsWith(PREFIX) ? ownerIn(name.slice(PREFIX.length)) : undefined;
    if (owner === undefined || isAlive(owner) !== false) continue;
    // Another user's is left to that user, and what another process removes at the same time is gone all the same.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}
