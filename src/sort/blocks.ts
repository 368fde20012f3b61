import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** Reads a file from its beginning through one buffer that grows only for a piece larger than it. */
export class BlockReader {
  readonly #file: FileHandle;
  #buffer: Buffer;
  #start = 0;
  #end = 0;
  /** Where in the file the buffer ends. */
  #position = 0;

  constructor(file: FileHandle, blockSize: number) {
    this.#file = file;
    this.#buffer = Buffer.allocUnsafeSlow(blockSize);
  }

  /** Whether the file has ended. */
  isAtEnd(): boolean {
    return this.#start === this.#end && !this.#fill(1);
  }

  /** The next four bytes, little-endian. */
  takeUint32(): number {
    this.#need(4);
    this.#start += 4;
    return this.#buffer.readUInt32LE(this.#start - 4);
  }

  /** The next `size` bytes, one character each. */
  takeText(size: number): string {
    this.#need(size);
    this.#start += size;
    return this.#buffer.toString('latin1', this.#start - size, this.#start);
  }

  /** Copies the next `size` bytes to `target` at `offset`. */
  copy(size: number, target: Uint8Array, offset: number): void {
    for (let done = 0; done < size; ) {
      if (this.#start === this.#end) this.#need(1);
      const piece = Math.min(size - done, this.#end - this.#start);
      this.#buffer.copy(target, offset + done, this.#start, this.#start + piece);
      this.#start += piece;
      done += piece;
    }
  }

  /** Passes over the next `size` bytes; those that were not read yet are not read at all. */
  skip(size: number): void {
    const here = Math.min(size, this.#end - this.#start);
    this.#start += here;
    this.#position += size - here;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #need(size: number): void {
    if (this.#end - this.#start < size && !this.#fill(size)) throw new RangeError('the file ends too early');
  }

  /** Whether at least `size` bytes are now in the buffer. */
  #fill(size: number): boolean {
    const kept = this.#buffer.subarray(this.#start, this.#end);
    if (size > this.#buffer.length) this.#buffer = Buffer.concat([kept], size);
    else kept.copy(this.#buffer, 0);
    this.#start = 0;
    this.#end = kept.length;
    while (this.#end < size) {
      const room = this.#buffer.length - this.#end;
      const count = readSync(this.#file.fd, this.#buffer, this.#end, room, this.#position);
      if (count === 0) return false;
      this.#end += count;
      this.#position += count;
    }
    return true;
  }
}

/** Writes a file through one buffer that grows only for a piece larger than it. */
export class BlockWriter {
  readonly #file: FileHandle;
  #buffer: Buffer;
  #filled = 0;
  #open = true;

  constructor(file: FileHandle, blockSize: number) {
    this.#file = file;
    this.#buffer = Buffer.allocUnsafeSlow(blockSize);
  }

  /** Makes room for a piece; undefined when there is room, and then nothing needs to be awaited. */
  makeRoom(size: number): Promise<void> | undefined {
    return this.#filled + size <= this.#buffer.length ? undefined : this.#flush(size);
  }

  /** Copies a piece for which there is room. */
  put(source: Buffer, from: number, size: number): void {
    source.copy(this.#buffer, this.#filled, from, from + size);
    this.#filled += size;
  }

  /** Writes a number as four bytes, little-endian, for which there is room. */
  putUint32(value: number): void {
    this.#filled = this.#buffer.writeUInt32LE(value, this.#filled);
  }

  /** Writes a text of one byte a character, for which there is room. */
  putText(text: string): void {
    this.#filled += this.#buffer.write(text, this.#filled, 'latin1');
  }

  /** Lets `fill` write a piece for which there is room. */
  fill(size: number, fill: (target: Buffer, offset: number) => void): void {
    fill(this.#buffer, this.#filled);
    this.#filled += size;
  }

  /** Writes what is left and closes. */
  async finish(): Promise<void> {
    await this.#flush(0);
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#open) await this.#file.close();
    this.#open = false;
  }

  async #flush(wanted: number): Promise<void> {
    let from = 0;
    while (from < this.#filled) {
      const { bytesWritten } = await this.#file.write(this.#buffer, from, this.#filled - from, null);
      from += bytesWritten;
    }
    this.#filled = 0;
    if (wanted > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(wanted);
  }
}
