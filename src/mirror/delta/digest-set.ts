import type { Digest } from '#core';
import { BinarySet } from './binary-set.ts';

/** Most digests that one set or list holds. */
export const maxDigests = 1_000_000;

const SHA256 = Buffer.from('sha256:');
const SHA512 = Buffer.from('sha512:');
const PREFIX_BYTES = 7;
const LINE_256 = PREFIX_BYTES + 64;
const LINE_512 = PREFIX_BYTES + 128;

/** The value of a lower-case hex digit by its code; negative for all others. */
const HEX = new Int8Array(256).fill(-1);
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX[digit.charCodeAt(0)] = value;

/** A set of digests, held as bytes: a million of SHA-256 take some 40 MiB. */
export class DigestSet {
  readonly #sha256 = new BinarySet(32);
  readonly #sha512 = new BinarySet(64);
  readonly #scratch32 = new Uint8Array(32);
  readonly #scratch64 = new Uint8Array(64);

  /** @param digests what it holds at first */
  constructor(digests: Iterable<Digest> = []) {
    for (const digest of digests) this.add(digest);
  }

  get size(): number {
    return this.#sha256.size + this.#sha512.size;
  }

  add(digest: Digest): void {
    const bytes = this.#decodeText(digest);
    if (bytes === undefined) throw new TypeError(`not a digest: ${digest.slice(0, 200)}`);
    this.#setOf(bytes).add(bytes);
  }

  has(digest: Digest): boolean {
    const bytes = this.#decodeText(digest);
    return bytes !== undefined && this.#setOf(bytes).has(bytes);
  }

  /** Adds the digest that part of a text is. @returns false where it is none */
  addText(text: Uint8Array, start: number, end: number): boolean {
    const bytes = this.#decode(text, start, end - start);
    if (bytes !== undefined) this.#setOf(bytes).add(bytes);
    return bytes !== undefined;
  }

  /** All digests in byte order, each as the text of one line. The buffer is used again for the next one. */
  *sortedLines(): Generator<Uint8Array> {
    for (const [prefix, set] of [[SHA256, this.#sha256] as const, [SHA512, this.#sha512] as const]) {
      const line = Buffer.alloc(PREFIX_BYTES + 2 * set.width + 1, '\n');
      line.set(prefix);
      for (const place of set.sortedPlaces()) {
        set.writeHex(place, line, PREFIX_BYTES);
        yield line;
      }
    }
  }

  #setOf(bytes: Uint8Array): BinarySet {
    return bytes.byteLength === this.#sha256.width ? this.#sha256 : this.#sha512;
  }

  /** @returns the bytes of a digest in a buffer that is used again; undefined for another form */
  #decode(text: Uint8Array, start: number, length: number): Uint8Array | undefined {
    const isShort = length === LINE_256;
    if (!isShort && length !== LINE_512) return undefined;
    const prefix = isShort ? SHA256 : SHA512;
    for (let i = 0; i < PREFIX_BYTES; i++) if (text[start + i] !== prefix[i]) return undefined;
    const bytes = isShort ? this.#scratch32 : this.#scratch64;
    for (let i = 0, at = start + PREFIX_BYTES; i < bytes.byteLength; i++, at += 2) {
      const value = ((HEX[text[at] as number] as number) << 4) | (HEX[text[at + 1] as number] as number);
      if (value < 0) return undefined;
      bytes[i] = value;
    }
    return bytes;
  }

  /** The same of a string, which is not worth a buffer. */
  #decodeText(text: string): Uint8Array | undefined {
    const isShort = text.length === LINE_256 && text.startsWith('sha256:');
    if (!isShort && !(text.length === LINE_512 && text.startsWith('sha512:'))) return undefined;
    const bytes = isShort ? this.#scratch32 : this.#scratch64;
    for (let i = 0, at = PREFIX_BYTES; i < bytes.byteLength; i++, at += 2) {
      const value = (digitOf(text.charCodeAt(at)) << 4) | digitOf(text.charCodeAt(at + 1));
      if (value < 0) return undefined;
      bytes[i] = value;
    }
    return bytes;
  }
}

/** @returns a negative number for a code unit that is no lower-case hex digit */
function digitOf(unit: number): number {
  return HEX[unit] ?? -1;
}
