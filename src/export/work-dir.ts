import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError, fileError } from '#core';

/**
 * Runs `use` with a new folder for temporary files, below TMPDIR, and removes it whatever happens.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_DISK_FULL, ERR_EXPORT_IO
 */
export async function withWorkDir<T>(use: (workDir: string) => Promise<T>): Promise<T> {
  const workDir = await makeWorkDir();
  try {
    return await use(workDir);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function makeWorkDir(): Promise<string> {
  const parent = tmpdir();
  try {
    return await mkdtemp(join(parent, 'export-center-'));
  } catch (error) {
    const { code, message, details } = fileError(error, parent);
    const hint = 'set TMPDIR to a folder on a writable file system with room for temporary files';
    throw new CodedError(code, message, { hint, details, cause: error });
  }
}
