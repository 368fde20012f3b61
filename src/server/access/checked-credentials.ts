import { createHmac, randomBytes } from 'node:crypto';
import type { Credentials } from './credentials.ts';
import { LruSet } from './lru-set.ts';

/** How many results of each kind are cached. */
const MAX_REMEMBERED = 1000;

/** Credentials that were checked, by fingerprints from which they cannot be recovered, so that bcrypt runs once. */
export class CheckedCredentials {
  readonly #secret = randomBytes(32);
  readonly #right = new LruSet(MAX_REMEMBERED);
  readonly #wrong = new LruSet(MAX_REMEMBERED);

  /**
   * An HMAC of the credentials and the user's hash, so that it changes with the hash.
   *
   * @param hash of the user in the htpasswd file; undefined if the user does not exist
   */
  fingerprint({ user, password }: Credentials, hash: string | undefined): string {
    const text = JSON.stringify([user, password, hash ?? null]);
    return createHmac('sha256', this.#secret).update(text).digest('base64');
  }

  /** Whether the password was right; undefined if that is not known. */
  outcomeOf(fingerprint: string): boolean | undefined {
    if (this.#right.has(fingerprint)) return true;
    return this.#wrong.has(fingerprint) ? false : undefined;
  }

  note(fingerprint: string, matches: boolean): void {
    (matches ? this.#right : this.#wrong).add(fingerprint);
  }
}
