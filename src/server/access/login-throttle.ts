import { performance } from 'node:perf_hooks';
import { RegistryProblem } from '../problem.ts';

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
  /** How many pairs of address and user are remembered; the one unseen for longest is forgotten first. */
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

/** What is known of one user from one address, and the logins that wait for a check. */
interface Lane {
  readonly address: string;
  failures: number;
  failedAt: number;
  /** No check starts before. */
  nextAt: number;
  /** When it was last served, by count of checks. */
  servedAt: number;
  readonly waiting: Job[];
}

interface Job {
  run(): void;
  refuse(problem: RegistryProblem): void;
}

/**
 * Lets passwords be checked one at a time: addresses in turn, within an address its users in turn, and those who have
 * guessed wrong after all others. Failures put the next check of the same user from the same address off and refuse
 * nothing; where too many wait, the one that has waited longest is refused, of the address that has most of them.
 */
export class LoginThrottle {
  readonly #limits: ThrottleLimits;
  readonly #now: () => number;
  /** The first is the one unseen for longest. */
  readonly #lanes = new Map<string, Lane>();
  readonly #busy = new Set<Lane>();
  readonly #servedAt = new Map<string, number>();
  #served = 0;
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

  /**
   * Runs a check when its turn comes, and counts a failure when it gives false.
   *
   * @returns what the check gave, and the failures that are remembered of this user from this address
   * @throws RegistryProblem TOOMANYREQUESTS with Retry-After where too many wait already
   */
  async check(source: LoginSource, check: () => Promise<boolean>): Promise<{ matches: boolean; failures: number }> {
    const lane = this.#laneOf(source);
    await this.#turn(lane);
    try {
      const matches = await check();
      if (!matches) this.#fail(lane);
      return { matches, failures: lane.failures };
    } finally {
      this.#checking = false;
      this.#serve();
    }
  }

  /** Counts a failure that needs no check, when its turn comes. Gives the failures that are remembered. */
  async fail(source: LoginSource): Promise<number> {
    return (await this.check(source, async () => false)).failures;
  }

  #laneOf({ address, user }: LoginSource): Lane {
    const key = JSON.stringify([address, user]);
    const lane = this.#lanes.get(key) ?? {
      address,
      failures: 0,
      failedAt: 0,
      nextAt: 0,
      servedAt: 0,
      waiting: [],
    };
    this.#lanes.delete(key);
    this.#lanes.set(key, lane);
    const isIdle = lane.waiting.length === 0 && !this.#busy.has(lane);
    if (isIdle && this.#now() - lane.failedAt > this.#limits.forgottenAfterMs)
      Object.assign(lane, { failures: 0, nextAt: 0 });
    for (const [oldest, { waiting }] of this.#lanes) {
      if (this.#lanes.size <= this.#limits.lanes) break;
      if (waiting.length === 0) this.#lanes.delete(oldest);
    }
    return lane;
  }

  #fail(lane: Lane): void {
    const { free, firstGapMs, longestGapMs } = this.#limits;
    const now = this.#now();
    lane.failures++;
    lane.failedAt = now;
    if (lane.failures >= free) lane.nextAt = now + Math.min(longestGapMs, firstGapMs * 2 ** (lane.failures - free));
  }

  /** Resolves when the check of the caller may begin. */
  async #turn(lane: Lane): Promise<void> {
    if (lane.waiting.length >= this.#limits.waitingPerLane) this.#refuse(lane, lane.waiting.shift());
    else if (this.#waiting >= this.#limits.waiting) this.#makeRoom(lane);
    const turn = Promise.withResolvers<void>();
    lane.waiting.push({ run: turn.resolve, refuse: turn.reject });
    this.#busy.add(lane);
    this.#waiting++;
    this.#serve();
    await turn.promise;
  }

  /** Refuses a login of the address that has most of them waiting, with the one that comes. */
  #makeRoom(coming: Lane): void {
    const counts = new Map<string, number>([[coming.address, 1]]);
    for (const { address, waiting } of this.#busy) counts.set(address, (counts.get(address) ?? 0) + waiting.length);
    const [most] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
    const longest = [...this.#busy]
      .filter(({ address }) => address === most)
      .sort((a, b) => b.waiting.length - a.waiting.length)[0];
    if (longest === undefined) throw tooMany();
    this.#refuse(longest, longest.waiting.shift());
  }

  #refuse(lane: Lane, job: Job | undefined): void {
    job?.refuse(tooMany());
    this.#waiting--;
    if (lane.waiting.length === 0) this.#busy.delete(lane);
  }

  #serve(): void {
    if (this.#checking) return;
    clearTimeout(this.#timer);
    const now = this.#now();
    const ready = [...this.#busy].filter((lane) => this.#readyAt(lane) <= now);
    const [lane] = ready.sort((a, b) => this.#rank(a) - this.#rank(b) || a.servedAt - b.servedAt);
    if (lane === undefined) {
      const soonest = Math.min(...[...this.#busy].map((waiting) => this.#readyAt(waiting)));
      if (Number.isFinite(soonest)) this.#timer = setTimeout(() => this.#serve(), Math.max(1, soonest - now));
      return;
    }
    // Among guesses the newest goes first: whoever comes with the right password waits for one turn, not for a queue.
    const job = this.#isSlowed(lane) ? lane.waiting.pop() : lane.waiting.shift();
    if (lane.waiting.length === 0) this.#busy.delete(lane);
    this.#waiting--;
    this.#checking = true;
    lane.servedAt = ++this.#served;
    this.#noteServed(lane.address);
    if (this.#isSlowed(lane)) this.#sharedNextAt = now + this.#limits.sharedGapMs;
    job?.run();
  }

  #isSlowed({ failures }: Lane): boolean {
    return failures >= this.#limits.free;
  }

  #readyAt(lane: Lane): number {
    return this.#isSlowed(lane) ? Math.max(lane.nextAt, this.#sharedNextAt) : 0;
  }

  /** The lower, the sooner: those who are not slowed down, and of them those whose address was served longest ago. */
  #rank(lane: Lane): number {
    return (this.#isSlowed(lane) ? Number.MAX_SAFE_INTEGER / 2 : 0) + (this.#servedAt.get(lane.address) ?? 0);
  }

  #noteServed(address: string): void {
    this.#servedAt.delete(address);
    this.#servedAt.set(address, this.#served);
    const [oldest] = this.#servedAt.keys();
    if (this.#servedAt.size > this.#limits.lanes && oldest !== undefined) this.#servedAt.delete(oldest);
  }
}

function tooMany(): RegistryProblem {
  return new RegistryProblem('TOOMANYREQUESTS', 'too many logins wait to be checked', {
    headers: { 'Retry-After': '5' },
  });
}
