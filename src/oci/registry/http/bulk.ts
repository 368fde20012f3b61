import { connect, type LookupFunction, type Socket } from 'node:net';
import { trimOf } from '#core';
import type { ByteStream } from '#oci/image';
import type { WireRequest, WireResponse } from './message.ts';

const BUFFER_BYTES = 1024 * 1024;
const BUFFERS = 4;
const MAX_HEAD_BYTES = 32 * 1024;
const MAX_CONNECT_MS = 20_000;
const PLAIN_STATUS = /^HTTP\/1\.1 (200|206)(?: [^\r\n]*)?$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;
const NO_FIELD_VALUE = /[\0\r\n]/;

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
  let answer: Head | undefined;
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

interface Head {
  readonly status: number;
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly sizeBytes: number;
}

function encodeHead(url: URL, headers: WireRequest['headers']): string | undefined {
  const fields = Object.entries({ host: url.host, connection: 'close', ...headers });
  const lines = fields.map(([name, value]) => `${name}: ${value}`);
  if (!lines.every((line) => parseField(line) !== undefined)) return undefined;
  return [`GET ${url.pathname}${url.search} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

/** A header by its name in small letters; undefined where the line is none. */
function parseField(line: string): { readonly name: string; readonly value: string } | undefined {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  const value = trimOf(line.slice(colon + 1), ' \t');
  if (!FIELD_NAME.test(name) || NO_FIELD_VALUE.test(value)) return undefined;
  return { name: name.toLowerCase(), value };
}

/** The head of an answer; undefined where it is not as plain as it should be here. */
function parseHead(text: string): Head | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const status = PLAIN_STATUS.exec(first)?.[1];
  if (status === undefined) return undefined;
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const field = parseField(line);
    if (field === undefined) return undefined;
    const values = fields.get(field.name);
    if (values === undefined) fields.set(field.name, [field.value]);
    else values.push(field.value);
  }
  const [length = '', ...more] = fields.get('content-length') ?? [];
  if (!/^\d{1,15}$/.test(length) || more.length > 0 || fields.has('transfer-encoding')) return undefined;
  return { status: Number(status), fields, sizeBytes: Number(length) };
}

/** What has come, and the buffer that it lies in, if that is to be used again. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly buffer?: Uint8Array;
}

/** Shared memory, which another thread may hash and write. */
function makeBuffer(): Uint8Array {
  return Buffer.from(new SharedArrayBuffer(BUFFER_BYTES));
}

class BulkBody {
  readonly #signals: readonly AbortSignal[];
  readonly #idleMs: number;
  readonly #socket: Socket;
  /** Of these one is always being read into; the reader has one, and the rest wait for it. */
  readonly #free: Uint8Array[] = Array.from({ length: BUFFERS }, () => makeBuffer());
  readonly #come: Piece[] = [];
  #reusedBuffer: Uint8Array | undefined;
  #paused = false;
  #closed = false;
  #fault: unknown;
  #wake: () => void = () => undefined;

  constructor(url: URL, { idleMs, signals, lookup }: BulkOptions) {
    this.#idleMs = idleMs;
    this.#signals = signals;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const onread = {
      buffer: () => this.#room(),
      callback: (size: number, buffer: Uint8Array) => this.#take(size, buffer),
    };
    this.#socket = connect({ host, port: Number(url.port || 80), onread, ...(lookup === undefined ? {} : { lookup }) });
    this.#socket
      .setTimeout(Math.min(idleMs, MAX_CONNECT_MS))
      .on('connect', () => this.#socket.setTimeout(idleMs))
      .on('timeout', () => this.#tire())
      .on('error', (error) => this.#stop(error))
      .on('close', () => this.#stop(undefined));
    for (const each of signals) each.addEventListener('abort', this.end, { once: true });
    if (signals.some(({ aborted }) => aborted)) this.end();
  }

  /** Sends the head of the request, and reads that of the answer; undefined where it is not plain. */
  async ask(head: string): Promise<Head | undefined> {
    this.#socket.write(head);
    let text = '';
    const end = performance.now() + this.#idleMs;
    for (;;) {
      if (performance.now() > end) throw silent();
      const piece = await this.#next();
      const before = text.length;
      text += Buffer.from(piece.bytes.subarray(0, MAX_HEAD_BYTES)).toString('latin1');
      const headEnd = text.indexOf('\r\n\r\n', Math.max(0, before - 3));
      if (headEnd >= 0) {
        // The beginning of the body came along.
        this.#come.unshift({ bytes: Uint8Array.from(piece.bytes.subarray(headEnd + 4 - before)) });
        return parseHead(text.slice(0, headEnd));
      }
      if (text.length >= MAX_HEAD_BYTES) return undefined;
    }
  }

  /** The body, as chunks of reused buffers. */
  async *read(sizeBytes: number): ByteStream {
    try {
      for (let left = sizeBytes; left > 0; ) {
        const { bytes } = await this.#next();
        const chunk = bytes.subarray(0, left);
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

  async #next(): Promise<Piece> {
    for (;;) {
      const piece = this.#come.shift();
      if (piece !== undefined) {
        this.#giveBack(this.#reusedBuffer);
        this.#reusedBuffer = piece.buffer;
        return piece;
      }
      if (this.#closed) throw this.#fault ?? closedEarly();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(size: number, buffer: Uint8Array): boolean {
    this.#come.push({ bytes: buffer.subarray(0, size), buffer });
    this.#wake();
    // The next one is fetched at once, so there must be another after it.
    this.#paused = this.#free.length <= 1;
    return !this.#paused;
  }

  #room(): Uint8Array {
    return this.#free.pop() ?? makeBuffer();
  }

  #giveBack(buffer: Uint8Array | undefined): void {
    if (buffer === undefined) return;
    this.#free.push(buffer);
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Silence while nobody asks for more is not the other side's. */
  #tire(): void {
    if (this.#paused) this.#socket.setTimeout(this.#idleMs);
    else this.#socket.destroy(silent());
  }

  #stop(fault: unknown): void {
    this.#closed = true;
    this.#fault ??= fault;
    this.#wake();
  }
}

function silent(): Error {
  return Object.assign(new Error('the other side is silent'), { code: 'ETIMEDOUT' });
}

function closedEarly(): Error {
  return Object.assign(new Error('the other side closed the connection'), { code: 'ECONNRESET' });
}
