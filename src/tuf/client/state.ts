import { join } from 'node:path';
import { type Instant, instantFrom, withLock, writeFileDurable } from '#core';
import { readBounded } from '../files.ts';
import { maxTargetsBytes } from '../metadata.ts';

/**
 * What a client remembers between two runs. It is not trusted: each document is verified again before it is used, and
 * written only after it is verified.
 */
export interface ClientState {
  /** A document as it was last written: `timestamp`, `snapshot`, `targets`, the name of a delegated role, `5.root`. */
  read(document: string): Promise<Uint8Array | undefined>;
  write(document: string, bytes: Uint8Array): Promise<void>;
  /** The latest time at which a refresh was made. */
  readTime(): Promise<Instant | undefined>;
  writeTime(time: Instant): Promise<void>;
  /** Runs `work` while no other process refreshes this state. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** A state that ends with the process. */
export function memoryState(): ClientState {
  const documents = new Map<string, Uint8Array>();
  let latest: Instant | undefined;
  return {
    read: async (document) => documents.get(document),
    write: async (document, bytes) => void documents.set(document, bytes),
    readTime: async () => latest,
    writeTime: async (time) => {
      latest = time;
    },
    exclusively: (work) => work(),
  };
}

/** Not `.json`: everything that ends so is metadata. */
const TIME_FILE = 'latest-known-time';
const LOCK_FILE = '.lock';
const MAX_TIME_BYTES = 64;

/**
 * A state in a directory: `root.json` and the other roles under the names that TUF clients use, older roots in
 * `root_history/`.
 */
export function directoryState(dir: string, lockTimeoutMs = 0): ClientState {
  const pathOf = (document: string) =>
    /^\d+\.root$/.test(document) ? join(dir, 'root_history', `${document}.json`) : join(dir, `${document}.json`);
  return {
    read: (document) => readBounded(pathOf(document), pathOf(document), maxTargetsBytes),
    write: (document, bytes) => writeFileDurable(pathOf(document), bytes),
    async readTime() {
      const bytes = await readBounded(join(dir, TIME_FILE), TIME_FILE, MAX_TIME_BYTES);
      return bytes === undefined ? undefined : instantFrom(Buffer.from(bytes).toString('latin1').trim());
    },
    writeTime: (time) => writeFileDurable(join(dir, TIME_FILE), `${time}\n`),
    exclusively: (work) => withLock(join(dir, LOCK_FILE), { timeoutMs: lockTimeoutMs }, work),
  };
}
