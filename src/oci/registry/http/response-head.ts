import { trimOf } from '#core';

/** What a client sends and a server answers before the body; more is not plain. */
const MAX_HEAD_BYTES = 32 * 1024;
const [CR, LF, TAB, SPACE, DELETE] = [0x0d, 0x0a, 0x09, 0x20, 0x7f];
/** How the status line of every plain head begins. */
const START = Buffer.from('HTTP/1.1 20');
const STATUS_LINE = /^HTTP\/1\.1 (200|206)(?: .*)?$/;
/** RFC 9110 §5.6.2, a token. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;

/** The head of a 200 or 206 that says in one Content-Length how long its body is, and nothing that changes that. */
export interface PlainHead {
  readonly status: number;
  /** By their names in small letters. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly sizeBytes: number;
}

/** A header by its name in small letters; undefined where the line is none (RFC 9112 §5). */
export function parseField(line: string): { readonly name: string; readonly value: string } | undefined {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  const value = trimOf(line.slice(colon + 1), ' \t');
  if (!FIELD_NAME.test(name) || /[\r\n]/.test(value) || value.includes('\0')) return undefined;
  return { name: name.toLowerCase(), value };
}

/**
 * Reads the head of a response (RFC 9112 §2.1) from bytes however they are cut. Everything but a plain head is `other`,
 * as soon as that is certain: for a whole HTTP client to ask for again and to judge.
 */
export class HeadReader {
  readonly #bytes = Buffer.alloc(MAX_HEAD_BYTES);
  #size = 0;

  /**
   * Takes in what has come.
   *
   * @returns once the head is whole, the head and how many of these bytes belong to it; what follows is body
   */
  add(bytes: Uint8Array): 'incomplete' | 'other' | { readonly head: PlainHead; readonly headBytes: number } {
    for (const [at, byte] of bytes.entries()) {
      if (this.#size === MAX_HEAD_BYTES || !this.#fits(byte)) return 'other';
      this.#bytes[this.#size++] = byte;
      if (!this.#isWhole()) continue;
      const head = parseHead(this.#bytes.toString('latin1', 0, this.#size - 4));
      return head === undefined ? 'other' : { head, headBytes: at + 1 };
    }
    return 'incomplete';
  }

  /** Whether a byte may stand here at all: no control but tab and CR LF, which only come together. */
  #fits(byte: number): boolean {
    if (this.#size < START.length) return byte === START[this.#size];
    const isAfterReturn = this.#bytes[this.#size - 1] === CR;
    if (byte === LF || isAfterReturn) return byte === LF && isAfterReturn;
    return byte === CR || byte === TAB || (byte >= SPACE && byte !== DELETE);
  }

  #isWhole(): boolean {
    const size = this.#size;
    return this.#bytes[size - 1] === LF && this.#bytes[size - 3] === LF;
  }
}

function parseHead(text: string): PlainHead | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const status = STATUS_LINE.exec(first)?.[1];
  if (status === undefined) return undefined;
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    // A line that begins with a blank, as folded ones do, has no name.
    const field = parseField(line);
    if (field === undefined) return undefined;
    const values = fields.get(field.name);
    if (values === undefined) fields.set(field.name, [field.value]);
    else values.push(field.value);
  }
  const [length = '', ...more] = fields.get('content-length') ?? [];
  if (!/^\d{1,15}$/.test(length) || more.length > 0 || fields.has('transfer-encoding')) return undefined;
  return { status: Number(status), fields, sizeBytes: Number(length) };
}
