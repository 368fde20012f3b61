import type { FileHandle } from 'node:fs/promises';

/** Bytes that are kept or dropped as one; pages are aligned to it. */
const BLOCK = 64 * 1024;
/** Blocks that are kept: 8 MiB. */
const BLOCKS = 128;
/** Blocks that are read at a time where the one before was read already. */
const AHEAD = 4;

/** Reads a file of any size through a few blocks of it. */
export class FileWindows {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  /** By number, the oldest first. */
  readonly #blocks = new Map<number, Uint8Array>();

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
    await this.#file.close();
  }

  async #load(index: number): Promise<Uint8Array> {
    const start = index * BLOCK;
    const wanted = this.#blocks.has(index - 1) ? AHEAD * BLOCK : BLOCK;
    const bytes = await this.#readAt(start, Math.min(wanted, this.sizeBytes - start));
    for (let at = 0; at < bytes.byteLength; at += BLOCK) this.#keep(index + at / BLOCK, bytes.subarray(at, at + BLOCK));
    return bytes.subarray(0, BLOCK);
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
