import { CodedError, type Digest, Digester } from '#core';
import type { ByteStream } from '#oci/image';
import { DigestSet, maxDigests } from './digest-set.ts';

const LINE_FEED = 0x0a;
/** `sha512:` and its hex digits. */
const MAX_LINE_BYTES = 135;
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a digest list: one digest a line, each line ended by a line feed. Order does not matter, and a digest may be
 * repeated. Memory is that of the set, whatever the stream does.
 *
 * @param name what the list is called in an error
 * @throws CodedError ERR_EXPORT_DIGEST_INVALID with the number of the line, ERR_EXPORT_TOO_LARGE above 1,000,000 lines
 */
export async function readDigestList(stream: ByteStream, name: string): Promise<DigestSet> {
  const set = new DigestSet();
  const reader = new LineReader(set, name);
  for await (const chunk of stream) reader.write(chunk);
  reader.end();
  return set;
}

class LineReader {
  readonly #set: DigestSet;
  readonly #name: string;
  /** The beginning of a line that the next chunk continues. */
  readonly #rest = Buffer.alloc(MAX_LINE_BYTES);
  #restBytes = 0;
  #lines = 0;

  constructor(set: DigestSet, name: string) {
    this.#set = set;
    this.#name = name;
  }

  write(chunk: Uint8Array): void {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      if (this.#restBytes === 0) this.#take(chunk, start, end);
      else {
        this.#join(chunk.subarray(start, end));
        this.#take(this.#rest, 0, this.#restBytes);
        this.#restBytes = 0;
      }
      start = end + 1;
    }
    this.#join(chunk.subarray(start));
  }

  end(): void {
    if (this.#restBytes > 0) throw this.#invalid(this.#rest.subarray(0, this.#restBytes), 'no line feed at its end: ');
  }

  /** Appends to the line that is not whole yet. */
  #join(part: Uint8Array): void {
    const room = MAX_LINE_BYTES - this.#restBytes;
    this.#rest.set(part.subarray(0, room), this.#restBytes);
    this.#restBytes += Math.min(part.byteLength, room);
    if (part.byteLength > room) throw this.#invalid(this.#rest);
  }

  #take(text: Uint8Array, start: number, end: number): void {
    if (this.#lines === maxDigests) {
      throw new CodedError('ERR_EXPORT_TOO_LARGE', `${this.#name}: more than 1,000,000 digests`, {
        hint: 'specify a list for each mirror, or use a snapshot as the base',
        details: { name: this.#name },
      });
    }
    if (!this.#set.addText(text, start, end)) throw this.#invalid(text.subarray(start, end));
    this.#lines++;
  }

  #invalid(line: Uint8Array, what = ''): CodedError {
    const number = this.#lines + 1;
    const text = JSON.stringify(Buffer.from(line.subarray(0, MAX_LINE_BYTES)).toString('latin1'));
    return new CodedError('ERR_EXPORT_DIGEST_INVALID', `${this.#name}: line ${number}: ${what}not a digest: ${text}`, {
      hint: 'write one digest a line, sha256: and 64 lower-case hex digits, each line ended by a line feed',
      details: { name: this.#name, line: number },
    });
  }
}

/** The canonical digest list of a set, as chunks: in byte order, each digest once. */
export function* encodeDigestList(set: DigestSet): Generator<Uint8Array> {
  let chunk = Buffer.alloc(CHUNK_BYTES);
  let filled = 0;
  for (const line of set.sortedLines()) {
    if (filled + line.byteLength > CHUNK_BYTES) {
      yield chunk.subarray(0, filled);
      chunk = Buffer.alloc(CHUNK_BYTES);
      filled = 0;
    }
    chunk.set(line, filled);
    filled += line.byteLength;
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** The digest of the canonical list of a set: two sets have the same one exactly if they hold the same digests. */
export function digestOfList(set: DigestSet): Digest {
  const digester = new Digester();
  for (const chunk of encodeDigestList(set)) digester.update(chunk);
  return digester.digest();
}
