import { createHmac, randomBytes } from 'node:crypto';
import { HttpProblem } from '../problem.ts';
import { BcryptThread } from './bcrypt-thread.ts';
import type { Credentials } from './credentials.ts';
import { costOf } from './htpasswd.ts';
import { HtpasswdFile } from './htpasswd-file.ts';
import { type LoginSource, LoginThrottle } from './login-throttle.ts';
import { RecentSet } from './recent-set.ts';
import { SharedCheck } from './shared-check.ts';

/** How many outcomes are remembered of each kind. */
const MOST_REMEMBERED = 1000;
/** Stands for a user where a header holds none. Names of users hold no colon. */
const NO_USER = ':';

/** How logins are checked. */
export interface LoginOptions {
  /** Told what an operator wants to know; never a password, nor a user name, which may be one typed in the wrong place. */
  readonly notice?: (text: string) => void;
  readonly throttle?: LoginThrottle;
}

/** Checks credentials against an htpasswd file. */
export class Logins {
  readonly #file: HtpasswdFile;
  readonly #notice: (text: string) => void;
  readonly #throttle: LoginThrottle;
  readonly #thread = new BcryptThread();
  readonly #secret = randomBytes(32);
  /** Fingerprints, which change with the file: bcrypt would say the same of them again. */
  readonly #right = new RecentSet(MOST_REMEMBERED);
  readonly #wrong = new RecentSet(MOST_REMEMBERED);
  readonly #noticed = new RecentSet(MOST_REMEMBERED);
  readonly #running = new Map<string, SharedCheck>();

  private constructor(file: HtpasswdFile, { notice = () => undefined, throttle = new LoginThrottle() }: LoginOptions) {
    this.#file = file;
    this.#notice = notice;
    this.#throttle = throttle;
  }

  /** @throws CodedError where the file cannot be used */
  static async open(path: string, options: LoginOptions = {}): Promise<Logins> {
    return new Logins(await HtpasswdFile.open(path, options.notice), options);
  }

  /**
   * Whether there is such a user with such a password. Failures delay further answers to that user at that address,
   * and failures under many names delay those to other wrong logins from there.
   *
   * @param address of the client
   * @param signal aborted when the client has gone; its login is then no longer checked
   * @throws HttpProblem ERR_EXPORT_RATE_LIMITED where too many logins wait, ERR_EXPORT_REGISTRY_UNAVAILABLE while the
   *   file cannot be used
   */
  async verify(address: string, credentials: Credentials, signal?: AbortSignal): Promise<boolean> {
    const hashes = await this.#hashesOf(credentials.user);
    const fingerprint = this.#fingerprint(credentials, hashes.known);
    if (this.#right.has(fingerprint)) return true;
    // In a lane of its own: a client that goes on with an old password holds nobody up who has the right one.
    if (this.#wrong.has(fingerprint)) return await this.#refuse({ address, user: fingerprint }, signal);
    // The many connections that a client opens at once are one login.
    const key = `${address} ${fingerprint}`;
    const running =
      this.#running.get(key) ?? this.#start(key, { address, user: credentials.user }, credentials, hashes);
    const matches = await running.join(signal);
    (matches ? this.#right : this.#wrong).add(fingerprint);
    return matches;
  }

  /** Counts a header that holds no credentials as a failed login, and resolves when it may be answered. */
  async refuseUnusable(address: string, signal?: AbortSignal): Promise<void> {
    await this.#refuse({ address, user: NO_USER }, signal);
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }

  #start(key: string, source: LoginSource, credentials: Credentials, hashes: UserHashes): SharedCheck {
    const end = () => {
      if (this.#running.get(key) === shared) this.#running.delete(key);
    };
    const shared = new SharedCheck((signal) => this.#check(source, credentials, hashes, signal), end);
    this.#running.set(key, shared);
    return shared;
  }

  async #check(source: LoginSource, { password }: Credentials, hashes: UserHashes, signal: AbortSignal) {
    const { known, decoys } = hashes;
    const check = async (): Promise<boolean> => {
      const all = known === undefined ? decoys : [known, ...decoys];
      return (await this.#thread.matches(password, all)) && known !== undefined;
    };
    const { matches, failures } = await this.#throttle.check(source, check, {
      isUser: known !== undefined,
      signal,
    });
    if (!matches) this.#note(source, failures);
    return matches;
  }

  async #refuse(source: LoginSource, signal: AbortSignal | undefined): Promise<false> {
    this.#note(source, await this.#throttle.fail(source, signal));
    return false;
  }

  #note({ address }: LoginSource, failures: number): void {
    if (failures < this.#throttle.free || this.#noticed.has(address)) return;
    this.#noticed.add(address);
    this.#notice(`${address}: ${failures} failed logins; further ones are throttled`);
  }

  async #hashesOf(user: string): Promise<UserHashes> {
    try {
      const { hashes, highestCost } = await this.#file.users();
      const known = hashes.get(user);
      return { known, decoys: decoysOf(known, highestCost) };
    } catch (cause) {
      throw new HttpProblem('ERR_EXPORT_REGISTRY_UNAVAILABLE', 'passwords cannot be checked at present', {
        status: 503,
        headers: { 'Retry-After': '30' },
        cause,
      });
    }
  }

  /** Stands for credentials and for what the file says of the user, and gives neither away. */
  #fingerprint({ user, password }: Credentials, hash: string | undefined): string {
    const text = JSON.stringify([user, password, hash ?? null]);
    return createHmac('sha256', this.#secret).update(text).digest('base64');
  }
}

interface UserHashes {
  /** The user's; undefined where there is no such user. */
  readonly known: string | undefined;
  /** To be compared with as well where the first does not match, so that the time does not tell who is a user. */
  readonly decoys: readonly string[];
}

/**
 * What makes a failed login take as long as one of the user whose hash costs most. Costs are logarithms: after a hash
 * of cost 5 decoys of 5, 6 and 7 make it a cost of 8.
 */
function decoysOf(known: string | undefined, highest: number): string[] {
  if (known === undefined) return [decoy(highest)];
  const cost = costOf(known);
  return Array.from({ length: highest - cost }, (_, i) => decoy(cost + i));
}

/** No password has this hash, as far as anybody knows. */
function decoy(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
}
