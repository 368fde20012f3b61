import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * What a transform makes of a stream of chunks. The next chunk is asked for when the last one is taken in, so memory
 * stays flat; when the caller stops early, the source is ended too.
 */
export async function* runEngine(engine: Transform, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const feeding = pipeline(Readable.from(chunks, { objectMode: false }), engine);
  // The failure of either side ends the iteration below too; without this it would count as unhandled before that.
  feeding.catch(() => undefined);
  yield* engine as AsyncIterable<Uint8Array>;
  await feeding;
}

/** Counts the bytes of a stream on their way. */
export class Meter {
  /** Bytes so far. */
  bytes = 0;

  async *over(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length;
      yield chunk;
    }
  }
}
