const BUFFER_BYTES = 1024 * 1024;
const BUFFERS = 4;

/** What has come, and the buffer that it lies in. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly buffer: Uint8Array;
}

/** The bytes of a socket on their way to a reader, in a few buffers that are used again and again. */
export class PieceQueue {
  /** Of these one is always being read into; the reader has one, and the rest wait for it. */
  readonly #free: Uint8Array[] = Array.from({ length: BUFFERS }, () => makeBuffer());
  readonly #come: Piece[] = [];
  readonly #onRoom: () => void;
  #reusedBuffer: Uint8Array | undefined;
  #paused = false;
  /** Once nothing more comes: why, or that the other side closed the connection. */
  #end: { readonly fault: unknown } | undefined;
  #wake: () => void = () => undefined;

  /** @param onRoom called when there is room again after `take` has said that there is none */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** Whether the source was told to wait. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Memory to read into. */
  room(): Uint8Array {
    return this.#free.pop() ?? makeBuffer();
  }

  /** Takes what was read into a buffer of `room`. @returns whether there is room for more */
  take(size: number, buffer: Uint8Array): boolean {
    this.#come.push({ bytes: buffer.subarray(0, size), buffer });
    this.#wake();
    // The next one is fetched at once, so there must be another after it.
    this.#paused = this.#free.length <= 1;
    return !this.#paused;
  }

  /** The next bytes, valid until the next call. @throws the fault of `end` once all is read */
  async next(): Promise<Uint8Array> {
    for (;;) {
      const piece = this.#come.shift();
      if (piece !== undefined) {
        this.#giveBack(this.#reusedBuffer);
        this.#reusedBuffer = piece.buffer;
        return piece.bytes;
      }
      if (this.#end !== undefined) throw this.#end.fault;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Says that nothing more comes; the first reason counts. */
  end(fault: unknown): void {
    this.#end ??= { fault };
    this.#wake();
  }

  #giveBack(buffer: Uint8Array | undefined): void {
    if (buffer === undefined) return;
    this.#free.push(buffer);
    if (!this.#paused) return;
    this.#paused = false;
    this.#onRoom();
  }
}

/** Shared memory, which another thread may hash and write. */
function makeBuffer(): Uint8Array {
  return Buffer.from(new SharedArrayBuffer(BUFFER_BYTES));
}
