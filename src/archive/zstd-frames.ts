import { invalid, windowTooLarge } from './faults.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
/** Memory that a frame may ask of its reader, as the reference tool limits it without `--long`. */
const MAX_WINDOW_BYTES = 128 * 1024 * 1024;

/** Demands the one framing that encodeZstd writes. */
export interface ZstdFraming {
  /** Bytes of content in each frame; the last one may have fewer. */
  readonly frameBytes: number;
}

/** What the walker is about to read. */
type State = 'magic' | 'descriptor' | 'header' | 'block' | 'content' | 'checksum' | 'skipSize' | 'skip';

/**
 * Walks over the frames of a zstd stream (RFC 8878 §3.1) beside the decompressor, by lengths alone. It knows what
 * node:zlib does not tell: whether the stream ends where a frame ends, and whether other bytes follow.
 */
export class ZstdFrames {
  readonly #name: string;
  readonly #framing: FramingCheck | undefined;
  readonly #field = new Field(4);
  #state: State = 'magic';
  #left = 0;
  #header = new FrameHeader(0);
  #isLast = false;
  #frames = 0;

  /** @param framing demands this framing, and refuses others that zstd readers take alike */
  constructor(name: string, framing?: ZstdFraming) {
    this.#name = name;
    this.#framing = framing && new FramingCheck(name, framing);
  }

  /** @throws CodedError ERR_EXPORT_ARCHIVE_INVALID where the bytes are no zstd frames, …_LIMIT for a larger window */
  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#state === 'content' || this.#state === 'skip' || this.#state === 'checksum') {
        const step = Math.min(this.#left, chunk.length - at);
        this.#left -= step;
        at += step;
        if (this.#left === 0) this.#passed();
      } else {
        at += this.#field.fill(chunk, at);
        if (this.#field.isFull) this.#decode();
      }
    }
  }

  /** @throws CodedError ERR_EXPORT_ARCHIVE_INVALID when the stream ends within a frame, or has none */
  end(): void {
    if (this.#state !== 'magic' || !this.#field.isEmpty) throw invalid(this.#name, 'the zstd data is truncated');
    if (this.#frames === 0) throw invalid(this.#name, 'not zstd data');
  }

  #decode(): void {
    if (this.#state === 'magic') this.#decodeMagic(this.#field.bytes.readUInt32LE(0));
    else if (this.#state === 'descriptor') this.#decodeDescriptor(this.#field.bytes[0] as number);
    else if (this.#state === 'header') this.#decodeHeader();
    else if (this.#state === 'block') this.#decodeBlock(this.#field.bytes.readUIntLE(0, 3));
    else this.#pass('skip', this.#field.bytes.readUInt32LE(0));
  }

  #decodeMagic(magic: number): void {
    if (magic === MAGIC) this.#expect('descriptor', 1);
    else if (this.#framing === undefined && (magic & 0xfffffff0) >>> 0 === SKIPPABLE) this.#expect('skipSize', 4);
    else throw invalid(this.#name, this.#frames === 0 ? 'not zstd data' : 'bytes after the end of the zstd data');
  }

  #decodeDescriptor(descriptor: number): void {
    if ((descriptor & 0x08) !== 0) throw invalid(this.#name, 'a zstd frame of an unknown kind');
    if ((descriptor & 0x03) !== 0) throw invalid(this.#name, 'a zstd frame that needs a dictionary');
    if (this.#framing !== undefined && ((descriptor & 0x04) === 0 || (descriptor & 0x10) !== 0)) {
      throw invalid(this.#name, 'a zstd frame without a checksum, or with an unused bit set');
    }
    this.#header = new FrameHeader(descriptor);
    this.#expect('header', this.#header.fieldBytes);
  }

  #decodeHeader(): void {
    const window = this.#header.windowBytes(this.#field.bytes);
    if (window > MAX_WINDOW_BYTES) throw windowTooLarge(this.#name, window, MAX_WINDOW_BYTES);
    this.#framing?.check(this.#header, this.#field.bytes);
    this.#expect('block', 3);
  }

  #decodeBlock(header: number): void {
    this.#isLast = (header & 1) !== 0;
    const kind = (header >>> 1) & 3;
    if (kind === 3) throw invalid(this.#name, 'a damaged zstd block');
    // A block of one repeated byte holds that byte alone.
    this.#pass('content', kind === 1 ? 1 : header >>> 3);
  }

  #expect(state: State, length: number): void {
    this.#state = state;
    this.#field.expect(length);
    if (length === 0) this.#decode();
  }

  #pass(state: State, length: number): void {
    this.#state = state;
    this.#left = length;
    if (length === 0) this.#passed();
  }

  #passed(): void {
    if (this.#state === 'content' && !this.#isLast) {
      this.#expect('block', 3);
    } else if (this.#state === 'content' && this.#header.hasChecksum) {
      this.#pass('checksum', 4);
    } else {
      this.#frames++;
      this.#expect('magic', 4);
    }
  }
}

/** A field that may come in several chunks. */
class Field {
  /** The largest is a header without its descriptor: window, dictionary and size. */
  readonly bytes = Buffer.alloc(18);
  #have = 0;
  #need: number;

  /** @param length of the first field, in bytes */
  constructor(length: number) {
    this.#need = length;
  }

  get isFull(): boolean {
    return this.#have === this.#need;
  }

  get isEmpty(): boolean {
    return this.#have === 0;
  }

  /** Begins a field of so many bytes. */
  expect(length: number): void {
    this.#need = length;
    this.#have = 0;
  }

  /** Takes what is missing from a chunk; the number of bytes that it took. */
  fill(chunk: Uint8Array, at: number): number {
    const step = Math.min(this.#need - this.#have, chunk.length - at);
    this.bytes.set(chunk.subarray(at, at + step), this.#have);
    this.#have += step;
    return step;
  }
}

/** What the descriptor of a frame says of the fields behind it (RFC 8878 §3.1.1.1). */
class FrameHeader {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  get hasChecksum(): boolean {
    return (this.#descriptor & 0x04) !== 0;
  }

  /** The length of window descriptor and content size. */
  get fieldBytes(): number {
    return this.#windowField() + this.sizeField;
  }

  /** The length of the content size; 0 where there is none. */
  get sizeField(): number {
    const code = this.#descriptor >>> 6;
    return code === 0 ? (this.#isSingleSegment() ? 1 : 0) : 1 << code;
  }

  /** The memory that a reader needs, in bytes. */
  windowBytes(fields: Buffer): number {
    if (this.#isSingleSegment()) return this.contentBytes(fields);
    const field = fields[0] as number;
    const base = 2 ** (10 + (field >>> 3));
    return base + (base / 8) * (field & 7);
  }

  /** The size of the content, in bytes; not a number where the header has none. */
  contentBytes(fields: Buffer): number {
    const [at, length] = [this.#windowField(), this.sizeField];
    if (length === 0) return Number.NaN;
    if (length === 8) return Number(fields.readBigUInt64LE(at));
    return length === 2 ? fields.readUInt16LE(at) + 256 : fields.readUIntLE(at, length);
  }

  #windowField(): number {
    return this.#isSingleSegment() ? 0 : 1;
  }

  #isSingleSegment(): boolean {
    return (this.#descriptor & 0x20) !== 0;
  }
}

/** Holds the headers of frames, one after the other, against the one framing that is demanded. */
class FramingCheck {
  readonly #name: string;
  readonly #frameBytes: number;
  /** Bytes of content that the frame before promises. */
  #before: number | undefined;

  constructor(name: string, { frameBytes }: ZstdFraming) {
    this.#name = name;
    this.#frameBytes = frameBytes;
  }

  /** The size is there and in its shortest form, the frame before is full, and this one is not empty unless alone. */
  check(header: FrameHeader, fields: Buffer): void {
    const size = header.contentBytes(fields);
    const shortest = size < 256 ? 1 : size < 65536 + 256 ? 2 : 4;
    const follows = this.#before === undefined || (this.#before === this.#frameBytes && size > 0);
    const fits = size <= this.#frameBytes && header.windowBytes(fields) <= this.#frameBytes;
    if (header.sizeField !== shortest || !fits || !follows) {
      throw invalid(this.#name, `zstd frames that are not cut after every ${this.#frameBytes} bytes of content`);
    }
    this.#before = size;
  }
}
