import { HttpProblem } from '../problem.ts';
import {
  type Address,
  isSlowed,
  type Job,
  LoginHistory,
  type LoginQueue,
  type LoginSource,
  type ThrottleLimits,
} from './login-history.ts';

/** Properties of a login that are known before it is checked. */
export interface LoginTraits {
  /** The user exists. Only a right password is answered sooner then, so that timing does not reveal who is a user. */
  readonly isUser?: boolean;
  /** Aborted when the client disconnects: a waiting login is dropped then, but a running check still counts. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a check, and the number of recent failures of its source. */
export interface LoginOutcome {
  readonly matches: boolean;
  readonly failures: number;
}

/**
 * Checks passwords one at a time, round robin over addresses and, within an address, over users. Failures delay the next
 * check of the same user from the same address, but refuse nothing. Once many user names have failed from an address, all
 * its failed logins share one delay, which a right password does not wait for. When too many logins wait, the oldest one
 * of the address with the most of them is refused.
 */
export class LoginThrottle {
  readonly #history: LoginHistory;
  /** The addresses with waiting logins, in the order of their turns. */
  readonly #busy = new Set<Address>();
  #waiting = 0;
  #checking = false;
  #sharedNextAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now a monotonic clock, in milliseconds */
  constructor(limits?: Partial<ThrottleLimits>, now?: () => number) {
    this.#history = new LoginHistory(limits, now);
  }

  /** How many failures cause no delay. */
  get free(): number {
    return this.#history.limits.free;
  }

  /** How many pairs of address and user are kept. */
  get size(): number {
    return this.#history.size;
  }

  /** How many logins wait for a check. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Runs a check when its turn comes, and counts a failure when it gives false. For a user from an address with many
   * failing names it may run twice.
   *
   * @throws HttpProblem ERR_EXPORT_RATE_LIMITED with Retry-After if too many wait already
   * @throws the reason of the signal if the client disconnects while its login waits
   */
  async check(source: LoginSource, check: () => Promise<boolean>, traits: LoginTraits = {}): Promise<LoginOutcome> {
    const address = this.#history.addressOf(source.address);
    if (this.#history.hasManyNames(address)) return await this.#checkAmongMany(source, check, traits);
    const queue = this.#history.queueOf(source);
    const outcome = await this.#checkIn(queue, check, traits.signal);
    if (!outcome.matches && outcome.failures === 1) this.#history.fail(address.names);
    return outcome;
  }

  /** Counts a failure that needs no check, when its turn comes. @returns the number of recent failures */
  async fail(source: LoginSource, signal?: AbortSignal): Promise<number> {
    return (await this.#checkIn(this.#history.queueOf(source), async () => false, signal)).failures;
  }

  /**
   * Every login waits in the queue of the address; if the user exists, also in the user's queue, so that a right password
   * is accepted soon. A wrong one is answered from the queue of the address only, so that timing reveals nothing.
   */
  async #checkAmongMany(
    source: LoginSource,
    check: () => Promise<boolean>,
    traits: LoginTraits,
  ): Promise<LoginOutcome> {
    const { isUser = false, signal } = traits;
    const done = new AbortController();
    const either = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
    const { promise, resolve, reject } = Promise.withResolvers<LoginOutcome>();
    const inTurn = async (isLast: boolean): Promise<boolean> => {
      const matches = await check();
      if (matches || isLast) done.abort();
      return matches;
    };
    const slow = this.#checkIn(this.#history.addressOf(source.address).names, () => inTurn(true), either);
    const soon = isUser ? this.#checkIn(this.#history.queueOf(source), () => inTurn(false), either) : undefined;
    const found = soon?.then(
      (outcome) => (outcome.matches ? resolve(outcome) : undefined),
      () => undefined,
    );
    slow.then(resolve, async (cause) => {
      if (done.signal.aborted) await found;
      else if (cause instanceof HttpProblem) {
        await new Promise((elapsed) => setTimeout(elapsed, this.#history.limits.refusedAfterMs));
        await found;
      }
      reject(cause);
    });
    return await promise;
  }

  async #checkIn(queue: LoginQueue, check: () => Promise<boolean>, signal?: AbortSignal): Promise<LoginOutcome> {
    await this.#turn(queue, signal);
    try {
      const matches = await check();
      if (!matches) this.#history.fail(queue);
      return { matches, failures: queue.failures };
    } finally {
      this.#checking = false;
      this.#runNext();
    }
  }

  /** Resolves when the check of the caller may begin. */
  async #turn(queue: LoginQueue, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (queue.waiting.length >= this.#history.limits.waitingPerQueue) this.#refuse(queue, queue.waiting[0], tooMany());
    else if (this.#waiting >= this.#history.limits.waiting) this.#evictOldest(queue.address);
    const turn = Promise.withResolvers<void>();
    const job: Job = { run: turn.resolve, refuse: turn.reject };
    const drop = () => this.#refuse(queue, job, signal?.reason);
    signal?.addEventListener('abort', drop, { once: true });
    queue.waiting.push(job);
    queue.address.busy.add(queue);
    this.#busy.add(queue.address);
    this.#waiting++;
    this.#runNext();
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener('abort', drop);
    }
  }

  /** Refuses the oldest login of the address with the most waiting logins, including the new one. */
  #evictOldest(coming: Address): void {
    const count = (address: Address): number =>
      [...address.busy].reduce((sum, { waiting }) => sum + waiting.length, address === coming ? 1 : 0);
    const most = [...this.#busy].reduce((a, b) => (count(b) > count(a) ? b : a), coming);
    const [longest] = [...most.busy].sort((a, b) => b.waiting.length - a.waiting.length);
    if (longest === undefined) throw tooMany();
    this.#refuse(longest, longest.waiting[0], tooMany());
  }

  /** Removes a waiting login from its queue and rejects it; does nothing if it no longer waits. */
  #refuse(queue: LoginQueue, job: Job | undefined, reason: unknown): void {
    const index = job === undefined ? -1 : queue.waiting.indexOf(job);
    if (index < 0) return;
    queue.waiting.splice(index, 1);
    this.#waiting--;
    this.#leaveIfIdle(queue);
    job?.refuse(reason);
  }

  #leaveIfIdle(queue: LoginQueue): void {
    const { address } = queue;
    if (queue.waiting.length === 0) address.busy.delete(queue);
    if (address.busy.size === 0) this.#busy.delete(address);
  }

  #runNext(): void {
    if (this.#checking) return;
    clearTimeout(this.#timer);
    const now = this.#history.now();
    const queues = [...this.#busy].flatMap(({ busy }) => [...busy]);
    const queue = queues.find((waiting) => this.#readyAt(waiting) <= now);
    if (queue === undefined) {
      const soonest = queues.reduce(
        (least, waiting) => Math.min(least, this.#readyAt(waiting)),
        Number.POSITIVE_INFINITY,
      );
      if (Number.isFinite(soonest)) this.#timer = setTimeout(() => this.#runNext(), Math.max(1, soonest - now));
      return;
    }
    // Throttled logins run newest first, so that one with the right password does not wait for earlier guesses.
    const job = isSlowed(queue) ? queue.waiting.pop() : queue.waiting.shift();
    this.#waiting--;
    moveToEnd(queue.address.busy, queue);
    moveToEnd(this.#busy, queue.address);
    this.#leaveIfIdle(queue);
    this.#checking = true;
    if (isSlowed(queue)) this.#sharedNextAt = now + this.#history.limits.sharedDelayMs;
    job?.run();
  }

  #readyAt(queue: LoginQueue): number {
    return isSlowed(queue) ? Math.max(queue.nextAt, this.#sharedNextAt) : 0;
  }
}

function moveToEnd<T>(set: Set<T>, value: T): void {
  set.delete(value);
  set.add(value);
}

function tooMany(): HttpProblem {
  return new HttpProblem('ERR_EXPORT_RATE_LIMITED', 'too many pending logins', {
    status: 429,
    headers: { 'Retry-After': '5' },
  });
}
