import { connect, type LookupFunction, type Socket } from 'node:net';
import type { ByteStream } from '#oci/image';
import type { WireRequest, WireResponse } from './message.ts';
import { PieceQueue } from './piece-queue.ts';
import { HeadReader, type PlainHead, parseField } from './response-head.ts';

const MAX_CONNECT_MS = 20_000;

/**
 * A GET over a connection of its own, whose body is read into a few buffers that are used again and again: with large
 * bodies most of the time that a client needs goes into making room for them.
 *
 * @returns undefined where the answer is anything but a 200 or 206 that says how long its body is; that is for a whole
 *   HTTP client to ask for again
 * @throws Error with a `code`, as of sockets
 */
export async function getInBulk(
  { url, headers }: Pick<WireRequest, 'url' | 'headers'>,
  options: BulkOptions,
): Promise<WireResponse | undefined> {
  const head = encodeHead(url, headers);
  if (head === undefined) return undefined;
  const body = new BulkBody(url, options);
  let answer: PlainHead | undefined;
  try {
    answer = await body.ask(head);
  } finally {
    if (answer === undefined) body.end();
  }
  if (answer === undefined) return undefined;
  const { status, fields, sizeBytes } = answer;
  return {
    status,
    url,
    header: (name) => fields.get(name)?.[0],
    headers: (name) => [...(fields.get(name) ?? [])],
    body: body.read(sizeBytes),
    drop: async () => body.end(),
  };
}

interface BulkOptions {
  readonly idleMs: number;
  readonly signals: readonly AbortSignal[];
  /** The system's unless told. */
  readonly lookup?: LookupFunction | undefined;
}

function encodeHead(url: URL, headers: WireRequest['headers']): string | undefined {
  const fields = Object.entries({ host: url.host, connection: 'close', ...headers });
  const lines = fields.map(([name, value]) => `${name}: ${value}`);
  if (!lines.every((line) => parseField(line) !== undefined)) return undefined;
  return [`GET ${url.pathname}${url.search} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

class BulkBody {
  readonly #signals: readonly AbortSignal[];
  readonly #idleMs: number;
  readonly #socket: Socket;
  readonly #pieces = new PieceQueue(() => this.#socket.resume());

  constructor(url: URL, { idleMs, signals, lookup }: BulkOptions) {
    this.#idleMs = idleMs;
    this.#signals = signals;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const onread = {
      buffer: () => this.#pieces.room(),
      callback: (size: number, buffer: Uint8Array) => this.#pieces.take(size, buffer),
    };
    this.#socket = connect({ host, port: Number(url.port || 80), onread, ...(lookup === undefined ? {} : { lookup }) });
    this.#socket
      .setTimeout(Math.min(idleMs, MAX_CONNECT_MS))
      .on('connect', () => this.#socket.setTimeout(idleMs))
      .on('timeout', () => this.#tire())
      .on('error', (error) => this.#pieces.end(error))
      .on('close', () => this.#pieces.end(closedEarly()));
    for (const each of signals) each.addEventListener('abort', this.end, { once: true });
    if (signals.some(({ aborted }) => aborted)) this.end();
  }

  /** Sends the head of the request, and reads that of the answer; undefined where it is not plain. */
  async ask(head: string): Promise<PlainHead | undefined> {
    this.#socket.write(head);
    const reader = new HeadReader();
    const end = performance.now() + this.#idleMs;
    for (;;) {
      if (performance.now() > end) throw silent();
      const bytes = await this.#pieces.next();
      const found = reader.add(bytes);
      if (found === 'other') return undefined;
      if (found === 'incomplete') continue;
      // The beginning of the body came along.
      this.#pieces.unread(Uint8Array.from(bytes.subarray(found.headBytes)));
      return found.head;
    }
  }

  /** The body, as chunks of reused buffers. */
  async *read(sizeBytes: number): ByteStream {
    try {
      for (let left = sizeBytes; left > 0; ) {
        const chunk = (await this.#pieces.next()).subarray(0, left);
        left -= chunk.byteLength;
        if (chunk.byteLength > 0) yield chunk;
      }
    } finally {
      this.end();
    }
  }

  readonly end = (): void => {
    for (const each of this.#signals) each.removeEventListener('abort', this.end);
    this.#socket.destroy();
  };

  /** Silence while nobody asks for more is not the other side's. */
  #tire(): void {
    if (this.#pieces.paused) this.#socket.setTimeout(this.#idleMs);
    else this.#socket.destroy(silent());
  }
}

function silent(): Error {
  return Object.assign(new Error('the other side is silent'), { code: 'ETIMEDOUT' });
}

function closedEarly(): Error {
  return Object.assign(new Error('the other side closed the connection'), { code: 'ECONNRESET' });
}
