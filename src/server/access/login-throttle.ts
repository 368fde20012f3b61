import { performance } from 'node:perf_hooks';
import { HttpProblem } from '../problem.ts';

/** How failed logins slow down further ones. */
export interface ThrottleLimits {
  /** This many failures of one user from one address cause no delay. */
  readonly free: number;
  /** The delay between further checks of that user from that address; it doubles with each failure. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** The minimum delay between any two checks of throttled logins. */
  readonly sharedDelayMs: number;
  /** Failures are forgotten after this time without another one. */
  readonly forgottenAfterMs: number;
  /** This many failing user names from one address cause no delay; above, all its failed logins share one delay. */
  readonly freeNames: number;
  /** The delay of a refusal to an address with many failing user names. */
  readonly refusedAfterMs: number;
  /** How many pairs of address and user, and how many addresses, are kept; the least recently used is evicted. */
  readonly queues: number;
  /** How many logins may wait: of one user from one address, and in total. */
  readonly waitingPerQueue: number;
  readonly waiting: number;
}

const LIMITS: ThrottleLimits = {
  free: 5,
  firstDelayMs: 100,
  maxDelayMs: 2000,
  sharedDelayMs: 50,
  forgottenAfterMs: 600_000,
  freeNames: 20,
  refusedAfterMs: 1000,
  queues: 10_000,
  waitingPerQueue: 64,
  waiting: 1000,
};

/** The origin of a login: a user name and a client address. */
export interface LoginSource {
  readonly address: string;
  /** The user name, or a substitute for it. */
  readonly user: string;
}

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

/** The failures of one user from one address, and the logins that wait for a check. */
interface LoginQueue {
  address: Address;
  readonly free: number;
  failures: number;
  failedAt: number;
  /** The earliest start of the next check. */
  nextAt: number;
  readonly waiting: Job[];
}

class Address {
  /** Its queues with waiting logins, in the order of their turns. */
  readonly busy = new Set<LoginQueue>();
  /** Counts the failing user names; once there are many, all logins of the address wait here. */
  readonly names: LoginQueue;

  constructor(freeNames: number) {
    this.names = newQueue(this, freeNames);
  }
}

interface Job {
  run(): void;
  refuse(reason: unknown): void;
}

/**
 * Checks passwords one at a time, round robin over addresses and, within an address, over users. Failures delay the next
 * check of the same user from the same address, but refuse nothing. Once many user names have failed from an address, all
 * its failed logins share one delay, which a right password does not wait for. When too many logins wait, the oldest one
 * of the address with the most of them is refused.
 */
export class LoginThrottle {
  readonly #limits: ThrottleLimits;
  readonly #now: () => number;
  /** Both are in LRU order. */
  readonly #queues = new Map<string, LoginQueue>();
  readonly #addresses = new Map<string, Address>();
  /** The addresses with waiting logins, in round-robin order; a new one is added at the end. */
  readonly #busy = new Set<Address>();
  #waiting = 0;
  #checking = false;
  #sharedNextAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now a monotonic clock, in milliseconds */
  constructor(limits: Partial<ThrottleLimits> = {}, now: () => number = () => performance.now()) {
    this.#limits = { ...LIMITS, ...limits };
    this.#now = now;
  }

  /** How many failures cause no delay. */
  get free(): number {
    return this.#limits.free;
  }

  /** How many pairs of address and user are kept. */
  get size(): number {
    return this.#queues.size;
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
    const address = this.#addressOf(source.address);
    if (this.#hasManyNames(address)) return await this.#checkAmongMany(source, check, traits);
    const queue = this.#queueOf(source);
    const outcome = await this.#checkIn(queue, check, traits.signal);
    if (!outcome.matches && outcome.failures === 1) this.#fail(address.names);
    return outcome;
  }

  /** Counts a failure that needs no check, when its turn comes. @returns the number of recent failures */
  async fail(source: LoginSource, signal?: AbortSignal): Promise<number> {
    return (await this.#checkIn(this.#queueOf(source), async () => false, signal)).failures;
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
    const slow = this.#checkIn(this.#addressOf(source.address).names, () => inTurn(true), either);
    const soon = isUser ? this.#checkIn(this.#queueOf(source), () => inTurn(false), either) : undefined;
    const found = soon?.then(
      (outcome) => (outcome.matches ? resolve(outcome) : undefined),
      () => undefined,
    );
    slow.then(resolve, async (cause) => {
      if (done.signal.aborted) await found;
      else if (cause instanceof HttpProblem) {
        await new Promise((elapsed) => setTimeout(elapsed, this.#limits.refusedAfterMs));
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
      if (!matches) this.#fail(queue);
      return { matches, failures: queue.failures };
    } finally {
      this.#checking = false;
      this.#runNext();
    }
  }

  /** User names that wait for their first check count as failed, so that concurrent logins cannot evade the limit. */
  #hasManyNames({ names, busy }: Address): boolean {
    let count = names.failures;
    for (const { failures } of busy) if (failures === 0) count++;
    return count >= names.free;
  }

  #addressOf(name: string): Address {
    const address = this.#addresses.get(name) ?? new Address(this.#limits.freeNames);
    remember(this.#addresses, name, address, this.#limits.queues, ({ busy }) => busy.size === 0);
    this.#forget(address.names);
    return address;
  }

  #queueOf({ address, user }: LoginSource): LoginQueue {
    const key = JSON.stringify([address, user]);
    const its = this.#addressOf(address);
    const queue = this.#queues.get(key) ?? newQueue(its, this.#limits.free);
    // The address may have been evicted in between, but not the queue.
    queue.address = its;
    remember(this.#queues, key, queue, this.#limits.queues, ({ waiting }) => waiting.length === 0);
    this.#forget(queue);
    return queue;
  }

  #forget(queue: LoginQueue): void {
    if (queue.waiting.length > 0 || this.#now() - queue.failedAt <= this.#limits.forgottenAfterMs) return;
    queue.failures = 0;
    queue.nextAt = 0;
  }

  #fail(queue: LoginQueue): void {
    const { firstDelayMs, maxDelayMs } = this.#limits;
    const now = this.#now();
    queue.failures++;
    queue.failedAt = now;
    if (isSlowed(queue)) queue.nextAt = now + Math.min(maxDelayMs, firstDelayMs * 2 ** (queue.failures - queue.free));
  }

  /** Resolves when the check of the caller may begin. */
  async #turn(queue: LoginQueue, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (queue.waiting.length >= this.#limits.waitingPerQueue) this.#refuse(queue, queue.waiting[0], tooMany());
    else if (this.#waiting >= this.#limits.waiting) this.#evictOldest(queue.address);
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
    const now = this.#now();
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
    if (isSlowed(queue)) this.#sharedNextAt = now + this.#limits.sharedDelayMs;
    job?.run();
  }

  #readyAt(queue: LoginQueue): number {
    return isSlowed(queue) ? Math.max(queue.nextAt, this.#sharedNextAt) : 0;
  }
}

function newQueue(address: Address, free: number): LoginQueue {
  return { address, free, failures: 0, failedAt: 0, nextAt: 0, waiting: [] };
}

function isSlowed({ failures, free }: LoginQueue): boolean {
  return failures >= free;
}

/** Marks an entry as most recently used, and evicts the least recently used ones above the limit. */
function remember<T>(map: Map<string, T>, key: string, value: T, max: number, mayEvict: (value: T) => boolean): void {
  map.delete(key);
  map.set(key, value);
  for (const [oldest, entry] of map) {
    if (map.size <= max) break;
    if (oldest !== key && mayEvict(entry)) map.delete(oldest);
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
