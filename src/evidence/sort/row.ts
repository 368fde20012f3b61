import { compareText } from '#core';

/** What is noted of a record beside its bytes. */
export interface RowFacts {
  readonly key: string;
  /** Hex SHA-256 of the canonical bytes. */
  readonly hex: string;
  /** What the selector said, as a small number. */
  readonly verdict: number;
  /** Which of the formats it is of, by place in their list. */
  readonly format: number;
  /** Where it was found, for an error. */
  readonly place: string;
}

/** verdict u8, format u8, size u32, key length u32, place length u32, digest; then key, place in UTF-8. Little-endian. */
const HEAD = 46;
const SIZE = 2;
const KEY_BYTES = 6;
const PLACE_BYTES = 10;
const DIGEST = 14;

/** Bytes that a row takes, from its head alone: at least `rowHeadBytes` bytes are needed to tell. */
export const rowHeadBytes = HEAD;

/** Bytes that a row will take. */
export function rowBytes({ key, place }: RowFacts): number {
  return HEAD + Buffer.byteLength(key) + Buffer.byteLength(place);
}

/** Bytes that follow the head of a row. */
export function rowTailBytes(head: Buffer): number {
  return head.readUInt32LE(KEY_BYTES) + head.readUInt32LE(PLACE_BYTES);
}

/** Writes a row for a record of `size` stored bytes. */
export function writeRow(target: Buffer, offset: number, facts: RowFacts, size: number): void {
  const keyBytes = target.write(facts.key, offset + HEAD);
  const placeBytes = target.write(facts.place, offset + HEAD + keyBytes);
  target.writeUInt8(facts.verdict, offset);
  target.writeUInt8(facts.format, offset + 1);
  target.writeUInt32LE(size, offset + SIZE);
  target.writeUInt32LE(keyBytes, offset + KEY_BYTES);
  target.writeUInt32LE(placeBytes, offset + PLACE_BYTES);
  target.write(facts.hex, offset + DIGEST, 'hex');
}

/** A row, read from its bytes as far as it is asked. */
export class Row implements RowFacts {
  /** The whole row as it was written. */
  readonly bytes: Buffer;
  readonly key: string;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.key = bytes.toString('utf8', HEAD, HEAD + bytes.readUInt32LE(KEY_BYTES));
  }

  get verdict(): number {
    return this.bytes.readUInt8(0);
  }

  get format(): number {
    return this.bytes.readUInt8(1);
  }

  /** Size of the stored bytes; 0 when the record is left out and they were not stored. */
  get size(): number {
    return this.bytes.readUInt32LE(SIZE);
  }

  get hex(): string {
    return this.bytes.toString('hex', DIGEST, HEAD);
  }

  get place(): string {
    return this.bytes.toString('utf8', HEAD + this.bytes.readUInt32LE(KEY_BYTES));
  }
}

/** Order of rows: key, then digest, then place, so that neither arrival nor chance decides which of two comes first. */
export function compareRows(a: Row, b: Row): number {
  return compareText(a.key, b.key) || compareText(a.hex, b.hex) || compareText(a.place, b.place);
}
