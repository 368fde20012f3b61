import { type FileHandle, open } from 'node:fs/promises';
import { CodedError, fileError } from '#core';
import type { ByteRange } from '../ports.ts';
import { isMissing } from './files.ts';

/** Bytes read at a time: large enough that the calls cost little beside the copying. */
export const READ_SIZE_BYTES = 256 * 1024;

/** An open blob. It stays readable when its file is deleted or replaced; whoever opened it closes it. */
export class BlobFile {
  /** In bytes. */
  readonly size: number;
  readonly #file: FileHandle;
  readonly #path: string;

  private constructor(file: FileHandle, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.size = size;
  }

  /** Opens the file of a blob; undefined where there is none. */
  static async open(path: string): Promise<BlobFile | undefined> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error, path);
    }
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new CodedError('ERR_EXPORT_STORE_INVALID', `${path}: a blob must be a file`);
      return new BlobFile(file, path, found.size);
    } catch (error) {
      await file.close();
      throw fileError(error, path);
    }
  }

  /** The bytes, or some of them, in chunks of up to 256 KiB. Closes the blob when the stream ends in any way. */
  async *read(range: ByteRange = { start: 0, end: this.size - 1 }): AsyncGenerator<Uint8Array> {
    let ahead: Promise<Uint8Array> | undefined;
    try {
      let position = range.start;
      ahead = this.#chunk(position, range.end);
      while (position <= range.end) {
        const chunk = await ahead;
        position += chunk.byteLength;
        ahead = this.#chunk(position, range.end);
        yield chunk;
      }
    } catch (error) {
      throw fileError(error, this.#path);
    } finally {
      await ahead?.catch(() => undefined);
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #chunk(position: number, end: number): Promise<Uint8Array> {
    const wanted = Math.min(READ_SIZE_BYTES, end - position + 1);
    if (wanted <= 0) return new Uint8Array(0);
    const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, position);
    if (bytesRead > 0) return buffer.subarray(0, bytesRead);
    throw new CodedError('ERR_EXPORT_STORE_INVALID', `${this.#path}: shorter than it was when it was opened`, {
      hint: 'run fsck on the store',
    });
  }
}
