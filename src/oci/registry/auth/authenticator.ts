import { CodedError, noteSecret, systemClock } from '#core';
import { resolveLocation } from '../origin.ts';
import { parseChallenges } from './challenge.ts';
import type { Credential } from './credentials.ts';
import { coversScopes, encodeScopes, mergeScopes, parseScopes, type Scopes } from './scopes.ts';
import { requestToken, type Token, type TokenExchange } from './token.ts';

/** The way into a registry, once it has said which. */
type Scheme = { readonly kind: 'basic' } | { readonly kind: 'bearer'; readonly realm: URL; readonly service?: string };

/** What an authenticator needs. */
export interface AuthenticatorOptions {
  /** The registry's origin: no credential of it goes to another one, but to the realm that it names. */
  readonly registry: URL;
  readonly credential: () => Promise<Credential | undefined>;
  readonly exchange: TokenExchange;
}

/** Tokens this close to their end are not used any more. */
const MARGIN_MS = 10_000;

/** Knows how one registry wants to be asked, and keeps its tokens. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  #scheme: Scheme | undefined;
  #credential: Promise<Credential | undefined> | undefined;
  readonly #tokens = new Map<string, { scopes: Scopes; token: Token }>();
  readonly #underway = new Map<string, Promise<Token>>();
  /** What a registry asked for beyond what we thought that a request needs, by the latter. */
  readonly #asked = new Map<string, Scopes>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** The value of `Authorization` for a request; undefined while none is known to be needed or none can be had. */
  async authorize(wanted: Scopes): Promise<string | undefined> {
    const scheme = this.#scheme;
    if (scheme === undefined) return undefined;
    const credential = await this.#login();
    if (credential?.kind === 'bearer') return `Bearer ${credential.token}`;
    if (scheme.kind === 'basic') return credential?.kind === 'password' ? basic(credential) : undefined;
    const scopes = mergeScopes(wanted, this.#asked.get(keyOf(wanted)) ?? new Map());
    return `Bearer ${(await this.#token(scheme, scopes, credential)).value}`;
  }

  /**
   * Takes in what a 401 says.
   *
   * @param used the Authorization of the request that was refused
   * @returns whether another try may go better
   * @throws CodedError ERR_EXPORT_REGISTRY_PROTOCOL for a realm that may not be trusted with a login
   */
  async learn(challenges: readonly string[], wanted: Scopes, used: string | undefined): Promise<boolean> {
    const parsed = parseChallenges(challenges);
    const bearer = parsed.find(({ scheme, params }) => scheme === 'bearer' && params.has('realm'));
    if (bearer !== undefined) {
      const realm = this.#checkRealm(bearer.params.get('realm') as string);
      const service = bearer.params.get('service');
      this.#scheme = { kind: 'bearer', realm, ...(service === undefined ? {} : { service }) };
      const asked = parseScopes(bearer.params.get('scope') ?? '');
      const key = keyOf(wanted);
      this.#asked.set(key, mergeScopes(this.#asked.get(key) ?? new Map(), asked));
      this.#drop(used);
      return used === undefined || (await this.#login())?.kind !== 'bearer';
    }
    if (parsed.some(({ scheme }) => scheme === 'basic')) {
      this.#scheme = { kind: 'basic' };
      return used === undefined && (await this.#login()) !== undefined;
    }
    return false;
  }

  #login(): Promise<Credential | undefined> {
    this.#credential ??= this.#options.credential().then((credential) => {
      if (credential !== undefined) noteCredential(credential);
      return credential;
    });
    return this.#credential;
  }

  async #token(
    scheme: Scheme & { kind: 'bearer' },
    scopes: Scopes,
    credential: Credential | undefined,
  ): Promise<Token> {
    const now = systemClock.now().getTime();
    for (const [key, held] of this.#tokens) {
      if (held.token.expiresAt - MARGIN_MS <= now) this.#tokens.delete(key);
      else if (coversScopes(held.scopes, scopes)) return held.token;
    }
    const key = keyOf(scopes);
    let underway = this.#underway.get(key);
    if (underway === undefined) {
      underway = this.#fetch(scheme, scopes, credential).finally(() => this.#underway.delete(key));
      this.#underway.set(key, underway);
    }
    return underway;
  }

  async #fetch(
    scheme: Scheme & { kind: 'bearer' },
    scopes: Scopes,
    credential: Credential | undefined,
  ): Promise<Token> {
    const request = { realm: scheme.realm, service: scheme.service, scopes: encodeScopes(scopes), credential };
    const { token, refreshToken } = await requestToken(request, this.#options.exchange);
    noteSecret(token.value);
    if (refreshToken !== undefined) noteCredential({ kind: 'identity', token: refreshToken });
    if (refreshToken !== undefined && credential?.kind === 'identity') {
      this.#credential = Promise.resolve({ kind: 'identity', token: refreshToken });
    }
    this.#tokens.set(keyOf(scopes), { scopes, token });
    return token;
  }

  #drop(used: string | undefined): void {
    for (const [key, { token }] of this.#tokens) if (used === `Bearer ${token.value}`) this.#tokens.delete(key);
  }

  #checkRealm(text: string): URL {
    const { registry } = this.#options;
    if (!/^https?:\/\//i.test(text)) {
      throw new CodedError(
        'ERR_EXPORT_REGISTRY_PROTOCOL',
        `${registry.origin}: its token realm is not an http or https URL`,
        {
          hint: 'the registry is misconfigured; ask the registry operator',
          details: { registry: registry.origin },
        },
      );
    }
    return resolveLocation(text, registry, { what: 'token realm', registry });
  }
}

/** Remembers what of a credential is never to be shown. */
function noteCredential(credential: Credential): void {
  if (credential.kind === 'password') noteSecret(credential.password, [credential.username]);
  else noteSecret(credential.token, ['<token>']);
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

function keyOf(scopes: Scopes): string {
  return JSON.stringify(encodeScopes(scopes));
}
