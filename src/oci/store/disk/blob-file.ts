import { type FileHandle, open } from 'node:fs/promises';
import { CodedError, fileError } from '#core';
import type { ByteRange } from '#oci/image';
import type { SendMemory, StoredBlob } from '../registry-store.ts';
import { isMissing } from './files.ts';

/** Bytes per read: large enough that the number of system calls does not matter. */
const READ_SIZE_BYTES = 256 * 1024;

const SEND_MEMORY: SendMemory = { pieceBytes: READ_SIZE_BYTES, pieces: 3 };

/** An open blob. It stays readable when its file is deleted or replaced; the caller closes it. */
export class BlobFile implements StoredBlob {
  /** In bytes. */
  readonly size: number;
  readonly #file: FileHandle;
  readonly #path: string;

  private constructor(file: FileHandle, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.size = size;
  }

  /** Opens the file of a blob; undefined if it does not exist. */
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

  /** The bytes, or a range of them, in chunks of up to 256 KiB. Closes the blob when the stream ends or fails. */
  async *read(range: ByteRange = { start: 0, end: this.size - 1 }): AsyncGenerator<Uint8Array> {
    const next = (position: number): Promise<Uint8Array> | undefined => {
      const wanted = Math.min(READ_SIZE_BYTES, range.end - position + 1);
      return wanted > 0 ? this.#fill(Buffer.allocUnsafeSlow(wanted), position) : undefined;
    };
    let ahead = next(range.start);
    try {
      for (let position = range.start; ahead !== undefined; ) {
        const chunk = await ahead;
        position += chunk.byteLength;
        ahead = next(position);
        yield chunk;
      }
    } finally {
      await ahead?.catch(() => undefined);
      await this.close();
    }
  }

  /**
   * Passes the bytes, or a range of them, to `write`, and closes the blob. The memory of a piece is reused as soon as its
   * promise has resolved, which makes this twice as fast as `read`, whose chunks belong to the reader.
   */
  async send(
    range: ByteRange,
    write: (piece: Uint8Array) => Promise<void>,
    { pieceBytes, pieces }: SendMemory = SEND_MEMORY,
  ): Promise<void> {
    const sent: Promise<Buffer>[] = [];
    try {
      for (let position = range.start, i = 0; position <= range.end; i++) {
        const wanted = Math.min(pieceBytes, range.end - position + 1);
        const buffer = (i < pieces ? undefined : await sent.shift()) ?? Buffer.allocUnsafeSlow(wanted);
        const piece = await this.#fill(buffer.subarray(0, wanted), position);
        position += piece.byteLength;
        const done = write(piece).then(() => buffer);
        // Awaited some pieces later; without this a failure in between would count as unhandled.
        done.catch(() => undefined);
        sent.push(done);
      }
      await Promise.all(sent);
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Reads into a buffer. @returns the part that was filled */
  async #fill(buffer: Buffer, position: number): Promise<Buffer> {
    try {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.byteLength, position);
      if (bytesRead > 0) return buffer.subarray(0, bytesRead);
    } catch (error) {
      throw fileError(error, this.#path);
    }
    throw new CodedError('ERR_EXPORT_STORE_INVALID', `${this.#path}: truncated while it was read`, {
      hint: 'run export-center fsck --data DIR',
    });
  }
}
