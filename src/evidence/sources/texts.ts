import { Budget, decodeGzip, decodeZstd, defaultLimits, headBytes, type Packing, packingOf } from '#archive';
import { CodedError } from '#core';
import { encodingFault, wrongEncoding } from './encoding.ts';
import { recordTooLarge, unreadPacking } from './faults.ts';
import { formOfName } from './names.ts';
import { pseudoFile, pseudoFileByName } from './pseudo-files.ts';
import { maxRecordBytes, type PassedOver, type Source, type SourceFile } from './source.ts';
import { splitLines } from './split-lines.ts';
import { beginsAsArrayOfObjects, beginsAsList, ListSplitter } from './split-list.ts';

/** A JSON text of a source: a file, a line, or an item of a list. */
export interface SourceText {
  /** Its name within the source. */
  readonly name: string;
  /** What it is called in errors. */
  readonly place: string;
  /** Valid until the next one is asked for. */
  readonly bytes: Uint8Array;
  /** Whether it is a line or an item, and no file of its own. */
  readonly isPart: boolean;
}

/** Bytes that the packed files of a source have unpacked to; several readers of parts of one source share it. */
export interface UnpackedCount {
  bytes: number;
}

const OPEN_BRACE = 0x7b;
const SPACE = 0x20;

/**
 * The JSON texts of a source, with what is passed over. The form of a file is told by its content where it can be:
 * one text, a list of them, packed or not; lines are told by their name.
 *
 * @param unpacked what was unpacked of the source before, which counts against its limits, and grows
 * @throws CodedError ERR_EXPORT_RECORD_TOO_LARGE, ERR_EXPORT_JSON_INVALID for a list that is none, and what unpacking throws
 */
export async function* readTexts(
  source: Source,
  unpacked: UnpackedCount = { bytes: 0 },
): AsyncGenerator<SourceText | PassedOver> {
  const reader = new TextReader(source, unpacked);
  for await (const file of source.files()) {
    if ('reason' in file) yield file;
    else if (file.size <= maxRecordBytes) {
      const bytes = await file.read();
      // Nearly every file of nearly every source.
      if (beginsAsObject(bytes) && formOfName(file.name) !== 'lines' && !beginsAsList(bytes)) {
        yield reader.whole(file, bytes);
      } else yield* reader.texts(file, [bytes]);
    } else if (file.chunks !== undefined) yield* reader.texts(file, file.chunks());
    else yield reader.unread(file);
  }
}

/**
 * Holds what all readers of an archive have unpacked together to the limits of one.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_LIMIT
 */
export function checkUnpacked({ path, archiveBytes = 0 }: Source, unpacked: UnpackedCount): void {
  new Budget(path, defaultLimits).checkTotal(archiveBytes, unpacked.bytes);
}

/** The items of the list in a text that is known to be JSON; none where it has no list called `vulns`. */
export async function* itemsWithin(text: SourceText): AsyncGenerator<SourceText> {
  const splitter = new ListSplitter(maxRecordBytes, (what) => invalid(text.place, what));
  for await (const { number, bytes } of splitter.split([text.bytes])) yield part(text, `item ${number}`, bytes);
}

/** The lines of a text that turned out to have several. */
export async function* linesWithin(text: SourceText): AsyncGenerator<SourceText> {
  for await (const { number, bytes } of splitLines([text.bytes], maxRecordBytes))
    yield part(text, `line ${number}`, bytes);
}

/** Whether the first byte that is neither white space nor control is the brace that a record begins with. */
function beginsAsObject(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length && (bytes[at] as number) <= SPACE) at++;
  return bytes[at] === OPEN_BRACE;
}

function part({ name, place, isPart }: SourceText, step: string, bytes: Uint8Array): SourceText {
  const here = isPart ? `${name}: ${step}` : step;
  return { name: here, place: `${place}: ${step}`, bytes, isPart: true };
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Reads the files of one source. */
class TextReader {
  readonly #source: Source;
  readonly #budget: Budget;
  readonly #unpacked: UnpackedCount;
  /** Bytes of packed files so far. */
  #packed = 0;

  constructor(source: Source, unpacked: UnpackedCount) {
    this.#source = source;
    this.#unpacked = unpacked;
    this.#budget = new Budget(source.path, defaultLimits);
  }

  /** A file that is one text. */
  whole(file: SourceFile, bytes: Uint8Array): SourceText {
    return { name: file.name, place: this.#placeOf(file), bytes, isPart: false };
  }

  /** A file that is too large to be held, and can be had in no other way. */
  unread(file: SourceFile): PassedOver {
    const pseudo = pseudoFileByName(file.name);
    if (pseudo !== undefined) return { name: file.name, reason: pseudo };
    if (formOfName(file.name) !== undefined) throw recordTooLarge(this.#placeOf(file), file.size);
    return { name: file.name, reason: 'not JSON by its name, and too large for a record' };
  }

  /** The texts of a file of any form. */
  async *texts(file: SourceFile, chunks: Chunks, isUnpacked = false): AsyncGenerator<SourceText | PassedOver> {
    const peeked = await peek(chunks);
    try {
      yield* this.#textsOf(file, peeked, isUnpacked);
    } finally {
      await peeked.close();
    }
  }

  async *#textsOf(
    file: SourceFile,
    { head, all }: Peeked,
    isUnpacked: boolean,
  ): AsyncGenerator<SourceText | PassedOver> {
    const pseudo = pseudoFile(file.name, head);
    if (pseudo !== undefined) return yield { name: file.name, reason: pseudo };
    const packing = packingOf(head);
    if (packing !== undefined) return yield* this.#packedTexts(file, packing, all, isUnpacked);
    const form = formOfName(file.name);
    if (form === 'lines') return yield* this.#lines(file, head, all);
    if (beginsAsList(head) && (form === 'json' || beginsAsObject(head) || beginsAsArrayOfObjects(head))) {
      return yield* this.#items(file, all);
    }
    yield await this.#wholeOf(file, head, all);
  }

  async *#packedTexts(
    file: SourceFile,
    packing: Packing,
    chunks: AsyncIterable<Uint8Array>,
    isUnpacked: boolean,
  ): AsyncGenerator<SourceText | PassedOver> {
    if (!packing.isRead && (this.#source.isFile || formOfName(file.name) !== undefined)) {
      throw unreadPacking(this.#placeOf(file), packing);
    }
    const { name } = packing;
    if (isUnpacked || !packing.isRead || name === 'zip' || name === 'tar') {
      const reason = packing.isRead
        ? `${name} within another file: unpack it, and specify it as another source`
        : `${name} data is not supported: unpack it first, for example with ${packing.command}`;
      return yield { name: file.name, reason };
    }
    yield* this.texts(file, this.#unpack(file, name, chunks), true);
  }

  async *#unpack(file: SourceFile, name: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const decode = name === 'gzip' ? decodeGzip : decodeZstd;
    // What a bundle lists may be as repetitive as its maker packed it.
    const limits = file.isListed ? { maxRatio: Number.MAX_SAFE_INTEGER } : {};
    this.#packed += file.size;
    for await (const chunk of decode(chunks, this.#placeOf(file), limits)) {
      this.#unpacked.bytes += chunk.length;
      if (!file.isListed) this.#budget.checkTotal(this.#source.archiveBytes ?? this.#packed, this.#unpacked.bytes);
      yield chunk;
    }
  }

  async *#lines(file: SourceFile, head: Uint8Array, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SourceText> {
    const fault = encodingFault(head);
    // A mark concerns the first line alone.
    if (fault !== undefined && !fault.endsWith('mark')) throw wrongEncoding(this.#placeOf(file), fault);
    for await (const { number, bytes } of splitLines(chunks, maxRecordBytes)) {
      yield this.#part(file, `line ${number}`, bytes);
    }
  }

  async *#items(file: SourceFile, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SourceText | PassedOver> {
    const splitter = new ListSplitter(maxRecordBytes, (what) => invalid(this.#placeOf(file), what));
    for await (const { number, bytes } of splitter.split(chunks)) yield this.#part(file, `item ${number}`, bytes);
    if (splitter.hasNextPage)
      yield {
        name: file.name,
        reason: 'next_page_token: this response may have further pages, which must be fetched too',
      };
  }

  #part(file: SourceFile, step: string, bytes: Uint8Array): SourceText {
    const place = `${this.#placeOf(file)}: ${step}`;
    if (bytes.length > maxRecordBytes) throw recordTooLarge(place, undefined);
    return { name: this.#source.isFile ? step : `${file.name}: ${step}`, place, bytes, isPart: true };
  }

  async #wholeOf(
    file: SourceFile,
    head: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SourceText | PassedOver> {
    const isJson = formOfName(file.name) === 'json';
    const fault = encodingFault(head);
    if (!isJson && fault !== undefined) return { name: file.name, reason: `${fault}: convert it to UTF-8` };
    if (!isJson && !beginsAsObject(head)) return { name: file.name, reason: 'not JSON' };
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of chunks) {
      parts.push(chunk);
      size += chunk.length;
      if (size <= maxRecordBytes) continue;
      if (fault !== undefined) throw wrongEncoding(this.#placeOf(file), fault);
      if (!isJson) return { name: file.name, reason: 'not JSON by its name, and too large for a record' };
      throw recordTooLarge(this.#placeOf(file), file.size > maxRecordBytes ? file.size : undefined);
    }
    return this.whole(file, parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts));
  }

  #placeOf(file: SourceFile): string {
    return this.#source.isFile ? this.#source.path : `${this.#source.path}: ${file.name}`;
  }
}

function invalid(place: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_JSON_INVALID', `${place}: ${what}`, {
    hint: 'fetch or write the file again; it may hold one record, a list of records, or {"vulns": […]}',
    details: { name: place, pointer: '' },
  });
}

/** A stream whose first bytes were looked at. */
interface Peeked {
  /** Enough to tell what it is. */
  readonly head: Uint8Array;
  /** The whole stream, once. */
  readonly all: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

async function peek(chunks: Chunks): Promise<Peeked> {
  const iterator = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  const first: Uint8Array[] = [];
  let have = 0;
  while (have < headBytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
    have += next.value.length;
  }
  const head = first.length === 1 ? (first[0] as Uint8Array) : Buffer.concat(first);
  const all = async function* () {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  };
  return { head, all: all(), close: async () => void (await iterator.return?.()) };
}
