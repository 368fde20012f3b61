/** One check of a login for all requests that wait for it; it is aborted when all their clients have disconnected. */
export class SharedCheck {
  readonly #abort = new AbortController();
  readonly #result: Promise<boolean>;
  readonly #end: () => void;
  #clients = 0;

  /** @param end called when no more requests may join; may be called twice */
  constructor(check: (signal: AbortSignal) => Promise<boolean>, end: () => void) {
    this.#end = end;
    this.#result = check(this.#abort.signal).finally(end);
    // Not an unhandled rejection: each waiting request gets the error, and there may be none left.
    this.#result.catch(() => undefined);
  }

  /** @throws the reason of the signal if the client disconnects before there is a result */
  async join(signal?: AbortSignal): Promise<boolean> {
    const disconnected = Promise.withResolvers<never>();
    const leave = (): void => {
      disconnected.reject(signal?.reason);
      if (--this.#clients > 0) return;
      this.#end();
      this.#abort.abort(signal?.reason);
    };
    this.#clients++;
    if (signal?.aborted === true) leave();
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.#result, disconnected.promise]);
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }
}
