import { compareInstants, type Instant } from '#core';
import { readTime } from './formats/timestamp.ts';

/** The newest change among records, and the first record in code unit order that has it. */
export class NewestChange {
  #instant: Instant | undefined;
  #record = '';

  /** Undefined before the first record. */
  get instant(): Instant | undefined {
    return this.#instant;
  }

  get record(): string {
    return this.#record;
  }

  /** @param modified a time that conforms to RFC 3339 */
  note(modified: string, record: string): void {
    // UTC times that are older in their first 19 characters need no closer look.
    const isPlain = modified.length >= 20 && modified[10] === 'T' && modified.endsWith('Z');
    if (this.#instant !== undefined && isPlain && modified.slice(0, 19) < this.#instant.slice(0, 19)) return;
    this.noteInstant(readTime(modified) as Instant, record);
  }

  /** Notes a change that another thread has found. */
  noteInstant(instant: Instant, record: string): void {
    const order = this.#instant === undefined ? 1 : compareInstants(instant, this.#instant);
    if (order > 0 || (order === 0 && record < this.#record)) this.#record = record;
    if (order > 0) this.#instant = instant;
  }
}
