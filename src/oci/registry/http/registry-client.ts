import type { ByteStream } from '#oci/image';
import { collectUpTo } from '#oci/image';
import { Authenticator, type Credential, type Scopes, type TokenExchange } from '../auth.ts';
import { protocolError, refusal } from '../faults.ts';
import { parseWarnings } from '../headers.ts';
import { resolveLocation } from '../origin.ts';
import { Backoff, type RetryOptions } from './backoff.ts';
import type { WireRequest, WireResponse } from './message.ts';
import type { SharedConnections } from './shared-connections.ts';
import { Wire, type WireOptions } from './wire.ts';

/** What a client of a registry needs. */
export interface RegistryClientOptions {
  readonly wire: WireOptions;
  readonly retry: RetryOptions;
  readonly credential: () => Promise<Credential | undefined>;
  readonly onWarning?: WarningHook | undefined;
  /** Connections and waits that this client has in common with others; its own unless given. */
  readonly shared?: SharedConnections | undefined;
}

/** Told once of each thing that a host wants its users to know. */
export type WarningHook = (warning: { readonly host: string; readonly text: string }) => void;

/** A request to a registry. */
export interface RegistryRequest {
  readonly method: WireRequest['method'];
  readonly url: URL;
  /** What the request needs the right to. */
  readonly scopes: Scopes;
  readonly headers?: Readonly<Record<string, string>>;
  /** In memory, or opened anew for each try. */
  readonly body?: Uint8Array | (() => Promise<ByteStream>) | undefined;
  /** Whether to try again after a failure that may pass; true unless told. */
  readonly retry?: boolean;
  /** Whether a redirect may lead to another origin; true unless told. */
  readonly mayLeave?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** As in WireRequest. */
  readonly bulk?: boolean | undefined;
  /** As in WireRequest. */
  readonly into?: WireRequest['into'];
  /** As in WireRequest. */
  readonly deadlineMs?: number | undefined;
}

/** An answer whose body, where its status is 200, has been read. */
export interface ReadAnswer {
  readonly response: WireResponse;
  readonly bytes: Uint8Array;
}

/** A step of a request: what came back, and whether it came from the registry by ways of its own. */
interface Step {
  readonly response: WireResponse;
  readonly home: boolean;
}

const NOTHING = new Uint8Array();
/** For an answer that is read whole: a list, a manifest, a token. */
const ANSWER_DEADLINE_MS = 300_000;
const MAX_REDIRECTS = 10;
const MAX_TOKEN_BYTES = 128 * 1024;
/** Of one host; who says more than that is not read any more. */
const MAX_WARNINGS = 20;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Talks to one registry: logs in, follows redirects, tries again; a credential never leaves the registry's origin. */
export class RegistryClient {
  /** Scheme, host and port of the registry. */
  readonly origin: URL;
  readonly #wire: Wire;
  readonly #options: RegistryClientOptions;
  readonly #authenticator: Authenticator;
  readonly #backoffs: Map<string, Backoff>;
  /** What each host wants its users to know. */
  readonly #warnings = new Map<string, Set<string>>();

  constructor(origin: URL, options: RegistryClientOptions) {
    this.origin = origin;
    this.#options = options;
    this.#wire = options.shared?.wireOf(origin, options.wire) ?? new Wire(origin, options.wire);
    this.#backoffs = options.shared?.backoffs ?? new Map();
    const exchange: TokenExchange = (request) => this.#exchangeToken(request);
    this.#authenticator = new Authenticator({ registry: origin, credential: options.credential, exchange });
  }

  /**
   * The answer to a request, whatever it says, as long as it is neither a redirect nor a failure that may pass.
   *
   * @throws CodedError ERR_EXPORT_NETWORK, ERR_EXPORT_RATE_LIMITED, ERR_EXPORT_REGISTRY_UNAVAILABLE after the last
   *   try, ERR_EXPORT_REGISTRY_PROTOCOL, and the codes of logging in
   */
  send(request: RegistryRequest): Promise<WireResponse> {
    const once = () => this.#sendOnce(request);
    return request.retry === false ? once() : this.retry(once, request.signal);
  }

  /**
   * The answer to a request with the body of a 200, read within the same tries.
   *
   * @returns more than `maxBytes` bytes, and not all, when there are more
   */
  read(request: RegistryRequest, maxBytes: number): Promise<ReadAnswer> {
    const once = async () => {
      const response = await this.#sendOnce({ deadlineMs: ANSWER_DEADLINE_MS, ...request });
      return { response, bytes: response.status === 200 ? await collectUpTo(response.body, maxBytes) : NOTHING };
    };
    return this.retry(once, request.signal);
  }

  /** Tries again what may pass; see Backoff.retry. */
  retry<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#backoff(this.origin).retry(work, signal);
  }

  async close(): Promise<void> {
    if (this.#options.shared === undefined) await this.#wire.close();
  }

  async #sendOnce(request: RegistryRequest): Promise<WireResponse> {
    let authorization = await this.#authenticator.authorize(request.scopes);
    // Once to hear how to log in, once more with a fresh token where a held one is not taken any more.
    for (let logins = 0; ; logins++) {
      const { response, home } = await this.#follow(request, this.origin, authorization);
      const { status } = response;
      if (status === 408 || status === 429 || status >= 500) throw await refusal(response, request.method);
      if (status !== 401 || !home || logins === 2) return response;
      const challenges = response.headers('www-authenticate');
      const again = await this.#authenticator.learn(challenges, request.scopes, authorization);
      const next = again ? await this.#authenticator.authorize(request.scopes) : undefined;
      if (next === undefined || (next === authorization && !next.startsWith('Bearer '))) return response;
      await response.drop();
      authorization = next;
    }
  }

  /** @param base the origin that the credential is for */
  async #follow(request: RegistryRequest, base: URL, authorization: string | undefined): Promise<Step> {
    const { method, signal, body, bulk, into, deadlineMs } = request;
    let { url } = request;
    let home = url.origin === base.origin;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const headers = { ...request.headers, ...(home && authorization !== undefined ? { authorization } : {}) };
      const sent = typeof body === 'function' ? await body() : body;
      const wanted = { method, url, headers, body: sent, signal, bulk, into, deadlineMs };
      const response = await this.#wire.exchange(wanted);
      this.#noteWarnings(response);
      const location = response.header('location');
      if (!REDIRECTS.includes(response.status) || location === undefined) return { response, home };
      await response.drop();
      if (method !== 'GET' && method !== 'HEAD' && response.status < 307) {
        throw protocolError(url, `answered ${method} with a redirect (${response.status}) that would lose the body`);
      }
      url = resolveLocation(location, url, { what: 'redirect', registry: this.origin });
      home &&= url.origin === base.origin;
      if (!home && request.mayLeave === false) throw protocolError(base, `redirects to another origin, ${url.origin}`);
    }
    throw protocolError(request.url, `more than ${MAX_REDIRECTS} redirects`);
  }

  #exchangeToken(request: Parameters<TokenExchange>[0]): ReturnType<TokenExchange> {
    const { url, method, body, headers } = request;
    const { authorization, ...plain } = headers;
    const once = async () => {
      // A form holds the login itself; in a GET it is in a header, which stays behind.
      const form = body === undefined ? {} : { body: Buffer.from(body), mayLeave: false };
      const wanted = { method, url, headers: plain, scopes: new Map(), deadlineMs: ANSWER_DEADLINE_MS, ...form };
      const { response } = await this.#follow(wanted, url, authorization);
      if (response.status === 408 || response.status === 429 || response.status >= 500) {
        throw await refusal(response, method);
      }
      const bytes = await collectUpTo(response.body, MAX_TOKEN_BYTES);
      if (bytes.byteLength > MAX_TOKEN_BYTES) throw protocolError(url, `a token of over ${MAX_TOKEN_BYTES} bytes`);
      return { status: response.status, body: bytes };
    };
    return this.#backoff(url).retry(once, undefined);
  }

  #noteWarnings(response: WireResponse): void {
    const { onWarning } = this.#options;
    if (onWarning === undefined || response.header('warning') === undefined) return;
    const { host } = response.url;
    const told = this.#warnings.get(host) ?? new Set();
    this.#warnings.set(host, told);
    for (const text of parseWarnings(response.headers('warning'))) {
      if (told.has(text) || told.size >= MAX_WARNINGS) continue;
      told.add(text);
      onWarning({ host, text });
    }
  }

  #backoff(url: URL): Backoff {
    let backoff = this.#backoffs.get(url.origin);
    if (backoff === undefined) {
      backoff = new Backoff(url.host, this.#options.retry);
      this.#backoffs.set(url.origin, backoff);
    }
    return backoff;
  }
}
