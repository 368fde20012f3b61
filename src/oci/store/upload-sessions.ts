import { performance } from 'node:perf_hooks';
import { CodedError, type Digest, type Digester } from '#core';

/** State of an upload that the process keeps in memory; after a restart it is computed from the upload's bytes. */
export interface UploadSession {
  /** Has hashed all bytes so far; undefined if they must be read again. */
  digester: Digester | undefined;
  /** The size in bytes when the running request started to write; undefined otherwise. */
  sizeAtStart: number | undefined;
}

/** Exclusive access of a request to an upload. */
export interface Turn {
  /** Tells the request to stop. */
  readonly signal: AbortSignal;
  /** Whether this request waited for another one on the same upload. */
  readonly waited: boolean;
  /** To be called whenever bytes have arrived: the next request may abort one that receives none. */
  readonly onReceived: () => void;
}

/** How concurrent requests on one upload wait for one another. */
export interface UploadSessionLimits {
  /** A request that has received nothing for this long counts as abandoned by its client. */
  readonly stalledAfterMs: number;
  /** How long a request waits for one that is still receiving. */
  readonly maxWaitMs: number;
  /** How many requests may wait for one upload. */
  readonly waiting: number;
}

const LIMITS: UploadSessionLimits = { stalledAfterMs: 5_000, maxWaitMs: 10_000, waiting: 16 };

interface Current {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  receivedAt: number;
}

interface Entry extends UploadSession {
  /** The request that has access to the upload. */
  current: Current | undefined;
  waiting: number;
}

/** Above this number the least recently used sessions are evicted. */
const MAX_SESSIONS = 1000;

/** The upload sessions of a process. One request at a time has access to an upload; others wait, or are refused. */
export class UploadSessions {
  readonly #limits: UploadSessionLimits;
  readonly #entries = new Map<string, Entry>();
  /** The digests of finished uploads, oldest first. */
  readonly #published = new Map<string, Digest>();

  constructor(limits: UploadSessionLimits = LIMITS) {
    this.#limits = limits;
  }

  /** The session of an upload; marks it as recently used. */
  of(path: string): UploadSession {
    return this.#entryOf(path);
  }

  /** Removes the session of an upload that has ended. */
  forget(path: string): void {
    const entry = this.#entries.get(path);
    if (entry !== undefined && entry.current === undefined && entry.waiting === 0) this.#entries.delete(path);
    else if (entry !== undefined) entry.digester = undefined;
  }

  /** Remembers the blob of a finished upload for a while: a client that missed the response may repeat the request. */
  publish(path: string, digest: Digest): void {
    this.#published.set(path, digest);
    const [oldest] = this.#published.keys();
    if (this.#published.size > MAX_SESSIONS && oldest !== undefined) this.#published.delete(oldest);
  }

  /** The blob of a finished upload; undefined if it is not finished or not remembered. */
  published(path: string): Digest | undefined {
    return this.#published.get(path);
  }

  /**
   * Runs an action when no other request has access to the upload. A request that receives no more bytes is aborted:
   * its client has abandoned the connection.
   *
   * @param endOther aborts the other request at once
   * @throws CodedError ERR_EXPORT_LOCKED if the other request is still receiving
   */
  async enter<T>(
    path: string,
    action: (session: UploadSession, turn: Turn) => Promise<T>,
    { endOther = false }: { readonly endOther?: boolean } = {},
  ): Promise<T> {
    const entry = this.#entryOf(path);
    const waited = entry.current !== undefined;
    if (endOther) entry.current?.controller.abort();
    const until = performance.now() + this.#limits.maxWaitMs;
    // No await between this loop and the assignment below, so that only one request gets access.
    while (entry.current !== undefined) await this.#wait(entry, entry.current, until);
    const controller = new AbortController();
    const ended = Promise.withResolvers<void>();
    const current = { controller, ended: ended.promise, receivedAt: performance.now() };
    const onReceived = (): void => {
      current.receivedAt = performance.now();
    };
    entry.current = current;
    try {
      return await action(entry, { signal: controller.signal, waited, onReceived });
    } finally {
      entry.current = undefined;
      ended.resolve();
    }
  }

  /** Waits until the other request has ended, or until it is time to check again. */
  async #wait(entry: Entry, other: Current, until: number): Promise<void> {
    const now = performance.now();
    const stalledAt = other.receivedAt + this.#limits.stalledAfterMs;
    if (now >= until || entry.waiting >= this.#limits.waiting) throw busy();
    if (now >= stalledAt) other.controller.abort();
    const time = Promise.withResolvers<void>();
    const timer = setTimeout(
      time.resolve,
      Math.ceil((now >= stalledAt ? until : Math.min(until, stalledAt)) - now) + 1,
    );
    entry.waiting++;
    try {
      await Promise.race([other.ended, time.promise]);
    } finally {
      entry.waiting--;
      clearTimeout(timer);
    }
  }

  #entryOf(path: string): Entry {
    const entry = this.#entries.get(path) ?? {
      digester: undefined,
      sizeAtStart: undefined,
      current: undefined,
      waiting: 0,
    };
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    for (const [oldest, { current, waiting }] of this.#entries) {
      if (this.#entries.size <= MAX_SESSIONS) break;
      if (current === undefined && waiting === 0) this.#entries.delete(oldest);
    }
    return entry;
  }
}

function busy(): CodedError {
  return new CodedError('ERR_EXPORT_LOCKED', 'another request is writing to this upload', {
    hint: 'wait for it to end, then query the upload status and resume from there',
  });
}
