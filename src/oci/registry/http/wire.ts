import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { isCoded } from '#core';
import type { ByteStream } from '#oci/image';
import { isLoopbackHost } from '#oci/image';
import { networkError } from '../faults.ts';
import { getInBulk } from './bulk.ts';
import { Agent, proxyAgent, request } from './http-client.ts';
import type { WireRequest, WireResponse } from './message.ts';
import { watchRate } from './min-rate.ts';
import { type Lookup, pinnedLookup, systemLookup } from './pinned-lookup.ts';
import { readCertificates, type TlsOptions } from './tls.ts';

/** How connections are made. */
export interface WireOptions {
  readonly tls?: TlsOptions | undefined;
  /** For `http_proxy`, `https_proxy` and `no_proxy`, in either case. Loopback hosts are never asked through a proxy. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Connections to one origin at a time; 8 unless told. */
  readonly connections?: number | undefined;
  /** How long the other side may be silent; 60 s unless told. */
  readonly idleTimeoutMs?: number | undefined;
  /** Resolves host names; the system's way unless told. */
  readonly lookup?: Lookup | undefined;
  readonly userAgent: string;
}

const READ_BYTES = 1024 * 1024;

/**
 * Ends a request without a body to send whose answer has not begun after twice the idle time. Interim answers (1xx,
 * RFC 9110 §15.2) end the silence that the connection itself measures, however many come.
 */
class HeadDeadline {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor({ body, signal, url }: WireRequest, idleMs: number) {
    const late = new AbortController();
    const end = (): void => late.abort(Object.assign(new Error(`no response from ${url.host}`), { code: 'ETIMEDOUT' }));
    this.#timer = body == null ? setTimeout(end, 2 * idleMs) : undefined;
    this.signal = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
  }

  arrived(): void {
    clearTimeout(this.#timer);
  }
}

/** HTTP/1.1 as it is: one request, one answer, no redirect followed, nothing sent twice. */
export class Wire {
  readonly #options: WireOptions;
  /** The one origin that the user's client certificate is for. */
  readonly #registry: URL;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();
  readonly #closing = new AbortController();
  readonly #idleMs: number;

  constructor(registry: URL, options: WireOptions) {
    this.#registry = registry;
    this.#options = options;
    this.#idleMs = options.idleTimeoutMs ?? 60_000;
  }

  /** @throws CodedError ERR_EXPORT_NETWORK, or the signal's reason */
  async exchange(wanted: WireRequest): Promise<WireResponse> {
    const { url, signal, deadlineMs } = wanted;
    try {
      const response = (wanted.bulk === true ? await this.#getInBulk(wanted) : undefined) ?? (await this.#send(wanted));
      return {
        ...response,
        body: readBody(watchRate(response.body, this.#idleMs, deadlineMs), url, signal),
      };
    } catch (error) {
      signal?.throwIfAborted();
      throw networkError(error, url, wanted.method);
    }
  }

  async close(): Promise<void> {
    // What is still under way belongs to nobody any more.
    this.#closing.abort();
    const made = await Promise.allSettled(this.#dispatchers.values());
    for (const each of made) if (each.status === 'fulfilled') await each.value.destroy();
  }

  async #send(wanted: WireRequest): Promise<WireResponse> {
    const { url } = wanted;
    const dispatcher = await this.#dispatcher(url);
    const head = new HeadDeadline(wanted, this.#idleMs);
    const answer = await request
      .call(dispatcher, {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: wanted.method,
        headers: this.#headers(wanted),
        // An async iterable is taken as it is, though the type names only streams.
        body: (wanted.body ?? null) as Readable | Uint8Array | string | null,
        highWaterMark: READ_BYTES,
        // A connection outlives a HEAD too. A body that comes with its answer ends it, and is no answer to what follows.
        ...(wanted.method === 'HEAD' ? { reset: false } : {}),
        signal: head.signal,
      })
      .finally(() => head.arrived());
    const headers = (name: string): string[] => {
      const value = answer.headers[name];
      return value === undefined ? [] : Array.isArray(value) ? value : [value];
    };
    return {
      status: answer.statusCode,
      url,
      header: (name) => headers(name)[0],
      headers,
      body: answer.body,
      // A body that trickles in is not waited for.
      drop: () =>
        answer.body.dump({ limit: READ_BYTES, signal: AbortSignal.timeout(this.#idleMs) }).catch(() => undefined),
    };
  }

  /** Where nothing lies between but a socket, or TLS of the thread that writes the body into a file. */
  async #getInBulk(wanted: WireRequest): Promise<WireResponse | undefined> {
    const { url, signal, into } = wanted;
    const isTls = url.protocol === 'https:';
    if (this.#isProxied(url) || (isTls && into === undefined)) return undefined;
    const signals = signal === undefined ? [this.#closing.signal] : [this.#closing.signal, signal];
    const tls = isTls ? await this.#tls(url) : undefined;
    const options = { idleMs: this.#idleMs, signals, lookup: this.#lookupFor(url), tls };
    try {
      return await getInBulk({ url, headers: this.#headers(wanted), into }, options);
    } catch (error) {
      // What is wrong with the certificates is for the client to find again and to say.
      if (isTls && !isCoded(error) && !signals.some(({ aborted }) => aborted)) return undefined;
      throw error;
    }
  }

  #headers({ headers }: WireRequest): Record<string, string> {
    return { 'user-agent': this.#options.userAgent, 'accept-encoding': 'identity', ...headers };
  }

  #dispatcher(url: URL): Promise<Dispatcher> {
    let dispatcher = this.#dispatchers.get(url.origin);
    if (dispatcher === undefined) {
      dispatcher = this.#connect(url);
      this.#dispatchers.set(url.origin, dispatcher);
    }
    return dispatcher;
  }

  async #connect(url: URL): Promise<Dispatcher> {
    const idleMs = this.#idleMs;
    const options = {
      allowH2: false,
      connections: this.#options.connections ?? 8,
      pipelining: 1,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
      keepAliveTimeout: 15_000,
      connect: {
        timeout: Math.min(idleMs, 20_000),
        lookup: this.#lookupFor(url),
        ...(url.protocol === 'https:' ? await this.#tls(url) : {}),
      },
    };
    const { env } = this.#options;
    const httpProxy = env['http_proxy'] ?? env['HTTP_PROXY'] ?? '';
    const httpsProxy = env['https_proxy'] ?? env['HTTPS_PROXY'] ?? '';
    const noProxy = env['no_proxy'] ?? env['NO_PROXY'] ?? '';
    if (isLoopbackHost(url.hostname) || httpProxy + httpsProxy === '') return new Agent(options);
    const { timeout, lookup, ...tls } = options.connect;
    // The same authorities are trusted for the host behind a tunnel.
    return proxyAgent({ ...options, requestTls: { timeout, lookup, ...tls }, httpProxy, httpsProxy, noProxy });
  }

  /** The registry's own host may lie anywhere; to others that it names see pinnedLookup. */
  #lookupFor(url: URL): Lookup {
    const lookup = this.#options.lookup ?? systemLookup;
    return url.hostname === this.#registry.hostname ? lookup : pinnedLookup(this.#registry, lookup);
  }

  /** Whether requests may go through a proxy. */
  #isProxied(url: URL): boolean {
    const { env } = this.#options;
    if (isLoopbackHost(url.hostname)) return false;
    const names = url.protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : [];
    return ['http_proxy', 'HTTP_PROXY', ...names].some((name) => (env[name] ?? '') !== '');
  }

  async #tls(url: URL) {
    const named = this.#options.tls;
    const found = await readCertificates(url.host, named?.certsFolders);
    const client = (url.origin === this.#registry.origin ? named?.client : undefined) ?? found.client;
    const extra = named?.ca === undefined ? found.ca : [...found.ca, named.ca];
    if (extra.length === 0) return { ...client };
    // Loaded here, since that decodes all authorities that Node brings.
    const { rootCertificates } = await import('node:tls');
    return { ca: [...rootCertificates, ...extra], ...client };
  }
}

async function* readBody(body: AsyncIterable<Uint8Array>, url: URL, signal: AbortSignal | undefined): ByteStream {
  try {
    yield* body;
  } catch (error) {
    signal?.throwIfAborted();
    throw networkError(error, url, 'reading from');
  }
}
