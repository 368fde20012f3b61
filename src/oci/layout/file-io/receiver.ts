import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import type { Peer } from '#oci/image';

/**
 * What the sockets of a thread are read into, one after the other: it is hashed and written before the next read. More
 * leaves the cache of the core in between, and takes a third more processor time with 1 MiB.
 */
const BUFFER_BYTES = 256 * 1024;
/** So much, or what came in so long, is reported at once. */
const REPORT_BYTES = 4 * 1024 * 1024;
const REPORT_MS = 100;

let shared: Uint8Array | undefined;

/** Appends bytes to a file; they are overwritten afterwards. */
type Append = (bytes: Uint8Array) => void;

/** A fault of a connection, as distinct from one of the file. */
class ConnectionFault extends Error {
  readonly ofConnection = true;
  readonly code: string | undefined;

  constructor({ message, code }: NodeJS.ErrnoException) {
    super(message);
    this.code = code;
  }
}

/** A connection of this thread, whose bytes go to whoever asks for them, and then into a file. */
export class Receiver {
  readonly #idleMs: number;
  readonly #socket: Socket;
  /** Bytes that came before it was said where they go. */
  #held: Uint8Array | undefined;
  #append: Append | undefined;
  #leftBytes = 0;
  #reading = true;
  readonly #report = new Report();
  /** When this thread last did anything else than wait. */
  #activeAt = performance.now();

  private constructor(socket: Socket, { connectMs, idleMs }: Peer) {
    this.#idleMs = idleMs;
    this.#socket = socket;
    socket
      .setTimeout(connectMs)
      .on('connect', () => socket.setTimeout(idleMs))
      .on('timeout', () => this.#tire())
      .on('error', (error) => this.#report.fail(new ConnectionFault(error)))
      .on('close', () => this.#report.fail(closedEarly()));
  }

  /** @param request one character a byte */
  static async connect(peer: Peer, request: string): Promise<Receiver> {
    let receiver: Receiver | undefined;
    const onread = {
      buffer: () => sharedBuffer(),
      callback: (size: number, buffer: Uint8Array) => receiver?.take(buffer.subarray(0, size)) ?? false,
    };
    const { host, port, addresses, tls } = peer;
    const target = { host, port, onread, ...(addresses === undefined ? {} : { lookup: lookupIn(addresses) }) };
    const socket = tls === undefined ? connectTcp(target) : await connectTls(target, tls);
    receiver = new Receiver(socket, peer);
    socket.write(request, 'latin1');
    return receiver;
  }

  /** The next bytes. */
  async next(): Promise<Uint8Array> {
    if (this.#held === undefined) this.#resume();
    await this.#report.next();
    const held = this.#held ?? new Uint8Array();
    this.#held = undefined;
    return held;
  }

  /** Appends the bytes that come next to a file, or goes on with that. @returns how many more than were reported before */
  receive(sizeBytes: number, append: Append): Promise<number> {
    if (this.#append === undefined) {
      this.#append = append;
      this.#leftBytes = sizeBytes;
      const held = this.#held;
      this.#held = undefined;
      this.#report.clear();
      if (held === undefined || this.take(held)) this.#resume();
    }
    return this.#report.next();
  }

  /** Takes what was read. @returns whether to go on reading */
  take(bytes: Uint8Array): boolean {
    if (this.#append === undefined) {
      // TLS hands over what it has decrypted even when told to wait.
      this.#held = Buffer.concat([this.#held ?? new Uint8Array(), bytes]);
      this.#reading = false;
      this.#report.add(bytes.byteLength, true);
      return false;
    }
    try {
      this.#take(bytes.subarray(0, this.#leftBytes), this.#append);
    } catch (error) {
      this.#report.fail(error as Error);
      this.end();
    }
    this.#activeAt = performance.now();
    return this.#leftBytes > 0;
  }

  end(): void {
    this.#leftBytes = 0;
    this.#socket.destroy();
  }

  #resume(): void {
    if (!this.#reading) this.#socket.resume();
    this.#reading = true;
  }

  #take(bytes: Uint8Array, append: Append): void {
    if (bytes.byteLength === 0) return;
    append(bytes);
    this.#leftBytes -= bytes.byteLength;
    this.#report.add(bytes.byteLength, this.#leftBytes === 0);
    if (this.#leftBytes === 0) this.end();
  }

  /** What this thread takes, to write to a slow disk, is not silence of the other side; before a connection there is none. */
  #tire(): void {
    const isOurs = !this.#reading || performance.now() - this.#activeAt < this.#idleMs;
    if (isOurs && !this.#socket.connecting) this.#socket.setTimeout(this.#idleMs);
    else this.#socket.destroy(silent());
  }
}

/** Bytes that came, for whoever waits for them: not too often, and never what came before a fault after it. */
class Report {
  #bytes = 0;
  #at = performance.now();
  /** Whether they are worth a message though they are few. */
  #isDue = false;
  #fault: Error | undefined;
  #waiting: PromiseWithResolvers<number> | undefined;

  /** More than 0, as soon as it is worth a message. @throws the fault once all was reported */
  next(): Promise<number> {
    this.#waiting ??= Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#tell();
    return promise;
  }

  add(sizeBytes: number, atOnce: boolean): void {
    this.#bytes += sizeBytes;
    this.#isDue ||= atOnce;
    this.#tell();
  }

  /** Forgets what came; a fault is told each time. */
  clear(): void {
    this.#bytes = 0;
    this.#isDue = this.#fault !== undefined;
  }

  /** The first fault counts. */
  fail(fault: Error): void {
    this.#fault ??= fault;
    this.#isDue = true;
    this.#tell();
  }

  #tell(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const now = performance.now();
    const isDue = this.#isDue || this.#bytes >= REPORT_BYTES || now - this.#at >= REPORT_MS;
    if (this.#bytes > 0 && isDue) waiting.resolve(this.#bytes);
    else if (this.#fault !== undefined) waiting.reject(this.#fault);
    else return;
    this.#waiting = undefined;
    this.clear();
    this.#at = now;
  }
}

function sharedBuffer(): Uint8Array {
  shared ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  return shared;
}

async function connectTls(target: { readonly host: string; readonly port: number }, tls: NonNullable<Peer['tls']>) {
  const { connect } = await import('node:tls');
  const { host } = target;
  const { ca, ...client } = tls;
  return connect({
    ...target,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...client,
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ALPNProtocols: ['http/1.1'],
  });
}

/** Resolves to what was resolved and checked before. */
function lookupIn(addresses: NonNullable<Peer['addresses']>): LookupFunction {
  return (_, { all }, callback) => {
    if (all) callback(null, [...addresses]);
    else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
  };
}

function silent(): Error {
  return Object.assign(new Error('the other side is silent'), { code: 'ETIMEDOUT' });
}

function closedEarly(): ConnectionFault {
  return new ConnectionFault(Object.assign(new Error('the other side closed the connection'), { code: 'ECONNRESET' }));
}
