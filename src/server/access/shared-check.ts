/** One check of a login for all requests that wait for it; it is aborted when all of their clients have gone. */
export class SharedCheck {
  readonly #abort = new AbortController();
  readonly #result: Promise<boolean>;
  readonly #end: () => void;
  #clients = 0;

  /** @param end called when nobody may join any more, perhaps twice */
  constructor(check: (signal: AbortSignal) => Promise<boolean>, end: () => void) {
    this.#end = end;
    this.#result = check(this.#abort.signal).finally(end);
    // Those who wait are told; there may be nobody left.
    this.#result.catch(() => undefined);
  }

  /** @throws the reason of the signal where the client goes before there is a result */
  async join(signal?: AbortSignal): Promise<boolean> {
    const gone = Promise.withResolvers<never>();
    const leave = (): void => {
      gone.reject(signal?.reason);
      if (--this.#clients > 0) return;
      this.#end();
      this.#abort.abort(signal?.reason);
    };
    this.#clients++;
    if (signal?.aborted === true) leave();
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.#result, gone.promise]);
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }
}
