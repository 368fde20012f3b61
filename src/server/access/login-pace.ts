import { performance } from 'node:perf_hooks';
import { RegistryProblem } from '../problem.ts';

/** How failed logins slow down. */
export interface LoginPaceLimits {
  /** So many failures cost nothing. */
  readonly free: number;
  /** The last free one costs so long; each after it twice as long as the one before. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** After so long without a failure all is forgotten. */
  readonly forgottenAfterMs: number;
  /** How many clients are remembered; the one unseen for longest is forgotten first. */
  readonly clients: number;
}

const LIMITS: LoginPaceLimits = {
  free: 5,
  firstMs: 1000,
  longestMs: 60_000,
  forgottenAfterMs: 600_000,
  clients: 10_000,
};

interface Client {
  readonly failures: number;
  readonly running: number;
  readonly closedUntil: number;
  readonly failedAt: number;
}

/** Makes those who log in with wrong passwords wait, each client address for itself. */
export class LoginPace {
  readonly #limits: LoginPaceLimits;
  readonly #now: () => number;
  readonly #clients = new Map<string, Client>();

  /** @param now milliseconds of a clock that only goes forward */
  constructor(limits: LoginPaceLimits = LIMITS, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** How many failures cost nothing. */
  get free(): number {
    return this.#limits.free;
  }

  /** How many clients are remembered. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Lets a login be tried; `ended` must follow. Once the free failures are used up, one is tried at a time: else
   * many at once would all be tried before the first has failed.
   *
   * @throws RegistryProblem TOOMANYREQUESTS with Retry-After
   */
  begin(address: string): void {
    const now = this.#now();
    const client = this.#of(address, now);
    const { failures, running, closedUntil } = client;
    if (now < closedUntil) throw tooMany(closedUntil - now);
    if (running > 0 && failures + running >= this.#limits.free) throw tooMany(this.#limits.firstMs);
    this.#put(address, { ...client, running: running + 1 });
  }

  /** Says how it ended; undefined where it could not be tried. Gives the number of failures that are remembered. */
  ended(address: string, succeeded: boolean | undefined): number {
    const now = this.#now();
    const client = this.#of(address, now);
    const running = Math.max(0, client.running - 1);
    // A success does not wipe failures out: else one's own account would buy guesses at the others.
    const failures = client.failures + (succeeded === false ? 1 : 0);
    if (failures === 0 && running === 0) {
      this.#clients.delete(address);
      return 0;
    }
    const { free, firstMs, longestMs } = this.#limits;
    const waitMs = Math.min(longestMs, firstMs * 2 ** (failures - free));
    const isClosed = succeeded === false && failures >= free;
    const closedUntil = isClosed ? now + waitMs : client.closedUntil;
    this.#put(address, { failures, running, closedUntil, failedAt: succeeded === false ? now : client.failedAt });
    return failures;
  }

  #of(address: string, now: number): Client {
    const client = this.#clients.get(address);
    const fresh = { failures: 0, running: 0, closedUntil: 0, failedAt: now };
    if (client === undefined) return fresh;
    return now - client.failedAt > this.#limits.forgottenAfterMs ? { ...fresh, running: client.running } : client;
  }

  /** The map keeps its order: the first is the one unseen for longest. */
  #put(address: string, client: Client): void {
    this.#clients.delete(address);
    this.#clients.set(address, client);
    if (this.#clients.size <= this.#limits.clients) return;
    const [oldest] = this.#clients.keys();
    if (oldest !== undefined) this.#clients.delete(oldest);
  }
}

function tooMany(waitMs: number): RegistryProblem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new RegistryProblem('TOOMANYREQUESTS', `too many failed logins; try again in ${seconds} seconds`, {
    headers: { 'Retry-After': String(seconds) },
  });
}
