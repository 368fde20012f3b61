import type { FileHandle } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import type { CodedError } from '#core';
import { NameSet } from '../entry-path.ts';
import { invalid, tooLarge, unsafe } from '../faults.ts';
import { FileWindow } from '../file-window.ts';
import { type ArchiveLimits, Budget } from '../limits.ts';
import type { ArchiveEntry, ArchiveReader } from '../reader.ts';
import { type DirectoryPlace, findDirectory } from './end.ts';
import {
  CENTRAL_BYTES,
  centralSize,
  checkLocal,
  decodeCentral,
  LOCAL_BYTES,
  localSize,
  methods,
  type ZipHeader,
} from './header.ts';
import { type Inflated, inflateTogether, type PackedEntry } from './inflate-together.ts';

/** Headers held at a time: few enough to be gone again before they burden the collector of garbage. */
const HEADERS_AT_ONCE = 256;

/** Content that is unpacked ahead of being asked for, in bytes, and the largest entry that this is done for. */
const AHEAD = { total: 512 * 1024, entry: 64 * 1024 } as const;

/**
 * A zip archive read through its central directory. The whole directory is checked before the first entry is given,
 * so nothing is taken from an archive that turns out unsafe at its end.
 *
 * General libraries open a stream for each entry, which takes some 30 times as long on archives of small records.
 */
export class ZipReader implements ArchiveReader {
  readonly format = 'zip';
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #limits: ArchiveLimits;
  readonly #place: DirectoryPlace;
  readonly #content: FileWindow;
  #current: ZipHeader | undefined;
  /** Entries that were unpacked together with one before them. */
  readonly #ahead = new Map<ZipHeader, Uint8Array>();

  private constructor(file: FileHandle, path: string, limits: ArchiveLimits, place: DirectoryPlace) {
    this.#file = file;
    this.#path = path;
    this.#limits = limits;
    this.#place = place;
    this.#content = new FileWindow(file, path);
  }

  /** Takes over `file`, once it has returned. */
  static async open(file: FileHandle, path: string, fileSize: number, limits: ArchiveLimits): Promise<ZipReader> {
    const place = await findDirectory(new FileWindow(file, path), path, fileSize);
    const reader = new ZipReader(file, path, limits, place);
    await reader.#checkDirectory(fileSize);
    return reader;
  }

  async *entries(): AsyncGenerator<ArchiveEntry, void, void> {
    for await (const headers of this.#headers()) {
      for (const [index, header] of headers.entries()) {
        if (header.isFolder) continue;
        this.#current = header;
        yield { path: header.path, size: header.size, read: () => this.#read(headers, index) };
      }
    }
    this.#current = undefined;
    this.#ahead.clear();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #checkDirectory(fileSize: number): Promise<void> {
    const { count } = this.#place;
    const budget = new Budget(this.#path, this.#limits);
    const names = new NameSet();
    const extents = new Extents(Math.min(count, this.#limits.maxEntries));
    let unpacked = 0;
    for await (const headers of this.#headers()) {
      for (const header of headers) {
        budget.countEntry();
        if (!names.add(header.path)) throw unsafe(this.#path, 'duplicate name in the archive', header.path);
        budget.checkEntryRatio(header.path, header.packed, header.size);
        unpacked += header.size;
        extents.add(header.offset, header.offset + LOCAL_BYTES + header.rawName.length + header.packed);
      }
    }
    budget.checkTotal(fileSize, unpacked);
    if (extents.overlap(this.#place.offset)) throw invalid(this.#path, 'overlapping entries');
  }

  /** Headers in the directory's order, some at a time, as the window has them. */
  async *#headers(): AsyncGenerator<ZipHeader[], void, void> {
    const window = new FileWindow(this.#file, this.#path);
    const { offset, size, count } = this.#place;
    const end = offset + size;
    let at = offset;
    for (let seen = 0; seen < count; ) {
      const headers: ZipHeader[] = [];
      for (; seen < count && headers.length < HEADERS_AT_ONCE; seen++) {
        if (at + CENTRAL_BYTES > end) throw this.#endsAfter(seen);
        const fixed = window.peek(at, CENTRAL_BYTES) ?? (await window.load(at, CENTRAL_BYTES));
        const length = centralSize(fixed, this.#path);
        if (at + length > end) throw this.#endsAfter(seen);
        headers.push(decodeCentral(window.peek(at, length) ?? (await window.load(at, length)), this.#path));
        at += length;
      }
      yield headers;
    }
    if (at !== end) throw invalid(this.#path, `its central directory has more than the announced ${count} entries`);
  }

  #endsAfter(seen: number): CodedError {
    return invalid(this.#path, `its central directory ends after ${seen} of ${this.#place.count} entries`);
  }

  async #read(headers: readonly ZipHeader[], index: number): Promise<Uint8Array> {
    const header = headers[index] as ZipHeader;
    if (this.#current !== header) throw new TypeError('read the entry once, and before asking for the next one');
    this.#current = undefined;
    const ahead = this.#ahead.get(header);
    if (ahead !== undefined) return ahead;
    const { path, size, offset } = header;
    const { maxEntryBytes } = this.#limits;
    if (size > maxEntryBytes) throw tooLarge(this.#path, path, size, maxEntryBytes);
    const length = this.#checkPacked(header);
    if (this.#content.peek(offset, LOCAL_BYTES) === undefined) await this.#content.load(offset, LOCAL_BYTES);
    this.#unpackAhead(headers, index);
    const unpacked = this.#ahead.get(header);
    if (unpacked !== undefined) return unpacked;
    const fixed = await this.#content.load(offset, LOCAL_BYTES);
    const bytes = await this.#content.load(offset, localSize(fixed, header, this.#path) + length);
    const content = this.#unpack(this.#contentOf(bytes, header), header);
    if (crc32(content) !== header.crc) throw invalid(this.#path, 'its checksum does not match', path);
    return content;
  }

  /** Unpacks what the window holds of the entries from `index` on, as far as nothing is the matter with them. */
  #unpackAhead(headers: readonly ZipHeader[], index: number): void {
    this.#ahead.clear();
    const largest = Math.min(AHEAD.entry, this.#limits.maxEntryBytes);
    const entries: PackedEntry[] = [];
    let total = 0;
    for (let i = index; i < headers.length; i++) {
      const header = headers[i] as ZipHeader;
      total += header.size;
      if (header.size > largest || total > AHEAD.total) break;
      const packed = this.#peekPacked(header);
      if (packed === undefined) break;
      entries.push({ packed, crc: header.crc, size: header.size });
    }
    if (entries.length < 2) return;
    const contents = inflateTogether(entries) ?? [];
    for (const [i, content] of contents.entries()) this.#ahead.set(headers[index + i] as ZipHeader, content);
  }

  /** The packed content of an entry where the window has it; undefined too for one that must be looked at alone. */
  #peekPacked(header: ZipHeader): Buffer | undefined {
    if (header.method !== methods.deflate || header.size === 0) return undefined;
    try {
      const fixed = this.#content.peek(header.offset, LOCAL_BYTES);
      if (fixed === undefined) return undefined;
      const whole = localSize(fixed, header, this.#path) + this.#checkPacked(header);
      const bytes = this.#content.peek(header.offset, whole);
      return bytes === undefined ? undefined : this.#contentOf(bytes, header);
    } catch {
      // It is said when this entry is asked for, if it ever is.
      return undefined;
    }
  }

  /** Bytes of the packed content, which can be in earnest. */
  #checkPacked({ path, size, packed }: ZipHeader): number {
    // Deflate adds 5 bytes to 64 KiB at worst; what is far larger packed than unpacked only costs memory.
    if (packed > 2 * size + 1024) throw invalid(this.#path, `${packed} bytes packed for ${size} unpacked`, path);
    return packed;
  }

  /** The packed content behind a local header, which is held to the directory. */
  #contentOf(bytes: Buffer, header: ZipHeader): Buffer {
    const skip = bytes.byteLength - header.packed;
    if (header.offset + bytes.byteLength > this.#place.offset) {
      throw invalid(this.#path, 'it overlaps the central directory', header.path);
    }
    checkLocal(bytes.subarray(0, skip), header, this.#path);
    return bytes.subarray(skip);
  }

  #unpack(packed: Buffer, header: ZipHeader): Uint8Array {
    const { path, size, method } = header;
    if (method === methods.stored) return new Uint8Array(packed);
    const { buffer, engine } = this.#inflate(packed, header);
    if (buffer.byteLength !== size) throw invalid(this.#path, `${buffer.byteLength} bytes unpacked, not ${size}`, path);
    if (engine.bytesWritten !== packed.byteLength) throw invalid(this.#path, 'bytes after its content', path);
    return buffer;
  }

  #inflate(packed: Buffer, { path, size }: ZipHeader): Inflated {
    try {
      // A chunk of exactly one byte more than the content spares zlib a second round, and the copy after it.
      const options = { chunkSize: Math.max(size + 1, 64), maxOutputLength: Math.max(size, 1), info: true };
      return inflateRawSync(packed, options) as unknown as Inflated;
    } catch (cause) {
      throw invalid(this.#path, 'its content cannot be inflated, or has another length than announced', path, cause);
    }
  }
}

/** The stretches of the file that entries claim, at 16 bytes each. */
class Extents {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  #count = 0;

  constructor(capacity: number) {
    this.#starts = new Float64Array(capacity);
    this.#ends = new Float64Array(capacity);
  }

  add(start: number, end: number): void {
    this.#starts[this.#count] = start;
    this.#ends[this.#count++] = end;
  }

  /** Whether any two share bytes, or one reaches beyond `limit`. */
  overlap(limit: number): boolean {
    const order = this.#inOrder() ? undefined : this.#sorted();
    let end = 0;
    for (let i = 0; i < this.#count; i++) {
      const at = order?.[i] ?? i;
      if ((this.#starts[at] as number) < end) return true;
      end = this.#ends[at] as number;
    }
    return end > limit;
  }

  #inOrder(): boolean {
    for (let i = 1; i < this.#count; i++) {
      if ((this.#starts[i] as number) < (this.#starts[i - 1] as number)) return false;
    }
    return true;
  }

  #sorted(): Uint32Array {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    return order.sort((a, b) => (this.#starts[a] as number) - (this.#starts[b] as number));
  }
}
