import { once } from 'node:events';
import type { Pack } from 'tar-stream';
import { CodedError, compareText } from '#core';
import { NameSet } from '../entry-path.ts';

/** A file on its way into an archive. */
export interface TarEntry {
  /** Relative, printable ASCII, and short enough for a ustar header. */
  readonly path: string;
  /** Bytes of `content`, exactly. */
  readonly size: number;
  /** Chunks of 64 KiB or more may be overwritten once the next but one is asked for; smaller ones must stay. */
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
  /** Permission bits; default: 0o644. */
  readonly mode?: number;
}

/** What is the same for all entries. */
export interface TarOptions {
  /** Seconds since 1970, 0 to 2^31 - 1. Some readers take 0 for "now". */
  readonly mtime: number;
  /** Take entries in any order; without it, byte order of path is demanded. */
  readonly anyOrder?: boolean;
}

/** Eleven octal digits, less than 8 GiB. */
const MAX_SIZE = 0o77777777777;
const MAX_MTIME = 2 ** 31 - 1;

/**
 * Packs files as a ustar archive without owners, names of owners, or anything else of the machine. Entries and their
 * content are asked for one after the other, as the archive is consumed.
 *
 * What a ustar header cannot hold is refused; tar-stream alone would cut numbers short, and switch to extended headers.
 *
 * @throws RangeError for paths, modes or times that ustar cannot hold, and for entries out of order or named twice
 * @throws CodedError ERR_EXPORT_TOO_LARGE for 8 GiB and more, ERR_EXPORT_SIZE_MISMATCH when content is not `size` long
 */
export async function* encodeTar(
  entries: Iterable<TarEntry> | AsyncIterable<TarEntry>,
  options: TarOptions,
): AsyncGenerator<Uint8Array> {
  if (!Number.isInteger(options.mtime) || options.mtime < 0 || options.mtime > MAX_MTIME) {
    throw new RangeError(`not a valid tar time in seconds: ${options.mtime}`);
  }
  // Loaded here: a command that writes no archive need not wait for it.
  const { pack } = await import('tar-stream');
  const tar = pack();
  const stop = new AbortController();
  const feeding = feed(tar, entries, options, stop.signal).catch((error: unknown) => {
    // After an early stop the wait for room in the archive is broken off; nobody is left to hear of it.
    if (!stop.signal.aborted) tar.destroy(error instanceof Error ? error : new Error('no error', { cause: error }));
  });
  try {
    yield* tar as AsyncIterable<Uint8Array>;
  } finally {
    stop.abort();
    await feeding;
  }
}

async function feed(
  tar: Pack,
  entries: Iterable<TarEntry> | AsyncIterable<TarEntry>,
  { mtime, anyOrder = false }: TarOptions,
  signal: AbortSignal,
): Promise<void> {
  const names = new NameSet();
  let last = '';
  for await (const entry of entries) {
    signal.throwIfAborted();
    checkEntry(entry);
    if (!anyOrder && compareText(entry.path, last) <= 0) {
      throw new RangeError(`tar entry ${entry.path} after ${last}: not in byte order`);
    }
    if (!names.add(entry.path)) throw new RangeError(`duplicate tar entry ${entry.path}`);
    last = entry.path;
    await feedEntry(tar, entry, mtime, signal);
  }
  tar.finalize();
}

async function feedEntry(tar: Pack, entry: TarEntry, mtime: number, signal: AbortSignal): Promise<void> {
  const { path, size, mode = 0o644 } = entry;
  const sink = tar.entry({ name: path, size, mode, mtime: new Date(mtime * 1000), uid: 0, gid: 0, type: 'file' });
  // Its failure is thrown below or reaches the reader through the archive; unheard, the event would end the process.
  sink.on('error', () => undefined);
  let written = 0;
  for await (const chunk of entry.content instanceof Uint8Array ? [entry.content] : entry.content) {
    written += chunk.length;
    if (written > size) break;
    if (chunk.length > 0 && !sink.write(chunk)) await once(sink, 'drain', { signal });
  }
  if (written !== size) {
    const found = written > size ? `more than ${size}` : `${written}`;
    throw new CodedError('ERR_EXPORT_SIZE_MISMATCH', `${path}: ${found} bytes of content, announced as ${size}`, {
      hint: 'report this: the content changed while it was packed',
      details: { path, sizeBytes: size },
    });
  }
  const closed = once(sink, 'close', { signal });
  sink.end(undefined);
  await closed;
}

function checkEntry({ path, size, mode = 0o644 }: TarEntry): void {
  if (!/^[\x20-\x7e]+$/.test(path) || /(?:^|\/)\.{0,2}(?:\/|$)|\\/.test(path) || !fitsUstar(path)) {
    throw new RangeError(`path does not fit into a ustar header: ${JSON.stringify(path)}`);
  }
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw new RangeError(`not valid permission bits: ${mode}`);
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`not a valid size in bytes: ${size}`);
  if (size > MAX_SIZE) {
    throw new CodedError(
      'ERR_EXPORT_TOO_LARGE',
      `${path}: ${size} bytes, more than the ${MAX_SIZE} that tar can hold`,
      {
        hint: 'select fewer records, so that the file stays below 8 GiB',
        details: { path, sizeBytes: size, maxBytes: MAX_SIZE },
      },
    );
  }
}

/** 100 bytes of name after a slash, and 155 before it. */
function fitsUstar(path: string): boolean {
  if (path.length <= 100) return true;
  const slash = path.indexOf('/', path.length - 101);
  return slash >= 0 && slash <= 155;
}
