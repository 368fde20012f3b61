/**
 * Takes pieces of exact size from a stream of chunks of any size. What lies in one chunk is had without waiting
 * and without a copy.
 */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes if they lie in the current chunk: a view, good until the next call. */
  takeNow(length: number): Uint8Array | undefined {
    if (this.#at + length > this.#chunk.length) return undefined;
    this.#at += length;
    return this.#chunk.subarray(this.#at - length, this.#at);
  }

  /** The next `length` bytes, or all that is left when the stream ends before; good until the next call. */
  async take(length: number): Promise<Uint8Array> {
    const now = this.takeNow(length);
    if (now !== undefined) return now;
    const bytes = new Uint8Array(length);
    let count = 0;
    while (count < length && (await this.#ensure())) {
      const piece = this.#chunk.subarray(this.#at, this.#at + length - count);
      bytes.set(piece, count);
      count += piece.length;
      this.#at += piece.length;
    }
    return bytes.subarray(0, count);
  }

  /** Passes over `length` bytes; the number of bytes that the stream lacked. */
  async skip(length: number): Promise<number> {
    let left = length;
    while (left > 0 && (await this.#ensure())) {
      const step = Math.min(left, this.#chunk.length - this.#at);
      this.#at += step;
      left -= step;
    }
    return left;
  }

  /** Whether every byte to the end of the stream is 0. Reads it to its end, or to the first that is not. */
  async restIsZero(): Promise<boolean> {
    while (await this.#ensure()) {
      for (; this.#at < this.#chunk.length; this.#at++) if (this.#chunk[this.#at] !== 0) return false;
    }
    return true;
  }

  /** Ends the stream early, so that whoever makes it can let go of what it holds. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #ensure(): Promise<boolean> {
    while (this.#at >= this.#chunk.length) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
      this.#at = 0;
    }
    return true;
  }
}
