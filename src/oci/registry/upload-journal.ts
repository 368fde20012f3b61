import { hash, randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, FolderGuard, isAlive, parseJsonObject, thisOwner } from '#core';
import { resolveLocation } from './origin.ts';
import type { Remote } from './remote.ts';
import type { UploadSession } from './upload.ts';

/** Uploads that this process has under way. */
const active = new Set<string>();

/**
 * The upload session of one large blob, written down so that another process goes on with it after a kill. The files
 * are the user's alone: who knows a session's location may, with some registries, write to it.
 */
export class UploadJournal {
  readonly #path: string | undefined;
  readonly #folder: string;
  readonly #guard: FolderGuard;
  readonly #remote: Remote;
  #held = false;

  constructor(remote: Remote, digest: Digest) {
    this.#remote = remote;
    this.#folder = remote.stateFolder ?? '';
    // Below the user's own folder for state: what is there may be a link of anybody who may write to it.
    this.#guard = new FolderGuard(join(this.#folder, '..', '..'));
    const key = hash('sha256', `${remote.client.origin.origin}\n${remote.repository}\n${digest}`);
    this.#path = remote.stateFolder === undefined ? undefined : join(this.#folder, `${key}.json`);
  }

  /** The session that a run which has ended left open. From now on this process has the upload. */
  async take(): Promise<UploadSession | undefined> {
    if (this.#path === undefined || active.has(this.#path)) return undefined;
    active.add(this.#path);
    this.#held = true;
    try {
      const { owner, location, minChunkBytes } = parseJsonObject(await readFile(this.#path), this.#path);
      if (typeof owner !== 'string' || typeof location !== 'string' || typeof minChunkBytes !== 'number')
        return undefined;
      if (owner !== thisOwner() && isAlive(owner) !== false) return undefined;
      const rules = { what: 'upload location', registry: this.#remote.client.origin, liftScheme: true };
      return { location: resolveLocation(location, this.#remote.client.origin, rules), minChunkBytes };
    } catch {
      // None, or none of use: the upload begins anew.
      return undefined;
    }
  }

  /** Writes down where an upload goes on. That it cannot be written costs a later run time, and nothing else. */
  async keep({ location, minChunkBytes }: UploadSession): Promise<void> {
    if (this.#path === undefined || !this.#held) return;
    const text = JSON.stringify({ owner: thisOwner(), location: location.href, minChunkBytes });
    const temp = `${this.#path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      await this.#guard.makeFolder(this.#folder, 0o700);
      await this.#guard.at(temp, (own) => writeFile(own, text, { mode: 0o600, flag: 'wx' }));
      await this.#guard.rename(temp, this.#path);
    } catch {
      await this.#remove(temp);
    }
  }

  /** Ends this process's upload: whether there is something to go on with. */
  async end(open: boolean): Promise<void> {
    if (this.#path === undefined || !this.#held) return;
    active.delete(this.#path);
    this.#held = false;
    if (!open) await this.#remove(this.#path);
  }

  async #remove(path: string): Promise<void> {
    await this.#guard.at(path, (own) => rm(own, { force: true })).catch(() => undefined);
  }
}
