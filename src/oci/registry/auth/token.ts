import { CodedError, type JsonObject, parseJsonObject, systemClock } from '#core';
import { redactUrl } from '../origin.ts';
import type { Credential } from './credentials.ts';

/** A bearer token. */
export interface Token {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** One request to a token service, sent with care for redirects and retries. */
export type TokenExchange = (request: {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}) => Promise<{ readonly status: number; readonly body: Uint8Array }>;

/** What a token is asked with. */
export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
}

/** A service that names no time means 60 s; those that name less mean no less (as docker's own client reads it). */
const MIN_SECONDS = 60;
const MAX_SECONDS = 24 * 3600;
const CLIENT_ID = 'export-center';

/**
 * Asks a token service: with a login or none by GET (distribution's token protocol), with an identity token by POST
 * (its OAuth2 form), and the other way round where a service does not know the one.
 *
 * @throws CodedError ERR_EXPORT_UNAUTHORIZED, ERR_EXPORT_FORBIDDEN, ERR_EXPORT_REGISTRY_PROTOCOL
 */
export async function requestToken(
  request: TokenRequest,
  exchange: TokenExchange,
): Promise<{ token: Token; refreshToken?: string }> {
  const { credential } = request;
  const isUnknown = (status: number): boolean => status === 404 || status === 405;
  let answer: Awaited<ReturnType<TokenExchange>> | undefined;
  if (credential?.kind === 'identity') {
    answer = await post(request, { grant_type: 'refresh_token', refresh_token: credential.token }, exchange);
  }
  if (answer === undefined || isUnknown(answer.status)) answer = await get(request, exchange);
  if (isUnknown(answer.status) && credential?.kind === 'password') {
    const { username, password } = credential;
    answer = await post(request, { grant_type: 'password', username, password }, exchange);
  }
  if (answer.status !== 200) throw refused(request, answer.status);
  return readToken(request, answer.body);
}

function get({ realm, service, scopes, credential }: TokenRequest, exchange: TokenExchange) {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const login =
    credential?.kind === 'password'
      ? `${credential.username}:${credential.password}`
      : credential?.kind === 'identity'
        ? `<token>:${credential.token}`
        : undefined;
  const headers: Record<string, string> = { accept: 'application/json' };
  if (login !== undefined) headers['authorization'] = `Basic ${Buffer.from(login, 'utf8').toString('base64')}`;
  return exchange({ method: 'GET', url, headers });
}

function post({ realm, service, scopes }: TokenRequest, grant: Record<string, string>, exchange: TokenExchange) {
  const form = new URLSearchParams({ ...grant, client_id: CLIENT_ID });
  if (service !== undefined) form.set('service', service);
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
  return exchange({ method: 'POST', url: realm, headers, body: form.toString() });
}

function readToken(request: TokenRequest, body: Uint8Array): { token: Token; refreshToken?: string } {
  let fields: JsonObject;
  try {
    fields = parseJsonObject(body, `the token of ${redactUrl(request.realm)}`);
  } catch (cause) {
    throw nonsense(request, 'returned invalid JSON', cause);
  }
  const value = fields['token'] || fields['access_token'];
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) throw nonsense(request, 'returned no token');
  const seconds = typeof fields['expires_in'] === 'number' ? fields['expires_in'] : MIN_SECONDS;
  const life = Math.min(Math.max(seconds, MIN_SECONDS), MAX_SECONDS);
  // Counted from when we got it: the service's own clock may be wrong.
  const token = { value, expiresAt: systemClock.now().getTime() + life * 1000 };
  const refreshToken = fields['refresh_token'];
  return typeof refreshToken === 'string' && refreshToken !== '' ? { token, refreshToken } : { token };
}

function refused({ realm, credential }: TokenRequest, status: number): CodedError {
  const place = redactUrl(realm);
  if (status === 403) {
    return new CodedError('ERR_EXPORT_FORBIDDEN', `${place}: the token service answered 403`, {
      hint: 'ask for access to this repository',
      details: { url: place, status },
    });
  }
  if (status >= 400 && status < 500) {
    return new CodedError('ERR_EXPORT_UNAUTHORIZED', `${place}: the token service answered ${status}`, {
      hint: credential === undefined ? 'log in: docker login HOST' : 'the login may be wrong or expired: log in again',
      details: { url: place, status },
    });
  }
  return nonsense({ realm }, `answered ${status}`);
}

function nonsense({ realm }: { realm: URL }, what: string, cause?: unknown): CodedError {
  const place = redactUrl(realm);
  return new CodedError('ERR_EXPORT_REGISTRY_PROTOCOL', `${place}: the token service ${what}`, {
    hint: 'check the registry’s token service; ask the registry operator',
    details: { url: place },
    cause,
  });
}
