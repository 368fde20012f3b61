const LARGEST_PIECE = 256 * 1024;
const SMALLEST_PIECE = 16 * 1024;
/** One is read while others are written. */
const MOST_PIECES = 3;

/** The memory that one answer is sent with. */
export interface SendShare extends Disposable {
  readonly pieceBytes: number;
  readonly pieces: number;
}

/** Shares memory among the answers that are read from the disk while they are sent: the more there are, the less each. */
export class SendBuffers {
  readonly #totalBytes: number;
  #active = 0;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  /** How many answers are being sent. */
  get active(): number {
    return this.#active;
  }

  /** The share of one more answer, until it is disposed of. */
  begin(): SendShare {
    this.#active++;
    const share = this.#totalBytes / this.#active;
    const pieces = share >= MOST_PIECES * LARGEST_PIECE ? MOST_PIECES : 1;
    return {
      pieceBytes: Math.max(SMALLEST_PIECE, Math.min(LARGEST_PIECE, Math.floor(share / pieces))),
      pieces,
      [Symbol.dispose]: () => {
        this.#active--;
      },
    };
  }
}
