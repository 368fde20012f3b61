/**
 * A stream for a reader that may stop early or fail. `rest` then reads it to the end, so that the check of digest
 * and size, which lies in the stream, always decides: damaged content is reported as damaged, not as malformed.
 */
export class DrainableStream {
  readonly #source: AsyncIterator<Uint8Array>;
  /** The last step that was asked for. A reader that failed may have left one behind, and its outcome counts. */
  #step: Promise<IteratorResult<Uint8Array>> | undefined;
  #failure: { readonly cause: unknown } | undefined;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#source = chunks[Symbol.asyncIterator]();
  }

  /** The stream, without the means to end it early. */
  open(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#advance() }) };
  }

  /** Reads what is left, and throws what the stream itself threw, now or before. */
  async rest(): Promise<void> {
    await this.#step?.catch(() => undefined);
    while (this.#failure === undefined && (await this.#advance()).done !== true);
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  #advance(): Promise<IteratorResult<Uint8Array>> {
    this.#step = this.#source.next();
    this.#step.catch((cause: unknown) => {
      this.#failure ??= { cause };
    });
    return this.#step;
  }
}
