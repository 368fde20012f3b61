const [TAB, LINE_FEED, RETURN, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/** The member of an object that holds a list of records, as answers of osv.dev have it. */
const LIST_MEMBER = 'vulns';
/** Members that make an object a record, which then is no list of records. */
const RECORD_MEMBERS: readonly string[] = ['id', 'modified'];
/** Names of members beyond this are none that mean anything here. */
const MAX_NAME = 64;

/** What the splitter waits for. */
type State = 'start' | 'name' | 'inName' | 'colon' | 'value' | 'skipped' | 'item' | 'next' | 'end';

/** An item of a list, not yet looked into. */
export interface ListItem {
  /** From 1. */
  readonly number: number;
  /** Of an item over the limit only as many as show that. */
  readonly bytes: Uint8Array;
}

/** Whether a text begins as a list of records: an array, or an object whose first member is a list called `vulns`. */
export function beginsAsList(head: Uint8Array): boolean {
  let at = skipSpace(head, 0);
  if (head[at] === OPEN_BRACKET) return true;
  if (head[at] !== OPEN_BRACE) return false;
  at = skipSpace(head, at + 1);
  for (const char of `"${LIST_MEMBER}"`) if (head[at++] !== char.charCodeAt(0)) return false;
  at = skipSpace(head, at);
  return head[at] === COLON && head[skipSpace(head, at + 1)] === OPEN_BRACKET;
}

/** Whether a text begins as an array of objects, which little else than JSON does. */
export function beginsAsArrayOfObjects(head: Uint8Array): boolean {
  const at = skipSpace(head, 0);
  return head[at] === OPEN_BRACKET && head[skipSpace(head, at + 1)] === OPEN_BRACE;
}

/**
 * Cuts `[…]`, or the list in `{"vulns": […]}`, into its items by brackets and quotes alone: whoever reads an item finds
 * what is wrong within it. Memory holds one item at a time.
 */
export class ListSplitter {
  readonly #fail: (what: string) => Error;
  readonly #value = new ValueEnd();
  readonly #item: ItemBytes;
  #state: State = 'start';
  #isWrapped = false;
  /** Whether the list was there. */
  #found = false;
  #name = '';
  #hasNextPage = false;

  constructor(maxBytes: number, fail: (what: string) => Error) {
    this.#fail = fail;
    this.#item = new ItemBytes(maxBytes);
  }

  /** Whether the object says that it holds only a part of an answer. */
  get hasNextPage(): boolean {
    return this.#hasNextPage;
  }

  /** The items of the list in a text. */
  async *split(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<ListItem> {
    for await (const chunk of chunks) yield* this.#push(chunk);
    if (this.#state !== 'end') throw this.#fail('the list is truncated: its closing bracket is missing');
    if (!this.#found) throw this.#fail('no list called "vulns"');
  }

  *#push(chunk: Uint8Array): Generator<ListItem> {
    for (let at = 0; at < chunk.length; ) {
      if (this.#state !== 'item' && this.#state !== 'skipped') {
        if (this.#step(chunk[at] as number)) at++;
        continue;
      }
      const end = this.#value.find(chunk, at);
      if (this.#state === 'item') this.#item.add(chunk.subarray(at, end));
      at = end;
      // Beyond the limit nobody reads on.
      if (this.#item.isTooLarge) yield this.#item.take();
      if (at < chunk.length) yield* this.#endValue(chunk[at++] as number);
    }
  }

  /** Looks at one byte that is in no value; false where it is to be looked at again. */
  #step(byte: number): boolean {
    if (this.#state === 'inName') this.#addToName(byte);
    else if (isSpace(byte)) return true;
    else if (this.#state === 'start') this.#start(byte);
    else if (this.#state === 'name' && byte === QUOTE) this.#state = 'inName';
    else if (this.#state === 'colon' && byte === COLON) this.#state = 'value';
    else if (this.#state === 'value') return this.#startValue(byte);
    else if (this.#state === 'next' && byte === COMMA) this.#state = 'name';
    else if (this.#state === 'next' && byte === CLOSE_BRACE) this.#state = 'end';
    else throw this.#fail(this.#state === 'end' ? 'more text after the list' : 'not a list in JSON');
    return true;
  }

  #start(byte: number): void {
    if (byte !== OPEN_BRACKET && byte !== OPEN_BRACE) throw this.#fail('not a list in JSON');
    this.#isWrapped = byte === OPEN_BRACE;
    this.#found = !this.#isWrapped;
    this.#state = this.#isWrapped ? 'name' : 'item';
  }

  /** Adds to the name of a member beside the list, or ends it. */
  #addToName(byte: number): void {
    if (byte === BACKSLASH) throw this.#fail('an escaped name of a member beside the list');
    if (byte !== QUOTE) {
      if (this.#name.length <= MAX_NAME) this.#name += String.fromCharCode(byte);
      return;
    }
    if (RECORD_MEMBERS.includes(this.#name)) throw this.#fail('both a record and a list of records');
    if (this.#name === LIST_MEMBER && this.#found) throw this.#fail(`two members called "${LIST_MEMBER}"`);
    if (this.#name === 'next_page_token') this.#hasNextPage = true;
    this.#state = 'colon';
  }

  #startValue(byte: number): boolean {
    const isList = byte === OPEN_BRACKET && this.#name === LIST_MEMBER;
    this.#name = '';
    this.#found ||= isList;
    this.#state = isList ? 'item' : 'skipped';
    return isList;
  }

  /** What comes behind a value. */
  *#endValue(byte: number): Generator<ListItem> {
    if (this.#state === 'skipped') {
      if (byte === CLOSE_BRACKET) throw this.#fail('not a list in JSON');
      this.#state = byte === COMMA ? 'name' : 'end';
      return;
    }
    if (byte === CLOSE_BRACE) throw this.#fail('a closing brace where none was opened');
    // An empty list has no items; a comma has one on each side, or the list is none.
    if (byte === COMMA || this.#item.isOneOfSome) yield this.#item.take();
    if (byte === CLOSE_BRACKET) this.#state = this.#isWrapped ? 'next' : 'end';
  }
}

/** The bytes of an item, as far as they have come. */
class ItemBytes {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #held = 0;
  #taken = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isTooLarge(): boolean {
    return this.#held > this.#maxBytes;
  }

  /** Whether there was an item before this one, or this one has come in part. */
  get isOneOfSome(): boolean {
    return this.#taken > 0 || this.#held > 0;
  }

  /** Adds what comes next of the item, without space before it. */
  add(bytes: Uint8Array): void {
    const part = this.#held === 0 ? bytes.subarray(skipSpace(bytes, 0)) : bytes;
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#held += part.length;
  }

  /** Ends the item; the next one begins. */
  take(): ListItem {
    const whole = this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    return { number: ++this.#taken, bytes: withoutSpaceAtEnd(whole) };
  }
}

/** Finds where values end, by brackets and quotes. */
class ValueEnd {
  #depth = 0;
  #inString = false;
  #isEscaped = false;

  /** The place of the comma or closing bracket behind a value, or the end of the chunk, in which the value goes on. */
  find(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#inString) this.#passInString(byte);
      else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth++;
      else if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (this.#depth === 0) return at;
        if (byte !== COMMA) this.#depth--;
      }
    }
    return chunk.length;
  }

  #passInString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }
}

function withoutSpaceAtEnd(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && isSpace(bytes[end - 1] as number)) end--;
  return bytes.subarray(0, end);
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(bytes[at] as number)) at++;
  return at;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB;
}
