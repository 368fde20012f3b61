import type { FileHandle } from 'node:fs/promises';

/** Bytes that are kept or dropped as one; pages are aligned to it. */
const BLOCK = 64 * 1024;
/** Blocks that are kept: 8 MiB. */
const BLOCKS = 128;
/** Blocks that are read at a time where the one before was read already. */
const AHEAD = 8;

/** Blocks that are being read before anybody has asked for them. */
interface Prefetch {
  readonly index: number;
  readonly bytes: Promise<Uint8Array>;
}

/** Reads a file of any size through a few blocks of it. */
export class FileWindows {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  /** By number, the oldest first. */
  readonly #blocks = new Map<number, Uint8Array>();
  #next: Prefetch | undefined;

  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  /** Bytes that must lie in the file. The memory is shared, and never used for anything else: do not change it. */
  async read(position: number, size: number): Promise<Uint8Array> {
    const index = Math.floor(position / BLOCK);
    const offset = position - index * BLOCK;
    if (offset + size > BLOCK) return await this.#readAt(position, size);
    const block = this.#blocks.get(index) ?? (await this.#load(index));
    return block.subarray(offset, offset + size);
  }

  async close(): Promise<void> {
    await this.#next?.bytes.catch(() => undefined);
    await this.#file.close();
  }

  async #load(index: number): Promise<Uint8Array> {
    const isNext = this.#blocks.has(index - 1);
    const found = this.#next?.index === index ? this.#next.bytes : this.#readBlocks(index, isNext ? AHEAD : 1);
    const bytes = await found;
    for (let at = 0; at < bytes.byteLength; at += BLOCK) this.#keep(index + at / BLOCK, bytes.subarray(at, at + BLOCK));
    if (isNext) this.#prefetch(index + AHEAD);
    return bytes.subarray(0, BLOCK);
  }

  /** Whoever reads a file from end to end finds the next blocks there already. */
  #prefetch(index: number): void {
    if (index * BLOCK >= this.sizeBytes) return;
    const bytes = this.#readBlocks(index, AHEAD);
    // Told to whoever asks for the blocks.
    bytes.catch(() => undefined);
    this.#next = { index, bytes };
  }

  #readBlocks(index: number, count: number): Promise<Uint8Array> {
    const start = index * BLOCK;
    return this.#readAt(start, Math.min(count * BLOCK, this.sizeBytes - start));
  }

  #keep(index: number, block: Uint8Array): void {
    this.#blocks.delete(index);
    const oldest = this.#blocks.keys().next().value;
    if (this.#blocks.size >= BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
    this.#blocks.set(index, block);
  }

  async #readAt(position: number, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
    for (let done = 0; done < size; ) {
      const { bytesRead } = await this.#file.read(bytes, done, size - done, position + done);
      if (bytesRead === 0) throw new Error('the file ended while it was read');
      done += bytesRead;
    }
    return bytes;
  }
}
