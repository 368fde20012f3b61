import { CodedError, type ErrorCode, isCoded } from '#core';
import { DrainableStream } from './drainable-stream.ts';

/**
 * Holds the files of an artifact against what its export manifest says of them. Files come one after the other, in
 * byte order of title; digest and size of each are checked by the stream that is handed in.
 */
export interface ContentCheck {
  /**
   * Reads one file to its end.
   *
   * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH when it does not hold what it should
   */
  file(title: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Checks what only all files together can show.
   *
   * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH
   */
  end(): Promise<void>;
}

/** Codes by which readers of untrusted input say that this is not what it should be. */
const MALFORMED: readonly ErrorCode[] = [
  'ERR_EXPORT_ARCHIVE_INVALID',
  'ERR_EXPORT_ARCHIVE_LIMIT',
  'ERR_EXPORT_ARCHIVE_UNSAFE',
  'ERR_EXPORT_JSON_INVALID',
  'ERR_EXPORT_RECORD_TOO_LARGE',
  'ERR_EXPORT_SCHEMA',
];

/**
 * Lets `read` have a file's stream, then reads that to its end whatever `read` made of it, so that damage is told
 * from malformed content: the stream's own failure comes first.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for content that is whole but not of its format
 */
export async function readWhole(
  title: string,
  chunks: AsyncIterable<Uint8Array>,
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const stream = new DrainableStream(chunks);
  let failure: { readonly cause: unknown } | undefined;
  await read(stream.open()).catch((cause: unknown) => {
    failure = { cause };
  });
  await stream.rest();
  if (failure !== undefined) throw asMismatch(failure.cause, title);
}

/** What a reader found malformed, as a mismatch; other failures as they are. */
export function asMismatch(error: unknown, path: string): unknown {
  if (!isCoded(error, ...MALFORMED)) return error;
  const { message } = error;
  return mismatch(path, message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message, error);
}

/** The error for a file that is not the one that was built. */
export function mismatch(path: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${path}: ${what}`, {
    hint: 'do not use this bundle: its files differ from those that were built; pull it again, or ask its publisher',
    details: { path },
    cause,
  });
}
