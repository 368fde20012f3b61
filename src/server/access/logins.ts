import { createHmac, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { RegistryProblem } from '../problem.ts';
import { BcryptThread } from './bcrypt-thread.ts';
import type { Credentials } from './credentials.ts';
import { costOf } from './htpasswd.ts';
import { HtpasswdFile } from './htpasswd-file.ts';
import { LoginPace } from './login-pace.ts';

/** A client that goes on sending the same credentials costs one bcrypt in so long. */
const VERIFIED_FOR_MS = 300_000;
const MOST_VERIFIED = 1000;
/** More comparisons than this do not wait. */
const MOST_WAITING = 100;

/** How logins are checked. */
export interface LoginOptions {
  /** Told what an operator wants to know; never a password, nor a user name, which may be one typed in the wrong place. */
  readonly notice?: (text: string) => void;
  readonly pace?: LoginPace;
}

/** Checks credentials against an htpasswd file. */
export class Logins {
  readonly #file: HtpasswdFile;
  readonly #notice: (text: string) => void;
  readonly #pace: LoginPace;
  readonly #thread = new BcryptThread();
  readonly #secret = randomBytes(32);
  /** When each has been verified, by fingerprint; the oldest first. */
  readonly #verified = new Map<string, number>();
  readonly #running = new Map<string, Promise<boolean>>();

  private constructor(file: HtpasswdFile, { notice = () => undefined, pace = new LoginPace() }: LoginOptions) {
    this.#file = file;
    this.#notice = notice;
    this.#pace = pace;
  }

  /** @throws CodedError where the file cannot be used */
  static async open(path: string, options: LoginOptions = {}): Promise<Logins> {
    return new Logins(await HtpasswdFile.open(path, options.notice), options);
  }

  /**
   * Whether there is such a user with such a password.
   *
   * @param address of the client, which is slowed down after failures
   * @throws RegistryProblem TOOMANYREQUESTS where the client must wait, UNKNOWN while the file cannot be used
   */
  async verify(address: string, credentials: Credentials): Promise<boolean> {
    const hash = await this.#hashOf(credentials.user);
    const fingerprint = this.#fingerprint(credentials, hash.known);
    if (this.#isVerified(fingerprint)) return true;
    // The many connections that a client opens at once are one login.
    const key = `${address} ${fingerprint}`;
    const running = this.#running.get(key) ?? this.#try(address, credentials, hash);
    this.#running.set(key, running);
    try {
      const succeeded = await running;
      if (succeeded) this.#remember(fingerprint);
      return succeeded;
    } finally {
      this.#running.delete(key);
    }
  }

  /**
   * Counts a header that holds no credentials as a failed login.
   *
   * @throws RegistryProblem TOOMANYREQUESTS where the client must wait
   */
  countUnusable(address: string): void {
    this.#pace.begin(address);
    this.#pace.ended(address, false);
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }

  async #try(address: string, { password }: Credentials, hash: UserHash): Promise<boolean> {
    this.#pace.begin(address);
    let succeeded: boolean | undefined;
    try {
      if (this.#thread.waiting >= MOST_WAITING) {
        throw new RegistryProblem('TOOMANYREQUESTS', 'too many logins at once', { headers: { 'Retry-After': '2' } });
      }
      const matches = await this.#thread.matches(password, hash.known ?? hash.likeOthers);
      succeeded = matches && hash.known !== undefined;
      return succeeded;
    } finally {
      const failures = this.#pace.ended(address, succeeded);
      if (succeeded === false && failures === this.#pace.free) {
        this.#notice(`${address}: ${failures} failed logins; it is slowed down from here on`);
      }
    }
  }

  async #hashOf(user: string): Promise<UserHash> {
    try {
      const users = await this.#file.users();
      const [first = ''] = users.values();
      return { known: users.get(user), likeOthers: hashOfNobody(costOf(first)) };
    } catch (cause) {
      throw new RegistryProblem('UNKNOWN', 'passwords cannot be checked at present', {
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

  #isVerified(fingerprint: string): boolean {
    const at = this.#verified.get(fingerprint);
    return at !== undefined && performance.now() - at < VERIFIED_FOR_MS;
  }

  #remember(fingerprint: string): void {
    this.#verified.delete(fingerprint);
    this.#verified.set(fingerprint, performance.now());
    const [oldest] = this.#verified.keys();
    if (this.#verified.size > MOST_VERIFIED && oldest !== undefined) this.#verified.delete(oldest);
  }
}

interface UserHash {
  /** The user's; undefined where there is no such user. */
  readonly known: string | undefined;
  /** Takes as long to compare with, so that the time does not tell who is a user. */
  readonly likeOthers: string;
}

/** No password has this hash, as far as anybody knows. */
function hashOfNobody(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
}
