import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '#core';
import { invalid } from './faults.ts';

/**
 * What a decompressor makes of a stream of chunks. The next chunk is asked for when the last one is taken in, so
 * memory stays flat; when the caller stops early, the source is ended too.
 *
 * @param name what the bytes are called in an error
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID when the bytes are damaged, cut short, or followed by others
 */
export async function* runEngine(
  engine: Transform,
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const feeding = pipeline(Readable.from(chunks, { objectMode: false }), engine);
  // The failure of either side ends the iteration below too; without this it would count as unhandled before that.
  feeding.catch(() => undefined);
  try {
    yield* engine as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw damaged(error, name);
  }
  try {
    await feeding;
  } catch (error) {
    // The engine ended by itself and left the source standing: it saw an end where the bytes go on.
    throw error instanceof CodedError
      ? error
      : invalid(name, 'trailing bytes after the compressed data', undefined, error);
  }
}

/** Errors of a decompressor mean damaged bytes; all others come from the source and pass as they are. */
function damaged(error: unknown, name: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (error instanceof CodedError || !/^(?:Z_|ZSTD_)/.test(code)) return error;
  return invalid(name, 'the compressed data is damaged or truncated', undefined, error);
}
