import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileError } from '#core';

/** A key and a value, both as bytes; the key in a string of one character a byte, which sorts as the bytes do. */
export interface Row {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Rows in order of key, read once. */
export interface RowCursor {
  /** The row that the cursor stands on; undefined at the end, and before the first call of `advance`. */
  readonly row: Row | undefined;
  /** Goes to the next row; at once, since what must be fetched was written a moment ago. @throws CodedError as fileError */
  advance(): void;
  close(): Promise<void>;
}

const BUFFER_SIZE = 128 * 1024;
const WRITE_SIZE = 512 * 1024;
/** Bytes of key and value, each 4 bytes little-endian, before the two. */
const HEAD_SIZE = 8;

/** Writes rows to a file, in the order in which they come. @throws CodedError as fileError */
export async function writeRun(path: string, rows: Iterable<Row>): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    let buffer = Buffer.allocUnsafeSlow(WRITE_SIZE);
    let used = 0;
    for (const { key, value } of rows) {
      const size = HEAD_SIZE + key.length + value.byteLength;
      if (used + size > buffer.byteLength) {
        await writeAll(file, buffer.subarray(0, used));
        if (size > buffer.byteLength) buffer = Buffer.allocUnsafeSlow(size);
        used = 0;
      }
      buffer.writeUInt32LE(key.length, used);
      buffer.writeUInt32LE(value.byteLength, used + 4);
      buffer.write(key, used + HEAD_SIZE, 'latin1');
      buffer.set(value, used + HEAD_SIZE + key.length);
      used += size;
    }
    await writeAll(file, buffer.subarray(0, used));
  } catch (error) {
    throw fileError(error, path);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await file.write(bytes, done, bytes.byteLength - done)).bytesWritten;
  }
}

/**
 * Buffers that cursors read into. One that a cursor has left is used again only after `recycle`, so the rows in it stay
 * valid until then.
 */
export class BufferPool {
  readonly #left: Buffer[] = [];
  readonly #free: Buffer[] = [];

  /** A buffer of at least this size, of any content. */
  take(size: number): Buffer {
    if (size > BUFFER_SIZE) return Buffer.allocUnsafeSlow(size);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
  }

  leave(buffer: Buffer): void {
    if (buffer.byteLength === BUFFER_SIZE) this.#left.push(buffer);
  }

  /** Nobody looks any more at rows that were given out before. */
  recycle(): void {
    this.#free.push(...this.#left.splice(0));
  }
}

/** Reads a file that writeRun wrote. */
export class FileCursor implements RowCursor {
  row: Row | undefined;
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #pool: BufferPool;
  #buffer: Buffer;
  /** Where the next row begins, and where what was read ends. */
  #at = 0;
  #end = 0;
  #isDone = false;

  private constructor(file: FileHandle, path: string, pool: BufferPool) {
    this.#file = file;
    this.#path = path;
    this.#pool = pool;
    this.#buffer = pool.take(BUFFER_SIZE);
  }

  static async open(path: string, pool: BufferPool): Promise<FileCursor> {
    const file = await open(path, 'r').catch((error: unknown) => {
      throw fileError(error, path);
    });
    return new FileCursor(file, path, pool);
  }

  advance(): void {
    if (!this.#take()) this.#fill();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Takes a row from the buffer; false where it does not hold a whole one. */
  #take(): boolean {
    const size = this.#sizeOfNext();
    if (size > this.#end - this.#at) return false;
    const keyStart = this.#at + HEAD_SIZE;
    const valueStart = keyStart + this.#buffer.readUInt32LE(this.#at);
    this.#at += size;
    const key = this.#buffer.toString('latin1', keyStart, valueStart);
    this.row = { key, value: this.#buffer.subarray(valueStart, this.#at) };
    return true;
  }

  /** Bytes of the next row with its head; those of a head where even that is not there. */
  #sizeOfNext(): number {
    if (this.#end - this.#at < HEAD_SIZE) return HEAD_SIZE;
    return HEAD_SIZE + this.#buffer.readUInt32LE(this.#at) + this.#buffer.readUInt32LE(this.#at + 4);
  }

  /** Fetches until a whole row is there, into another buffer: rows that were given out look into this one. */
  #fill(): void {
    while (!this.#isDone) {
      const next = this.#pool.take(Math.max(BUFFER_SIZE, this.#sizeOfNext()));
      const rest = this.#buffer.copy(next, 0, this.#at, this.#end);
      this.#pool.leave(this.#buffer);
      this.#buffer = next;
      this.#at = 0;
      this.#end = rest;
      const count = this.#read(next, rest);
      this.#isDone = count === 0;
      this.#end += count;
      if (this.#take()) return;
    }
    this.row = undefined;
  }

  /** Reads on into a buffer from an offset. @returns how many bytes came; 0 at the end of the file */
  #read(buffer: Buffer, offset: number): number {
    try {
      return readSync(this.#file.fd, buffer, offset, buffer.byteLength - offset, null);
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }
}
