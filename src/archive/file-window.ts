import { fileError, type SeekableFile } from '#core';
import { invalid } from './faults.ts';

const WINDOW_BYTES = 1024 * 1024;

/**
 * A window, of a mebibyte by default, that slides over a file. Small neighbouring pieces are then had without a system call
 * and without waiting, which for an archive of many small files decides the speed.
 */
export class FileWindow {
  readonly #file: SeekableFile;
  readonly #path: string;
  readonly #buffer: Buffer;
  #start = 0;
  #length = 0;

  constructor(file: SeekableFile, path: string, windowBytes = WINDOW_BYTES) {
    this.#file = file;
    this.#path = path;
    this.#buffer = Buffer.allocUnsafeSlow(windowBytes);
  }

  /** The bytes at `offset` if they are in the window, as a view that the next `load` may overwrite. */
  peek(offset: number, length: number): Buffer | undefined {
    const from = offset - this.#start;
    return from >= 0 && from + length <= this.#length ? this.#buffer.subarray(from, from + length) : undefined;
  }

  /**
   * The bytes at `offset`, read from the file where the window lacks them; the window then begins there.
   *
   * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID when the file ends before them
   */
  async load(offset: number, length: number): Promise<Buffer> {
    const there = this.peek(offset, length);
    if (there !== undefined) return there;
    if (length > this.#buffer.length)
      return await this.#fill(Buffer.allocUnsafeSlow(length), offset, length).then((it) => it.bytes);
    const { bytes, count } = await this.#fill(this.#buffer, offset, length);
    this.#start = offset;
    this.#length = count;
    return bytes.subarray(0, length);
  }

  async #fill(bytes: Buffer, offset: number, atLeast: number): Promise<{ bytes: Buffer; count: number }> {
    let count = 0;
    try {
      while (count < atLeast) {
        const { bytesRead } = await this.#file.read(bytes, count, bytes.length - count, offset + count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
    } catch (error) {
      throw fileError(error, this.#path);
    }
    if (count < atLeast) throw invalid(this.#path, `the file ends within the ${atLeast} bytes at ${offset}`);
    return { bytes, count };
  }
}
