import { connect, type LookupFunction, type Socket } from 'node:net';
import type { ByteStream, PeerTls, ReceivingConnection, ReceivingFile } from '#oci/image';
import type { WireRequest, WireResponse } from './message.ts';
import { resolvePeer } from './peer.ts';
import { PieceQueue } from './piece-queue.ts';
import { HeadReader, type PlainHead, parseField } from './response-head.ts';

const MAX_CONNECT_MS = 20_000;

/**
 * A GET over a connection of its own, whose body is read into a few buffers that are used again and again, or on another
 * thread into a file: with large bodies most of the time that a client needs goes into making room for them.
 *
 * @returns undefined where the answer is anything but a 200 or 206 that says how long its body is, or a 200 to a range
 *   that was to go into a file; that is for a whole HTTP client to ask for again
 * @throws Error with a `code`, as of sockets
 */
export async function getInBulk(
  { url, headers, into }: Pick<WireRequest, 'url' | 'headers' | 'into'>,
  options: BulkOptions,
): Promise<WireResponse | undefined> {
  const head = encodeHead(url, headers);
  if (head === undefined) return undefined;
  const connection = into === undefined ? new LocalConnection(url, options) : new ThreadConnection(url, options, into);
  let answer: BulkAnswer | undefined;
  try {
    answer = await ask(connection, head, options.idleMs);
    // Of the whole only a part would belong into the file.
    if (into !== undefined && 'range' in headers && answer?.head.status !== 206) answer = undefined;
  } finally {
    if (answer === undefined) connection.end();
  }
  if (answer === undefined) return undefined;
  const { status, fields, sizeBytes } = answer.head;
  return {
    status,
    url,
    header: (name) => fields.get(name)?.[0],
    headers: (name) => [...(fields.get(name) ?? [])],
    body: readBody(connection, answer.begin, sizeBytes),
    drop: async () => connection.end(),
  };
}

interface BulkOptions {
  readonly idleMs: number;
  readonly signals: readonly AbortSignal[];
  /** The system's unless told. */
  readonly lookup?: LookupFunction | undefined;
  /** Of a connection of another thread; undefined for plain http. */
  readonly tls?: PeerTls | undefined;
}

/** The head of an answer, and what came of the body along with it. */
interface BulkAnswer {
  readonly head: PlainHead;
  readonly begin: Uint8Array;
}

/** A connection for one request. */
interface BulkConnection {
  send(request: string): Promise<void>;
  /** The next bytes that come, valid until the next call. */
  next(): Promise<Uint8Array>;
  /** Of what comes next so many bytes, or receipts for them. */
  read(sizeBytes: number): ByteStream;
  end(): void;
}

function encodeHead(url: URL, headers: WireRequest['headers']): string | undefined {
  const fields = Object.entries({ host: url.host, connection: 'close', ...headers });
  const lines = fields.map(([name, value]) => `${name}: ${value}`);
  if (!lines.every((line) => parseField(line) !== undefined)) return undefined;
  return [`GET ${url.pathname}${url.search} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

/** Sends the head of a request, and reads that of the answer; undefined where it is not plain. */
async function ask(connection: BulkConnection, head: string, idleMs: number): Promise<BulkAnswer | undefined> {
  const end = performance.now() + idleMs;
  await connection.send(head);
  const reader = new HeadReader();
  for (;;) {
    if (performance.now() > end) throw silent();
    const bytes = await connection.next();
    const found = reader.add(bytes);
    if (found === 'other') return undefined;
    if (found === 'incomplete') continue;
    return { head: found.head, begin: Uint8Array.from(bytes.subarray(found.headBytes)) };
  }
}

async function* readBody(connection: BulkConnection, begin: Uint8Array, sizeBytes: number): ByteStream {
  try {
    const first = begin.subarray(0, sizeBytes);
    if (first.byteLength > 0) yield first;
    yield* connection.read(sizeBytes - first.byteLength);
  } finally {
    connection.end();
  }
}

/** A connection of this thread. */
class LocalConnection implements BulkConnection {
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

  async send(request: string): Promise<void> {
    this.#socket.write(request);
  }

  next(): Promise<Uint8Array> {
    return this.#pieces.next();
  }

  /** Chunks of reused buffers. */
  async *read(sizeBytes: number): ByteStream {
    for (let left = sizeBytes; left > 0; ) {
      const chunk = (await this.#pieces.next()).subarray(0, left);
      left -= chunk.byteLength;
      if (chunk.byteLength > 0) yield chunk;
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

/** A connection of the thread that writes a file. */
class ThreadConnection implements BulkConnection {
  readonly #url: URL;
  readonly #options: BulkOptions;
  readonly #file: ReceivingFile;
  #connection: ReceivingConnection | undefined;

  constructor(url: URL, options: BulkOptions, file: ReceivingFile) {
    this.#url = url;
    this.#options = options;
    this.#file = file;
  }

  async send(request: string): Promise<void> {
    const { idleMs, signals, lookup, tls } = this.#options;
    const connectMs = Math.min(idleMs, MAX_CONNECT_MS);
    const signal = AbortSignal.any([...signals, lateAfter(connectMs)]);
    const peer = await resolvePeer(this.#url, { idleMs, connectMs, lookup, tls, signal });
    this.#connection = await this.#file.connect(peer, request);
    for (const each of signals) each.addEventListener('abort', this.end, { once: true });
    if (signals.some(({ aborted }) => aborted)) this.end();
  }

  next(): Promise<Uint8Array> {
    return this.#connected().next();
  }

  read(sizeBytes: number): ByteStream {
    return this.#connected().receive(sizeBytes);
  }

  readonly end = (): void => {
    for (const each of this.#options.signals) each.removeEventListener('abort', this.end);
    this.#connection?.end();
  };

  #connected(): ReceivingConnection {
    if (this.#connection === undefined) throw new TypeError('nothing was sent');
    return this.#connection;
  }
}

function silent(): Error {
  return Object.assign(new Error('the other side is silent'), { code: 'ETIMEDOUT' });
}

function closedEarly(): Error {
  return Object.assign(new Error('the other side closed the connection'), { code: 'ECONNRESET' });
}

/** Ends what takes longer than that, as silence. */
function lateAfter(timeMs: number): AbortSignal {
  const late = new AbortController();
  setTimeout(() => late.abort(silent()), timeMs).unref();
  return late.signal;
}
