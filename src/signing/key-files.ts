import { link, lstat, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CodedError, fileError, isSystemError, makeFolder, syncFolder, writeFileDurable } from '#core';
import { encodePublicKey, type KeyPair } from './keys.ts';
import { encodePrivateKey } from './private-key.ts';

/** Paths of a key pair's files. */
export interface KeyFiles {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly trustedRoot: string;
}

const PRIVATE_KEY = 'cosign.key';
const PUBLIC_KEY = 'cosign.pub';
const TRUSTED_ROOT = 'trusted_root.json';

/** A trusted root that trusts nobody: later cosign 2.6s want one for sigstore bundles even where a key is given. */
export const emptyTrustedRoot = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}\n';

/**
 * Writes `cosign.key` (0600), `cosign.pub` and `trusted_root.json` into a folder: all or nothing, and never over
 * a file that is there. Makes the folder, whole in one step, where it is missing; in a folder that is there a run
 * that is killed may leave a part, which the next run takes away before it begins.
 *
 * @throws CodedError ERR_EXPORT_KEY_EXISTS, ERR_EXPORT_LOCKED, ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_DISK_FULL,
 *   ERR_EXPORT_IO
 */
export async function writeKeyPair(dir: string, pair: KeyPair, password: string): Promise<KeyFiles> {
  const folder = resolve(dir);
  const paths = keyFilesIn(dir);
  try {
    const exists = (await statOf(folder)) !== undefined;
    const prefix = exists ? join(folder, PENDING) : join(dirname(folder), `.${basename(folder)}${PENDING}`);
    for (const left of await leftovers(prefix)) await finish(folder, left);
    await refuseExisting(paths);
    const pending = `${prefix}${process.pid}`;
    try {
      await writePending(pending, pair, password, await statOf(paths.trustedRoot));
      if (exists) await linkInto(folder, pending);
      else await moveTo(folder, pending);
    } finally {
      await finish(folder, pending);
    }
    return paths;
  } catch (error) {
    throw fileError(error, dir);
  }
}

/** The paths of a key pair's files in a folder. */
export function keyFilesIn(dir: string): KeyFiles {
  return {
    privateKey: join(dir, PRIVATE_KEY),
    publicKey: join(dir, PUBLIC_KEY),
    trustedRoot: join(dir, TRUSTED_ROOT),
  };
}

/** Begins the name of the folder in which a pair lies until it is whole; the id of the process follows. */
const PENDING = '.cosign-pair.';

/**
 * Folders that killed runs left.
 *
 * @throws CodedError ERR_EXPORT_LOCKED where the process that made one still runs
 */
async function leftovers(prefix: string): Promise<string[]> {
  const [folder, begin] = [dirname(prefix), basename(prefix)];
  if ((await statOf(folder)) === undefined) return [];
  const pids = (await readdir(folder))
    .filter((name) => name.startsWith(begin) && /^\d{1,10}$/.test(name.slice(begin.length)))
    .map((name) => Number(name.slice(begin.length)));
  const running = pids.find((pid) => pid !== process.pid && isRunning(pid));
  if (running === undefined) return pids.map((pid) => `${prefix}${pid}`);
  throw new CodedError('ERR_EXPORT_LOCKED', `${prefix}${running}: process ${running} is writing keys here`, {
    hint: 'wait until it ends; if that process is another program, delete the directory',
    details: { path: `${prefix}${running}`, pid: running },
  });
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return isSystemError(error, 'EPERM');
  }
}

async function refuseExisting({ privateKey, publicKey, trustedRoot }: KeyFiles): Promise<void> {
  const taken = [];
  for (const path of [privateKey, publicKey]) {
    if ((await statOf(path)) !== undefined) taken.push(path);
  }
  if ((await statOf(trustedRoot)) !== undefined) {
    if ((await readFile(trustedRoot, 'utf8')) !== emptyTrustedRoot) taken.push(trustedRoot);
  }
  if (taken.length > 0) throw keyExists(taken);
}

function keyExists(paths: readonly string[]): CodedError {
  return new CodedError('ERR_EXPORT_KEY_EXISTS', `${paths.join(', ')}: already exists, and is not overwritten`, {
    hint: 'use the existing key, or specify another directory with --out',
    details: { paths },
  });
}

async function writePending(pending: string, pair: KeyPair, password: string, rootIsThere: unknown): Promise<void> {
  const sealed = await encodePrivateKey(pair.privateKey, password);
  await makeFolder(pending);
  await writeFileDurable(join(pending, PRIVATE_KEY), sealed, { mode: 0o600 });
  await writeFileDurable(join(pending, PUBLIC_KEY), encodePublicKey(pair.publicKey));
  if (rootIsThere === undefined) await writeFileDurable(join(pending, TRUSTED_ROOT), emptyTrustedRoot);
}

async function moveTo(folder: string, pending: string): Promise<void> {
  try {
    await rename(pending, folder);
  } catch (error) {
    // Somebody made the folder, with something in it, since we looked.
    throw isSystemError(error, 'ENOTEMPTY', 'EEXIST') ? keyExists([folder]) : error;
  }
  await syncFolder(dirname(folder));
}

/** A hard link, unlike a rename, fails where a file of that name is. */
async function linkInto(folder: string, pending: string): Promise<void> {
  for (const name of await readdir(pending)) {
    await link(join(pending, name), join(folder, name)).catch((error: unknown) => {
      throw isSystemError(error, 'EEXIST') ? keyExists([join(folder, name)]) : error;
    });
  }
  await syncFolder(folder);
}

/** Ends a run, ours or one that was killed: a pair that is linked whole stays, a part of one goes. */
async function finish(folder: string, pending: string): Promise<void> {
  if ((await statOf(pending)) === undefined) return;
  const names = await readdir(pending);
  const linked = [];
  for (const name of names) {
    const [ours, there] = [await statOf(join(pending, name)), await statOf(join(folder, name))];
    if (there !== undefined && ours?.ino === there.ino && ours.dev === there.dev) linked.push(name);
  }
  const whole = linked.length === names.length;
  for (const name of whole ? [] : linked) await rm(join(folder, name));
  await rm(pending, { recursive: true, force: true });
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
