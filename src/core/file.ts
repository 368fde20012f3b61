import { randomBytes } from 'node:crypto';
import { constants, type FileHandle, mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CodedError, type ErrorCode, type ErrorFacts } from './errors.ts';

/** How a file is put in place. */
export interface WriteFileOptions {
  /** Permission bits of the file; default: 0o644. Not narrowed by the umask. */
  readonly mode?: number;
}

/**
 * Puts a file in place whole or not at all: temporary file, fsync, rename, fsync of the folder.
 * Makes missing folders. An existing file is replaced.
 *
 * @throws CodedError ERR_EXPORT_DISK_FULL, ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_IO
 */
export async function writeFileDurable(
  path: string,
  bytes: Uint8Array | string,
  options: WriteFileOptions = {},
): Promise<void> {
  const temp = join(dirname(path), `.${randomBytes(9).toString('hex')}.tmp`);
  try {
    await makeFolder(dirname(path));
    const file = await open(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await file.writeFile(bytes);
      await file.chmod(options.mode ?? 0o644);
      await syncIfSupported(file.sync());
    } finally {
      await file.close();
    }
    await rename(temp, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temp, { force: true }).catch(() => undefined);
    throw fileError(error, path);
  }
}

/**
 * Makes a folder and what is missing above it, so that all of them survive a power cut. One that is there is fine.
 * Step by step: Node's own recursive mkdir says ENOENT on a read-only file system.
 *
 * @throws CodedError ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_DISK_FULL, ERR_EXPORT_IO
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeOneFolder(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT') || dirname(path) === path) throw fileError(error, path);
    await makeFolder(dirname(path));
    await makeOneFolder(path).catch((cause: unknown) => {
      throw fileError(cause, path);
    });
  }
}

async function makeOneFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes renames and new names in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle;
  try {
    folder = await open(path, constants.O_RDONLY);
  } catch (error) {
    // One that may only be written to; the rename itself has happened.
    if (isSystemError(error, 'EISDIR', 'EPERM', 'EACCES')) return;
    throw error;
  }
  try {
    // SMB shares give any of these for a folder.
    await syncIfSupported(folder.sync(), 'ENOENT', 'EISDIR', 'EPERM', 'EACCES');
  } finally {
    await folder.close();
  }
}

/**
 * Refuses to put a file in the place of a directory, a pipe or a device. It is to be called before the work that makes
 * the file.
 *
 * @throws CodedError ERR_EXPORT_NOT_WRITABLE
 */
export async function requireFilePlace(path: string): Promise<void> {
  try {
    if ((await stat(path)).isFile()) return;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw fileError(error, path);
  }
  throw new CodedError('ERR_EXPORT_NOT_WRITABLE', `${path}: exists, and is not a regular file`, {
    hint: 'specify a file, or a name that does not exist yet',
    details: { path },
  });
}

/** How a file system says that it has no fsync; which of them it says depends on the system and the driver. */
const NO_FSYNC = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENOTTY'];

/**
 * Waits for an fsync. Some file systems (SMB shares, FUSE) have none: what was written there is as safe as it can be.
 *
 * @param codes that mean the same here
 */
export async function syncIfSupported(fsync: Promise<void>, ...codes: string[]): Promise<void> {
  try {
    await fsync;
  } catch (error) {
    if (!isSystemError(error, ...NO_FSYNC, ...codes)) throw error;
  }
}

/** Whether `error` comes from the system with one of these codes (ENOENT, EEXIST …). */
export function isSystemError(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

const SYSTEM_FAULTS: Readonly<Record<string, readonly [ErrorCode, string, string]>> = {
  ENOSPC: ['ERR_EXPORT_DISK_FULL', 'no space left on the device', 'free some space, then run the same command again'],
  EDQUOT: ['ERR_EXPORT_DISK_FULL', 'disk quota exceeded', 'free some space, then run the same command again'],
  EACCES: ['ERR_EXPORT_NOT_WRITABLE', 'permission denied', 'check the permissions, or specify another directory'],
  EPERM: ['ERR_EXPORT_NOT_WRITABLE', 'operation not permitted', 'check the permissions, or specify another directory'],
  EROFS: ['ERR_EXPORT_NOT_WRITABLE', 'the file system is read-only', 'specify a directory on a writable file system'],
  ENOENT: ['ERR_EXPORT_NOT_FOUND', 'no such file or directory', 'check the path'],
  ENOTDIR: ['ERR_EXPORT_IO', 'a part of the path is not a directory', 'check the path'],
  EISDIR: ['ERR_EXPORT_IO', 'is a directory', 'specify a file'],
};

/** The coded form of a file system's error; errors that are coded already pass as they are. */
export function fileError(error: unknown, path: string): CodedError {
  if (error instanceof CodedError) return error;
  const code = isSystemError(error, ...Object.keys(SYSTEM_FAULTS)) ? String(error.code) : '';
  const [coded, what, hint] = SYSTEM_FAULTS[code] ?? ['ERR_EXPORT_IO', describe(error), 'check the path and the disk'];
  const facts: ErrorFacts = { hint, details: { path, system: code }, cause: error };
  return new CodedError(coded, `${path}: ${what}`, facts);
}

/** As fileError, for a folder below TMPDIR: often that is a small file system of its own, where nothing can be freed. */
export function tempFileError(error: unknown, folder: string): CodedError {
  const coded = fileError(error, folder);
  const { code, message, details, cause } = coded;
  if (!TEMP_FAULTS.includes(code) || !String(details['path']).startsWith(folder)) return coded;
  const hint = 'set TMPDIR to a directory on a writable file system with room for temporary files';
  return new CodedError(code, message, { hint, details, cause });
}

const TEMP_FAULTS: readonly ErrorCode[] = ['ERR_EXPORT_DISK_FULL', 'ERR_EXPORT_NOT_WRITABLE', 'ERR_EXPORT_NOT_FOUND'];

/**
 * Makes a folder for temporary files below TMPDIR.
 *
 * @throws CodedError as tempFileError
 */
export async function makeTempFolder(prefix: string): Promise<string> {
  const parent = tmpdir();
  try {
    return await mkdtemp(join(parent, prefix));
  } catch (error) {
    throw tempFileError(error, parent);
  }
}

function describe(error: unknown): string {
  return error instanceof Error && 'code' in error
    ? `the system says ${String((error as NodeJS.ErrnoException).code)}`
    : 'cannot be read or written';
}

/** What is read at any position: an open file, or several of which each holds a part. */
export interface SeekableFile {
  /** As read of a FileHandle: one read may give less than there is; 0 at the end. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  stat(): Promise<{ readonly size: number }>;
  close(): Promise<void>;
}

/**
 * The `size` bytes of a file from `position` on; fewer only where the file ends before. One read may give less at any
 * time (POSIX read), so that its count says nothing of the file.
 */
export async function readPart(file: Pick<SeekableFile, 'read'>, size: number, position: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(bytes, filled, size - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
