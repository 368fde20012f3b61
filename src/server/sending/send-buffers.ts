const MAX_PIECE_BYTES = 256 * 1024;
const MIN_PIECE_BYTES = 16 * 1024;
/** One piece is read while others are written. */
const MAX_PIECES = 3;

/** The memory for sending one response. */
export interface SendShare extends Disposable {
  readonly pieceBytes: number;
  readonly pieces: number;
}

/** Divides memory among the responses that are read from the disk while they are sent. */
export class SendBuffers {
  readonly #totalBytes: number;
  #active = 0;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  /** How many responses are being sent. */
  get active(): number {
    return this.#active;
  }

  /** Reserves the share of one more response, until it is disposed of. */
  begin(): SendShare {
    this.#active++;
    const share = this.#totalBytes / this.#active;
    const pieces = share >= MAX_PIECES * MAX_PIECE_BYTES ? MAX_PIECES : 1;
    return {
      pieceBytes: Math.max(MIN_PIECE_BYTES, Math.min(MAX_PIECE_BYTES, Math.floor(share / pieces))),
      pieces,
      [Symbol.dispose]: () => {
        this.#active--;
      },
    };
  }
}
