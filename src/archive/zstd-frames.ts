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

/** What the walker is about to see. */
type State = 'magic' | 'descriptor' | 'header' | 'block' | 'content' | 'checksum' | 'skipSize' | 'skip';

/**
 * Walks over the frames of a zstd stream (RFC 8878 §3.1) beside the decompressor, by lengths alone. It knows what
 * node:zlib does not tell: whether the stream ends where a frame ends, and whether other bytes follow.
 */
export class ZstdFrames {
  readonly #name: string;
  #state: State = 'magic';
  readonly #field = Buffer.alloc(18);
  #have = 0;
  #need = 4;
  #left = 0;
  #descriptor = 0;
  #isLast = false;
  #frames = 0;
  readonly #framing: ZstdFraming | undefined;
  /** Bytes of content that the last frame promises; known where a framing is demanded. */
  #contentBytes = 0;

  /** @param framing demands this framing, and refuses others that zstd readers take alike */
  constructor(name: string, framing?: ZstdFraming) {
    this.#name = name;
    this.#framing = framing;
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
        const step = Math.min(this.#need - this.#have, chunk.length - at);
        this.#field.set(chunk.subarray(at, at + step), this.#have);
        this.#have += step;
        at += step;
        if (this.#have === this.#need) this.#decode();
      }
    }
  }

  /** @throws CodedError ERR_EXPORT_ARCHIVE_INVALID when the stream ends within a frame, or has none */
  end(): void {
    if (this.#state !== 'magic' || this.#have > 0) throw invalid(this.#name, 'the zstd data is truncated');
    if (this.#frames === 0) throw invalid(this.#name, 'not zstd data');
  }

  #decode(): void {
    if (this.#state === 'magic') this.#decodeMagic(this.#field.readUInt32LE(0));
    else if (this.#state === 'descriptor') this.#decodeDescriptor(this.#field[0] as number);
    else if (this.#state === 'header') this.#decodeHeader();
    else if (this.#state === 'block') this.#decodeBlock(this.#field.readUIntLE(0, 3));
    else this.#pass('skip', this.#field.readUInt32LE(0));
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
    this.#descriptor = descriptor;
    this.#expect('header', this.#windowField() + this.#sizeField());
  }

  #windowField(): number {
    return this.#isSingleSegment() ? 0 : 1;
  }

  #sizeField(): number {
    const code = this.#descriptor >>> 6;
    return code === 0 ? (this.#isSingleSegment() ? 1 : 0) : 1 << code;
  }

  #isSingleSegment(): boolean {
    return (this.#descriptor & 0x20) !== 0;
  }

  #decodeHeader(): void {
    const window = this.#windowBytes();
    if (window > MAX_WINDOW_BYTES) throw windowTooLarge(this.#name, window, MAX_WINDOW_BYTES);
    if (this.#framing !== undefined) this.#checkFraming(this.#framing);
    this.#expect('block', 3);
  }

  /** The size is there and in its shortest form, the frame before is full, and this one is not empty unless alone. */
  #checkFraming({ frameBytes }: ZstdFraming): void {
    const length = this.#sizeField();
    const size = length === 0 ? Number.NaN : this.#contentSize(length);
    const shortest = size < 256 ? 1 : size < 65536 + 256 ? 2 : 4;
    const follows = this.#frames === 0 || (this.#contentBytes === frameBytes && size > 0);
    if (length !== shortest || size > frameBytes || this.#windowBytes() > frameBytes || !follows) {
      throw invalid(this.#name, `zstd frames that are not cut after every ${frameBytes} bytes of content`);
    }
    this.#contentBytes = size;
  }

  #windowBytes(): number {
    if (!this.#isSingleSegment()) {
      const field = this.#field[0] as number;
      const base = 2 ** (10 + (field >>> 3));
      return base + (base / 8) * (field & 7);
    }
    return this.#contentSize(this.#sizeField());
  }

  #contentSize(length: number): number {
    const at = this.#windowField();
    if (length === 8) return Number(this.#field.readBigUInt64LE(at));
    return length === 2 ? this.#field.readUInt16LE(at) + 256 : this.#field.readUIntLE(at, length);
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
    this.#need = length;
    this.#have = 0;
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
    } else if (this.#state === 'content' && (this.#descriptor & 0x04) !== 0) {
      this.#pass('checksum', 4);
    } else {
      this.#frames++;
      this.#expect('magic', 4);
    }
  }
}
