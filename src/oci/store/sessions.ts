import { performance } from 'node:perf_hooks';
import { CodedError, type Digest, type Digester } from '#core';

/** What the process knows of an upload beside its file; it can be done without. */
export interface Session {
  /** The digest of all bytes in the file so far; undefined when it must be taken from the file. */
  digester: Digester | undefined;
  /** The size in bytes that the request at work found; undefined where it has added nothing yet, or there is none. */
  sizeAtStart: number | undefined;
}

/** A request's turn on an upload. */
export interface Turn {
  /** Tells the request to stop. */
  readonly signal: AbortSignal;
  /** Whether another request was at work on the upload when this one came. */
  readonly waited: boolean;
  /** To be called whenever bytes have come: a request that they have stopped coming to may be ended by the next. */
  readonly moved: () => void;
}

/** How requests on one upload wait for one another. */
export interface SessionLimits {
  /** A request is taken for given up by its client when no byte has come for so long. */
  readonly stalledAfterMs: number;
  /** How long a request waits for another that goes on. */
  readonly longestWaitMs: number;
  /** How many wait for one upload. */
  readonly waiting: number;
}

const LIMITS: SessionLimits = { stalledAfterMs: 5_000, longestWaitMs: 10_000, waiting: 16 };

interface Current {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  movedAt: number;
}

interface Held extends Session {
  /** The request at work on the upload. */
  current: Current | undefined;
  waiting: number;
}

/** Sessions kept beyond this are forgotten, the longest unused first; their digests are taken from the files then. */
const MOST_SESSIONS = 1000;

/** The uploads of a process, by their files. One request at a time works on each; others wait, or are refused. */
export class Sessions {
  readonly #limits: SessionLimits;
  readonly #held = new Map<string, Held>();
  /** What uploads have become, the oldest first. */
  readonly #published = new Map<string, Digest>();

  constructor(limits: SessionLimits = LIMITS) {
    this.#limits = limits;
  }

  /** The session of an upload, which becomes the most recently used one. */
  of(path: string): Session {
    return this.#hold(path);
  }

  /** Forgets an upload that has ended. */
  forget(path: string): void {
    const held = this.#held.get(path);
    if (held !== undefined && held.current === undefined && held.waiting === 0) this.#held.delete(path);
    else if (held !== undefined) held.digester = undefined;
  }

  /** Remembers for a while what an upload has become: its client may not have got the answer, and send it again. */
  publish(path: string, digest: Digest): void {
    this.#published.set(path, digest);
    const [oldest] = this.#published.keys();
    if (this.#published.size > MOST_SESSIONS && oldest !== undefined) this.#published.delete(oldest);
  }

  /** The blob that an upload has become; undefined where that is not known, or has not happened. */
  published(path: string): Digest | undefined {
    return this.#published.get(path);
  }

  /**
   * Runs an action on an upload when no other request is at work there. One that gets no more bytes is ended: it
   * belongs to a connection that its client has given up.
   *
   * @param endOther ends the other at once
   * @throws CodedError ERR_EXPORT_LOCKED where the other goes on
   */
  async enter<T>(
    path: string,
    action: (session: Session, turn: Turn) => Promise<T>,
    { endOther = false }: { readonly endOther?: boolean } = {},
  ): Promise<T> {
    const held = this.#hold(path);
    const waited = held.current !== undefined;
    if (endOther) held.current?.controller.abort();
    const until = performance.now() + this.#limits.longestWaitMs;
    // Whoever finds nobody at work takes the turn before anybody else looks.
    while (held.current !== undefined) await this.#wait(held, held.current, until);
    const controller = new AbortController();
    const ended = Promise.withResolvers<void>();
    const current = { controller, ended: ended.promise, movedAt: performance.now() };
    const moved = (): void => {
      current.movedAt = performance.now();
    };
    held.current = current;
    try {
      return await action(held, { signal: controller.signal, waited, moved });
    } finally {
      held.current = undefined;
      ended.resolve();
    }
  }

  /** Waits until the other has ended, or it is time to look again. */
  async #wait(held: Held, other: Current, until: number): Promise<void> {
    const now = performance.now();
    const stalledAt = other.movedAt + this.#limits.stalledAfterMs;
    if (now >= until || held.waiting >= this.#limits.waiting) throw busy();
    if (now >= stalledAt) other.controller.abort();
    const time = Promise.withResolvers<void>();
    const timer = setTimeout(
      time.resolve,
      Math.ceil((now >= stalledAt ? until : Math.min(until, stalledAt)) - now) + 1,
    );
    held.waiting++;
    try {
      await Promise.race([other.ended, time.promise]);
    } finally {
      held.waiting--;
      clearTimeout(timer);
    }
  }

  #hold(path: string): Held {
    const held = this.#held.get(path) ?? {
      digester: undefined,
      sizeAtStart: undefined,
      current: undefined,
      waiting: 0,
    };
    this.#held.delete(path);
    this.#held.set(path, held);
    for (const [oldest, { current, waiting }] of this.#held) {
      if (this.#held.size <= MOST_SESSIONS) break;
      if (current === undefined && waiting === 0) this.#held.delete(oldest);
    }
    return held;
  }
}

function busy(): CodedError {
  return new CodedError('ERR_EXPORT_LOCKED', 'another request is writing to this upload', {
    hint: 'wait for it to end, then query the upload status and resume from there',
  });
}
