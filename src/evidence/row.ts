import { decodeKey, encodeKey } from '#sort';

/** What is noted of a record beside its bytes. */
export interface RowFacts {
  readonly key: string;
  /** Hex SHA-256 of the canonical bytes. */
  readonly hex: string;
  /** What the selector said, as a small number. */
  readonly verdict: number;
  /** Which of the formats it is of, by place in their list. */
  readonly format: number;
  /** Whether members of it depart from its format and were let pass. */
  readonly departs: boolean;
  /** Where it was found, for an error. */
  readonly place: string;
}

/** Between the key of a record, which cannot hold it, and what follows. */
const SEPARATOR = '\0';
/** Characters of a SHA-256 in hex. */
const HEX = 64;

/**
 * A row as a key to sort by: record key, digest, then the facts and the place. Neither arrival nor chance decides
 * which of two rows of one record comes first.
 */
export function encodeRow({ key, hex, verdict, format, departs, place }: RowFacts): string {
  const facts = String.fromCharCode(verdict, format, Number(departs));
  return encodeKey(key) + SEPARATOR + hex + facts + encodeKey(place);
}

/** A row of which encodeRow made a sort key, read as far as it is asked. */
export class Row implements RowFacts {
  readonly #sortKey: string;
  /** Where the digest begins. */
  readonly #hexStart: number;
  /** Size of the stored bytes; 0 when the record is left out and they were not stored. */
  readonly size: number;

  constructor(sortKey: string, size: number) {
    this.#sortKey = sortKey;
    this.#hexStart = sortKey.indexOf(SEPARATOR) + SEPARATOR.length;
    this.size = size;
  }

  get key(): string {
    return decodeKey(this.#sortKey.slice(0, this.#hexStart - SEPARATOR.length));
  }

  get hex(): string {
    return this.#sortKey.slice(this.#hexStart, this.#hexStart + HEX);
  }

  get verdict(): number {
    return this.#sortKey.charCodeAt(this.#hexStart + HEX);
  }

  get format(): number {
    return this.#sortKey.charCodeAt(this.#hexStart + HEX + 1);
  }

  get departs(): boolean {
    return this.#sortKey.charCodeAt(this.#hexStart + HEX + 2) !== 0;
  }

  get place(): string {
    return decodeKey(this.#sortKey.slice(this.#hexStart + HEX + 3));
  }

  /** Whether both are of one record key. */
  isOf(other: Row): boolean {
    const end = this.#hexStart;
    return end === other.#hexStart && this.#sortKey.slice(0, end) === other.#sortKey.slice(0, end);
  }
}
