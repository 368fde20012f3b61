import { HttpProblem } from '../problem.ts';
import { BcryptThread } from './bcrypt-thread.ts';
import { CheckedCredentials } from './checked-credentials.ts';
import type { Credentials } from './credentials.ts';
import { costOf } from './htpasswd.ts';
import { HtpasswdFile } from './htpasswd-file.ts';
import type { LoginSource } from './login-history.ts';
import { LoginThrottle } from './login-throttle.ts';
import { LruSet } from './lru-set.ts';
import { SharedCheck } from './shared-check.ts';

/** How many addresses are noticed once. */
const MAX_NOTICED = 1000;
/** Stands for the user of a malformed header. User names cannot contain a colon. */
const NO_USER = ':';

/** How logins are checked. */
export interface LoginOptions {
  /** Called with notices for the operator; never with a password, nor a user name, which may be a mistyped password. */
  readonly notice?: (text: string) => void;
  readonly throttle?: LoginThrottle;
}

/** Checks credentials against an htpasswd file. */
export class Logins {
  readonly #file: HtpasswdFile;
  readonly #notice: (text: string) => void;
  readonly #throttle: LoginThrottle;
  readonly #thread = new BcryptThread();
  readonly #checked = new CheckedCredentials();
  readonly #noticed = new LruSet(MAX_NOTICED);
  readonly #running = new Map<string, SharedCheck>();

  private constructor(file: HtpasswdFile, { notice = () => undefined, throttle = new LoginThrottle() }: LoginOptions) {
    this.#file = file;
    this.#notice = notice;
    this.#throttle = throttle;
  }

  /** @throws CodedError if the file is invalid */
  static async open(path: string, options: LoginOptions = {}): Promise<Logins> {
    return new Logins(await HtpasswdFile.open(path, options.notice), options);
  }

  /**
   * Whether the user exists and the password is right. Failures delay further logins of that user from that address;
   * failures of many users delay all wrong logins from that address.
   *
   * @param address of the client
   * @param signal aborted when the client disconnects; its login is then no longer checked
   * @throws HttpProblem ERR_EXPORT_RATE_LIMITED if too many logins wait, ERR_EXPORT_REGISTRY_UNAVAILABLE while the
   *   file is invalid
   */
  async verify(address: string, credentials: Credentials, signal?: AbortSignal): Promise<boolean> {
    const hashes = await this.#hashesOf(credentials.user);
    const fingerprint = this.#checked.fingerprint(credentials, hashes.known);
    const known = this.#checked.outcomeOf(fingerprint);
    if (known === true) return true;
    // In a separate queue: a client that keeps sending an old password must not delay others with the right one.
    if (known === false) return await this.#refuse({ address, user: fingerprint }, signal);
    // Concurrent requests of one client with the same credentials share one check.
    const key = `${address} ${fingerprint}`;
    const running =
      this.#running.get(key) ?? this.#start(key, { address, user: credentials.user }, credentials, hashes);
    const matches = await running.join(signal);
    this.#checked.note(fingerprint, matches);
    return matches;
  }

  /** Counts a malformed header as a failed login, and resolves when the response may be sent. */
  async refuseMalformed(address: string, signal?: AbortSignal): Promise<void> {
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
    const { known, dummies } = hashes;
    const check = async (): Promise<boolean> => {
      const all = known === undefined ? dummies : [known, ...dummies];
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
      return { known, dummies: dummiesOf(known, highestCost) };
    } catch (cause) {
      throw new HttpProblem(
        'ERR_EXPORT_REGISTRY_UNAVAILABLE',
        'passwords cannot be checked at the moment: the htpasswd file is invalid or unreadable',
        {
          status: 503,
          headers: { 'Retry-After': '30' },
          cause,
        },
      );
    }
  }
}

interface UserHashes {
  /** The user's hash; undefined if the user does not exist. */
  readonly known: string | undefined;
  /** Compared if the first does not match, so that timing does not reveal whether the user exists. */
  readonly dummies: readonly string[];
}

/**
 * Dummy hashes that make every failed login take as long as one against the highest cost. Costs are logarithms: a hash
 * of cost 5 and dummies of costs 5, 6 and 7 take as long as cost 8.
 */
function dummiesOf(known: string | undefined, highest: number): string[] {
  if (known === undefined) return [dummyHash(highest)];
  const cost = costOf(known);
  return Array.from({ length: highest - cost }, (_, i) => dummyHash(cost + i));
}

/** A hash that no known password has. */
function dummyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
}
