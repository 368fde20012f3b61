import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CodedError, isCoded } from './errors.ts';
import { fileError, isSystemError, readPart } from './file.ts';
import { FolderGuard, linkRefused } from './folder-guard.ts';
import { isAlive, thisOwner } from './owner.ts';
import { pause } from './pause.ts';

/** How long to wait for a lock. */
export interface LockOptions {
  /** 30 s unless told. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether a full disk is no obstacle: the lock is then an empty file, which nobody takes over from a killed process. */
  readonly mayBeEmpty?: boolean | undefined;
  /** Writes to no folder that a link leads to; the lock's own folder may be a link unless told. */
  readonly guard?: FolderGuard | undefined;
}

const POLL_MS = 5;
const MAX_POLL_MS = 100;

/**
 * Runs `work` while this process holds the lock file `path`. A lock whose process has ended is taken over;
 * one of a live process, or of a process that cannot be judged from here, never is.
 *
 * @throws CodedError ERR_EXPORT_LOCKED when it is still held after the time-out
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const guard = options.guard ?? new FolderGuard(dirname(path));
  const content = await acquire(path, { ...options, guard });
  try {
    return await work();
  } finally {
    await release(path, content, guard);
  }
}

interface GuardedOptions extends LockOptions {
  readonly guard: FolderGuard;
}

async function acquire(path: string, options: GuardedOptions): Promise<string> {
  let content = `${thisOwner()} ${randomBytes(12).toString('hex')}`;
  const deadline = performance.now() + (options.timeoutMs ?? 30_000);
  for (let wait = POLL_MS; ; wait = Math.min(wait * 2, MAX_POLL_MS)) {
    options.signal?.throwIfAborted();
    try {
      if (await create(path, content, options.guard)) return content;
    } catch (error) {
      if (options.mayBeEmpty !== true || content === '' || !isCoded(error, 'ERR_EXPORT_DISK_FULL')) throw error;
      content = '';
      continue;
    }
    const holder = (await readHolder(path)) ?? '';
    if (isAlive(holder.split(' ')[0] as string) === false && (await takeOver(path, holder, content, options))) {
      return content;
    }
    if (performance.now() > deadline) throw locked(path, holder);
    // One that has just been given back is tried for at once.
    await pause(holder === '' ? 0 : wait, options.signal);
  }
}

/** Makes the lock file with its content at once: a lock is never seen empty. */
async function create(path: string, content: string, guard: FolderGuard): Promise<boolean> {
  const temp = tempName(path);
  try {
    await guard.makeFolder(dirname(path));
    return await guard.within(dirname(path), async (folder) => {
      const own = join(folder, basename(temp));
      try {
        await writeFile(own, content, { flag: 'wx' });
        await link(own, join(folder, basename(path)));
        return true;
      } finally {
        await rm(own, { force: true });
      }
    });
  } catch (error) {
    // The folder may have been tidied away in between: then it is tried again like a lock that is held.
    if (isSystemError(error, 'EEXIST', 'ENOENT')) return false;
    // Some file systems (FAT on a stick) have no links.
    if (isSystemError(error, 'EPERM', 'ENOTSUP', 'ENOSYS')) return createPlain(path, content, guard);
    throw fileError(error, path);
  }
}

async function createPlain(path: string, content: string, guard: FolderGuard): Promise<boolean> {
  try {
    await guard.at(path, (own) => writeFile(own, content, { flag: 'wx' }));
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw fileError(error, path);
  }
}

/**
 * Replaces the lock of a dead process. Who may do so is settled by a lock of its own, named after that one lock,
 * and only its holder ever replaces it; so of two that find it dead, the second finds it taken.
 */
async function takeOver(path: string, dead: string, content: string, options: GuardedOptions): Promise<boolean> {
  return withLock(`${path}.${dead.split(' ')[1] ?? 'dead'}`, options, async () => {
    if ((await readHolder(path)) !== dead) return false;
    const temp = tempName(path);
    try {
      await options.guard.at(temp, (own) => writeFile(own, content, { flag: 'wx' }));
      await options.guard.rename(temp, path);
      return true;
    } catch (error) {
      await options.guard.at(temp, (own) => rm(own, { force: true })).catch(() => undefined);
      throw fileError(error, path);
    }
  });
}

function tempName(path: string): string {
  return `${path}.${thisOwner()}.${randomBytes(9).toString('hex')}.tmp`;
}

async function release(path: string, content: string, guard: FolderGuard): Promise<void> {
  if ((await readHolder(path)) === content) await guard.at(path, (own) => rm(own, { force: true }));
}

/** A pipe is not waited for, and no link is followed. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** More than any holder has; in bytes. */
const MAX_HOLDER = 1024;

async function readHolder(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, READ_FLAGS);
    if (!(await file.stat()).isFile()) throw notFile(path);
    return (await readPart(file, MAX_HOLDER, 0)).toString('latin1');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    if (isSystemError(error, 'ELOOP')) throw linkRefused(path);
    throw fileError(error, path);
  }
}

function notFile(path: string): CodedError {
  return new CodedError('ERR_EXPORT_NOT_WRITABLE', `${path}: not a regular file, so it cannot be a lock`, {
    hint: 'find out who put it there, and remove it',
    details: { path },
  });
}

function locked(path: string, holder: string): CodedError {
  const pid = /^\d+/.exec(holder)?.[0] ?? 'unknown';
  return new CodedError('ERR_EXPORT_LOCKED', `${path}: held by process ${pid}, here or on another machine`, {
    hint: `wait for it to exit; if it is no longer running, remove ${path}`,
    details: { path, pid },
  });
}
