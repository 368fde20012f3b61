import type { SeekableFile } from '#core';
import { FileWindow } from '../file-window.ts';
import type { TarBytes } from './entry-headers.ts';

/** What is read at a time, in bytes: a few headers and small files, and little of a large file behind its header. */
const WINDOW_BYTES = 64 * 1024;

/** The bytes of a file in their order; what is passed over is not read. */
export class FileBytes implements TarBytes {
  readonly #window: FileWindow;
  readonly #size: number;
  #at = 0;

  /** @param size of the file, in bytes */
  constructor(file: SeekableFile, path: string, size: number) {
    this.#window = new FileWindow(file, path, WINDOW_BYTES);
    this.#size = size;
  }

  /** The offset of the byte that comes next. */
  get position(): number {
    return this.#at;
  }

  takeNow(length: number): Uint8Array | undefined {
    const bytes = this.#window.peek(this.#at, length);
    if (bytes !== undefined) this.#at += length;
    return bytes;
  }

  async take(length: number): Promise<Uint8Array> {
    const count = Math.min(length, this.#size - this.#at);
    const bytes = await this.#window.load(this.#at, count);
    this.#at += count;
    return bytes;
  }

  async skip(length: number): Promise<number> {
    const count = Math.min(length, this.#size - this.#at);
    this.#at += count;
    return length - count;
  }

  async restIsZero(): Promise<boolean> {
    while (this.#at < this.#size) {
      const bytes = await this.take(WINDOW_BYTES);
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
    }
    return true;
  }
}
