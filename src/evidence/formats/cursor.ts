import { decodeJsonString, parseKnownJson } from '#core';

import { type Fault, within } from './fault.ts';

/** Bytes that mean something in JSON. */
export const [SPACE, QUOTE, COMMA, BACKSLASH] = [0x20, 0x22, 0x2c, 0x5c];
export const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];
export const LOWER_N = 0x6e;

/** So many departures of a record are kept: hostile ones have millions. */
const MAX_DEPARTURES = 100;

/** Walks over canonical JSON, which has no white space and needs no doubt. */
export class Cursor {
  /** The text; set it with `load`. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the next value begins. */
  at = 0;
  /** What departs from the format and is let pass, with places as seen from the value that is being checked. */
  departures: Fault[] = [];
  /** All of the memory that `bytes` is a part of, in the form that can be made into strings. */
  #memory: Buffer = Buffer.alloc(0);

  /** Begins at the top of a canonical text. */
  load(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    if (this.departures.length > 0) this.departures = [];
    if (this.#memory.buffer !== bytes.buffer) this.#memory = Buffer.from(bytes.buffer);
  }

  /** Notes a departure of the value that is being checked. */
  depart(departure: Fault): void {
    if (this.departures.length < MAX_DEPARTURES) this.departures.push(departure);
  }

  /** Makes the places of the departures from index `from` on those as seen from one level up. */
  placeDepartures(from: number, step: string | number): void {
    const { departures } = this;
    for (let i = from; i < departures.length; i++) departures[i] = within(step, departures[i] as Fault);
  }

  /** The byte at the cursor. */
  peek(): number {
    return this.bytes[this.at] as number;
  }

  /** Passes over a value of any kind. */
  skip(): void {
    const { bytes } = this;
    let depth = 0;
    let at = this.at;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) at = endOfString(bytes, at);
      else {
        if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
        else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
        at++;
      }
      const next = bytes[at];
      const ends = next === COMMA || next === CLOSE_BRACE || next === CLOSE_BRACKET || next === undefined;
      if (depth === 0 && ends) break;
    }
    this.at = at;
  }

  /** Passes over a string. */
  skipString(): void {
    this.at = endOfString(this.bytes, this.at);
  }

  /** The string at a position. */
  textAt(position: number): string {
    return decodeJsonString(this.#slice(position, endOfString(this.bytes, position)));
  }

  /** The value at a position. */
  valueAt(position: number): unknown {
    const here = this.at;
    this.at = position;
    this.skip();
    const value: unknown = parseKnownJson(this.bytes.subarray(position, this.at));
    this.at = here;
    return value;
  }

  #slice(from: number, to: number): string {
    const offset = this.bytes.byteOffset;
    return this.#memory.toString('utf8', offset + from, offset + to);
  }
}

/** Where the string that begins at `start` has ended. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    const byte = bytes[at++];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
}
