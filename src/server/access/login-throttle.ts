import { performance } from 'node:perf_hooks';
import { HttpProblem } from '../problem.ts';

/** How failed logins slow down further ones. */
export interface ThrottleLimits {
  /** So many failures of one user from one address cost nothing. */
  readonly free: number;
  /** After those, checks of that user from that address start so far apart; twice as far after each failure. */
  readonly firstGapMs: number;
  readonly longestGapMs: number;
  /** Checks of all who are slowed down start so far apart. */
  readonly sharedGapMs: number;
  /** After so long without a failure all is forgotten. */
  readonly forgottenAfterMs: number;
  /** So many names that fail from one address cost nothing; after those, all its failed logins share one rate. */
  readonly freeNames: number;
  /** A login of an address with many failing names that is refused is answered after so long. */
  readonly refusedAfterMs: number;
  /** How many pairs of address and user, and how many addresses, are remembered; the least recently seen goes first. */
  readonly lanes: number;
  /** How many logins of one user from one address wait, and how many of all. */
  readonly waitingPerLane: number;
  readonly waiting: number;
}

const LIMITS: ThrottleLimits = {
  free: 5,
  firstGapMs: 100,
  longestGapMs: 2000,
  sharedGapMs: 50,
  forgottenAfterMs: 600_000,
  freeNames: 20,
  refusedAfterMs: 1000,
  lanes: 10_000,
  waitingPerLane: 64,
  waiting: 1000,
};

/** Who tries to log in: a user from an address. */
export interface LoginSource {
  readonly address: string;
  /** The user's name, or what stands for it. */
  readonly user: string;
}

/** What is known of a login before it is checked. */
export interface LoginTraits {
  /** There is such a user. Only a right password is answered sooner for it, so that no answer tells who is a user. */
  readonly isUser?: boolean;
  /** Aborted when the client has gone: a login that waits is then dropped; a check that runs still counts. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of a check, and the failures that are remembered of its source. */
export interface LoginOutcome {
  readonly matches: boolean;
  readonly failures: number;
}

/** What is known of one user from one address, and the logins that wait for a check. */
interface Lane {
  address: Address;
  readonly free: number;
  failures: number;
  failedAt: number;
  /** No check starts before. */
  nextAt: number;
  readonly waiting: Job[];
}

class Address {
  /** Its lanes with waiting logins, in the order of their turns. */
  readonly busy = new Set<Lane>();
  /** Counts the names that failed; all logins of the address wait here once these are many. */
  readonly names: Lane;

  constructor(freeNames: number) {
    this.names = newLane(this, freeNames);
  }
}

interface Job {
  run(): void;
  refuse(reason: unknown): void;
}

/**
 * Checks passwords one at a time: addresses take turns, and within an address its users do, whether they have failed
 * or not. Failures delay the next check of the same user from the same address and refuse nothing. Once many names
 * have failed from an address, its failed logins share one rate, and a right password of a user does not wait for it.
 * When too many wait, the oldest login of the address with most of them is refused.
 */
export class LoginThrottle {
  readonly #limits: ThrottleLimits;
  readonly #now: () => number;
  /** Both begin with the least recently seen. */
  readonly #lanes = new Map<string, Lane>();
  readonly #addresses = new Map<string, Address>();
  /** The addresses with waiting logins, in the order of their turns; who comes new goes to the end. */
  readonly #busy = new Set<Address>();
  #waiting = 0;
  #checking = false;
  #sharedNextAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(limits: Partial<ThrottleLimits> = {}, now: () => number = () => performance.now()) {
    this.#limits = { ...LIMITS, ...limits };
    this.#now = now;
  }

  /** How many failures cost nothing. */
  get free(): number {
    return this.#limits.free;
  }

  /** How many pairs of address and user are remembered. */
  get size(): number {
    return this.#lanes.size;
  }

  /** How many logins wait for a check. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Runs a check when its turn comes, and counts a failure when it gives false. For a user from an address with many
   * failing names it may run twice.
   *
   * @throws HttpProblem ERR_EXPORT_RATE_LIMITED with Retry-After where too many wait already
   * @throws the reason of the signal where the client goes while its login waits
   */
  async check(source: LoginSource, check: () => Promise<boolean>, traits: LoginTraits = {}): Promise<LoginOutcome> {
    const address = this.#addressOf(source.address);
    if (this.#hasManyNames(address)) return await this.#checkAmongMany(source, check, traits);
    const lane = this.#laneOf(source);
    const outcome = await this.#checkIn(lane, check, traits.signal);
    if (!outcome.matches && outcome.failures === 1) this.#fail(address.names);
    return outcome;
  }

  /** Counts a failure that needs no check, when its turn comes. Gives the failures that are remembered. */
  async fail(source: LoginSource, signal?: AbortSignal): Promise<number> {
    return (await this.#checkIn(this.#laneOf(source), async () => false, signal)).failures;
  }

  /**
   * All logins wait in the lane of names, and those of users in a lane of their own as well, where a right password is
   * found soon. A wrong one is answered from the first only, at the same time whether there is such a user or not.
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
    const soon = isUser ? this.#checkIn(this.#laneOf(source), () => inTurn(false), either) : undefined;
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

  async #checkIn(lane: Lane, check: () => Promise<boolean>, signal?: AbortSignal): Promise<LoginOutcome> {
    await this.#turn(lane, signal);
    try {
      const matches = await check();
      if (!matches) this.#fail(lane);
      return { matches, failures: lane.failures };
    } finally {
      this.#checking = false;
      this.#serve();
    }
  }

  /** Names that wait for their first check count as failed, so that many at once are no way round. */
  #hasManyNames({ names, busy }: Address): boolean {
    let count = names.failures;
    for (const { failures } of busy) if (failures === 0) count++;
    return count >= names.free;
  }

  #addressOf(name: string): Address {
    const address = this.#addresses.get(name) ?? new Address(this.#limits.freeNames);
    remember(this.#addresses, name, address, this.#limits.lanes, ({ busy }) => busy.size === 0);
    this.#forget(address.names);
    return address;
  }

  #laneOf({ address, user }: LoginSource): Lane {
    const key = JSON.stringify([address, user]);
    const its = this.#addressOf(address);
    const lane = this.#lanes.get(key) ?? newLane(its, this.#limits.free);
    // The address may have been forgotten in between, and the lane not.
    lane.address = its;
    remember(this.#lanes, key, lane, this.#limits.lanes, ({ waiting }) => waiting.length === 0);
    this.#forget(lane);
    return lane;
  }

  #forget(lane: Lane): void {
    if (lane.waiting.length > 0 || this.#now() - lane.failedAt <= this.#limits.forgottenAfterMs) return;
    lane.failures = 0;
    lane.nextAt = 0;
  }

  #fail(lane: Lane): void {
    const { firstGapMs, longestGapMs } = this.#limits;
    const now = this.#now();
    lane.failures++;
    lane.failedAt = now;
    if (isSlowed(lane)) lane.nextAt = now + Math.min(longestGapMs, firstGapMs * 2 ** (lane.failures - lane.free));
  }

  /** Resolves when the check of the caller may begin. */
  async #turn(lane: Lane, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (lane.waiting.length >= this.#limits.waitingPerLane) this.#refuse(lane, lane.waiting[0], tooMany());
    else if (this.#waiting >= this.#limits.waiting) this.#makeRoom(lane.address);
    const turn = Promise.withResolvers<void>();
    const job: Job = { run: turn.resolve, refuse: turn.reject };
    const drop = () => this.#refuse(lane, job, signal?.reason);
    signal?.addEventListener('abort', drop, { once: true });
    lane.waiting.push(job);
    lane.address.busy.add(lane);
    this.#busy.add(lane.address);
    this.#waiting++;
    this.#serve();
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener('abort', drop);
    }
  }

  /** Refuses a login of the address that has most of them waiting, with the one that comes. */
  #makeRoom(coming: Address): void {
    const count = (address: Address): number =>
      [...address.busy].reduce((sum, { waiting }) => sum + waiting.length, address === coming ? 1 : 0);
    const most = [...this.#busy].reduce((a, b) => (count(b) > count(a) ? b : a), coming);
    const [longest] = [...most.busy].sort((a, b) => b.waiting.length - a.waiting.length);
    if (longest === undefined) throw tooMany();
    this.#refuse(longest, longest.waiting[0], tooMany());
  }

  /** Takes a login that waits out of its lane; one that does not wait any more is left alone. */
  #refuse(lane: Lane, job: Job | undefined, reason: unknown): void {
    const index = job === undefined ? -1 : lane.waiting.indexOf(job);
    if (index < 0) return;
    lane.waiting.splice(index, 1);
    this.#waiting--;
    this.#leaveIfIdle(lane);
    job?.refuse(reason);
  }

  #leaveIfIdle(lane: Lane): void {
    const { address } = lane;
    if (lane.waiting.length === 0) address.busy.delete(lane);
    if (address.busy.size === 0) this.#busy.delete(address);
  }

  #serve(): void {
    if (this.#checking) return;
    clearTimeout(this.#timer);
    const now = this.#now();
    const lanes = [...this.#busy].flatMap(({ busy }) => [...busy]);
    const lane = lanes.find((waiting) => this.#readyAt(waiting) <= now);
    if (lane === undefined) {
      const soonest = lanes.reduce(
        (least, waiting) => Math.min(least, this.#readyAt(waiting)),
        Number.POSITIVE_INFINITY,
      );
      if (Number.isFinite(soonest)) this.#timer = setTimeout(() => this.#serve(), Math.max(1, soonest - now));
      return;
    }
    // Among guesses the newest goes first: whoever comes with the right password waits for one turn, not for a queue.
    const job = isSlowed(lane) ? lane.waiting.pop() : lane.waiting.shift();
    this.#waiting--;
    moveToEnd(lane.address.busy, lane);
    moveToEnd(this.#busy, lane.address);
    this.#leaveIfIdle(lane);
    this.#checking = true;
    if (isSlowed(lane)) this.#sharedNextAt = now + this.#limits.sharedGapMs;
    job?.run();
  }

  #readyAt(lane: Lane): number {
    return isSlowed(lane) ? Math.max(lane.nextAt, this.#sharedNextAt) : 0;
  }
}

function newLane(address: Address, free: number): Lane {
  return { address, free, failures: 0, failedAt: 0, nextAt: 0, waiting: [] };
}

function isSlowed({ failures, free }: Lane): boolean {
  return failures >= free;
}

/** Puts an entry last, and drops the first ones that may go while there are more than so many. */
function remember<T>(map: Map<string, T>, key: string, value: T, most: number, mayGo: (value: T) => boolean): void {
  map.delete(key);
  map.set(key, value);
  for (const [oldest, entry] of map) {
    if (map.size <= most) break;
    if (oldest !== key && mayGo(entry)) map.delete(oldest);
  }
}

function moveToEnd<T>(set: Set<T>, value: T): void {
  set.delete(value);
  set.add(value);
}

function tooMany(): HttpProblem {
  return new HttpProblem('ERR_EXPORT_RATE_LIMITED', 'too many logins wait to be checked', {
    status: 429,
    headers: { 'Retry-After': '5' },
  });
}
