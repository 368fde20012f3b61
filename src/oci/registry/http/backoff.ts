import { CodedError, pause } from '#core';
import { final, isTransient } from '../faults.ts';

/** Told when requests to a host are held back. */
type WaitHook = (wait: { readonly host: string; readonly waitMs: number; readonly reason: string }) => void;

/** How patient a run is. */
export interface RetryOptions {
  /** Tries of one request that fails without being told when to come again; 5 unless told. */
  readonly attempts?: number | undefined;
  /** How long a run may be held back in all; 10 minutes unless told. */
  readonly budgetMs?: number | undefined;
  /** The first wait where the host does not say how long; 250 ms unless told, doubled with each failure in a row. */
  readonly firstMs?: number | undefined;
  /**
   * For a server, which runs for ever and whose clients wait: the longest wait. A host that asks for a longer one has
   * failed, and `attempts` also counts tries that it asked to come later.
   */
  readonly longestMs?: number | undefined;
  readonly onWait?: WaitHook | undefined;
}

const MOST_MS = 30_000;

/** One host's wish to be left alone for a while, honoured by all requests to it, and the budget for such waiting. */
export class Backoff {
  readonly #host: string;
  readonly #options: RetryOptions;
  #openAt = 0;
  #failures = 0;
  #leftMs: number;

  constructor(host: string, options: RetryOptions) {
    this.#host = host;
    this.#options = options;
    this.#leftMs = options.budgetMs ?? 600_000;
  }

  /**
   * Runs `work` until it ends well or fails for good: a failure that may pass holds back all requests to this host
   * and is tried again, as often as `attempts` says, or as the budget allows where the host itself asks to wait.
   */
  async retry<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      await this.#pass(signal);
      const failures = this.#failures;
      try {
        const result = await work();
        this.#failures = 0;
        return result;
      } catch (error) {
        if (!isTransient(error)) throw error;
        const toldMs = error.details['retryAfterMs'] as number | undefined;
        // To come again at once is no wish to be left alone.
        const patient = (toldMs ?? 0) > 0 || error.code === 'ERR_EXPORT_RATE_LIMITED';
        const mayWait = patient && this.#options.longestMs === undefined;
        if (!mayWait && attempt >= (this.#options.attempts ?? 5)) throw givenUp(error, `, ${attempt} times`);
        // Of many requests that fail together, one failure counts.
        const counts = failures === this.#failures;
        if (counts || toldMs !== undefined) this.#holdBack(error, toldMs, counts);
      }
    }
  }

  async #pass(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const waitMs = this.#openAt - performance.now();
      if (waitMs <= 0) return;
      await pause(waitMs, signal);
    }
  }

  #holdBack(failure: CodedError, toldMs: number | undefined, counts: boolean): void {
    const now = performance.now();
    const from = Math.max(now, this.#openAt);
    const base = counts ? Math.min((this.#options.firstMs ?? 250) * 2 ** this.#failures, MOST_MS) : 0;
    // Spread over half to the whole, so that many clients do not come back as one. What the host says is the least.
    const waitMs = Math.max(base * (0.5 + Math.random() / 2), (toldMs ?? 0) + Math.random() * 100);
    const addedMs = Math.max(0, now + waitMs - from);
    if (addedMs > this.#leftMs || waitMs > (this.#options.longestMs ?? Number.POSITIVE_INFINITY))
      throw givenUp(failure, `; the next try would be in ${Math.ceil(waitMs / 1000)} s`);
    this.#leftMs -= addedMs;
    this.#openAt = from + addedMs;
    if (counts) this.#failures++;
    this.#options.onWait?.({ host: this.#host, waitMs: Math.round(this.#openAt - now), reason: failure.message });
  }
}

function givenUp(failure: CodedError, when: string): CodedError {
  const { code, hint, details } = failure;
  const facts = { details, cause: failure, ...(hint === undefined ? {} : { hint }) };
  return final(new CodedError(code, `${failure.message}${when}`, facts));
}
