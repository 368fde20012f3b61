import { performance } from 'node:perf_hooks';

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

/** The failures of one user from one address, and the logins that wait for a check. */
export interface LoginQueue {
  address: Address;
  readonly free: number;
  failures: number;
  failedAt: number;
  /** The earliest start of the next check. */
  nextAt: number;
  readonly waiting: Job[];
}

/** A client address with the logins that it has waiting. */
export class Address {
  /** Its queues with waiting logins, in the order of their turns. */
  readonly busy = new Set<LoginQueue>();
  /** Counts the failing user names; once there are many, all logins of the address wait here. */
  readonly names: LoginQueue;

  constructor(freeNames: number) {
    this.names = newQueue(this, freeNames);
  }
}

/** A login that waits. */
export interface Job {
  run(): void;
  refuse(reason: unknown): void;
}

/** The failed logins that are remembered, with the queues of those that wait. */
export class LoginHistory {
  readonly limits: ThrottleLimits;
  readonly #now: () => number;
  /** Both are in LRU order. */
  readonly #queues = new Map<string, LoginQueue>();
  readonly #addresses = new Map<string, Address>();

  /** @param now a monotonic clock, in milliseconds */
  constructor(limits: Partial<ThrottleLimits> = {}, now: () => number = () => performance.now()) {
    this.limits = { ...LIMITS, ...limits };
    this.#now = now;
  }

  /** How many pairs of address and user are kept. */
  get size(): number {
    return this.#queues.size;
  }

  now(): number {
    return this.#now();
  }

  /** User names that wait for their first check count as failed, so that concurrent logins cannot evade the limit. */
  hasManyNames({ names, busy }: Address): boolean {
    let count = names.failures;
    for (const { failures } of busy) if (failures === 0) count++;
    return count >= names.free;
  }

  /** The address of that name; from now on the most recently used one. */
  addressOf(name: string): Address {
    const address = this.#addresses.get(name) ?? new Address(this.limits.freeNames);
    remember(this.#addresses, name, address, this.limits.queues, ({ busy }) => busy.size === 0);
    this.#forget(address.names);
    return address;
  }

  /** The queue of a user at an address; from now on the most recently used one. */
  queueOf({ address, user }: LoginSource): LoginQueue {
    const key = JSON.stringify([address, user]);
    const its = this.addressOf(address);
    const queue = this.#queues.get(key) ?? newQueue(its, this.limits.free);
    // The address may have been evicted in between, but not the queue.
    queue.address = its;
    remember(this.#queues, key, queue, this.limits.queues, ({ waiting }) => waiting.length === 0);
    this.#forget(queue);
    return queue;
  }

  #forget(queue: LoginQueue): void {
    if (queue.waiting.length > 0 || this.#now() - queue.failedAt <= this.limits.forgottenAfterMs) return;
    queue.failures = 0;
    queue.nextAt = 0;
  }

  /** Counts a failure; it delays the next check. */
  fail(queue: LoginQueue): void {
    const { firstDelayMs, maxDelayMs } = this.limits;
    const now = this.#now();
    queue.failures++;
    queue.failedAt = now;
    if (isSlowed(queue)) queue.nextAt = now + Math.min(maxDelayMs, firstDelayMs * 2 ** (queue.failures - queue.free));
  }
}

function newQueue(address: Address, free: number): LoginQueue {
  return { address, free, failures: 0, failedAt: 0, nextAt: 0, waiting: [] };
}

/** Whether a check of the queue has to wait for its time. */
export function isSlowed({ failures, free }: LoginQueue): boolean {
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
