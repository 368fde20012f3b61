import type { Digester } from '#core';
import { KeyedLock } from './keyed-lock.ts';

/** What the process knows of an upload beside its file; it can be done without. */
export interface Session {
  /** The digest of all bytes in the file so far; undefined when it must be taken from the file. */
  digester: Digester | undefined;
}

interface Held extends Session {
  /** Tells the request at work on the upload to stop. */
  current: AbortController | undefined;
}

/** Sessions kept beyond this are forgotten, the longest unused first; their digests are taken from the files then. */
const MOST_SESSIONS = 1000;

/** The uploads of a process, by their files: one request at a time works on each, the newest one. */
export class Sessions {
  readonly #held = new Map<string, Held>();
  readonly #lock = new KeyedLock();

  /** The session of an upload, which becomes the most recently used one. */
  of(path: string): Session {
    return this.#hold(path);
  }

  /** Forgets an upload that has ended. */
  forget(path: string): void {
    this.#held.delete(path);
  }

  /** Runs an action on an upload, after it has told the one at work there to stop and that one has stopped. */
  async enter<T>(path: string, action: (session: Session, signal: AbortSignal) => Promise<T>): Promise<T> {
    const mine = new AbortController();
    const known = this.#hold(path);
    known.current?.abort();
    known.current = mine;
    return await this.#lock.run(path, async () => {
      const held = this.#hold(path);
      held.current ??= mine;
      try {
        return await action(held, mine.signal);
      } finally {
        if (held.current === mine) held.current = undefined;
      }
    });
  }

  #hold(path: string): Held {
    const held = this.#held.get(path) ?? { digester: undefined, current: undefined };
    this.#held.delete(path);
    this.#held.set(path, held);
    for (const [oldest, { current }] of this.#held) {
      if (this.#held.size <= MOST_SESSIONS) break;
      if (current === undefined) this.#held.delete(oldest);
    }
    return held;
  }
}
