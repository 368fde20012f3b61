import type { WithheldFile, WithheldRecord } from './record.ts';

/** The withheld records that a bundle can list, as its schema has it. */
export const maxWithheld = 100_000;

/** The records that are withheld, and where they were met. */
export class WithheldRecords {
  readonly #records = new Map<string, WithheldRecord>();
  readonly #files: WithheldFile[] = [];
  #filesCount = 0;

  /** Each record once. */
  get records(): readonly WithheldRecord[] {
    return [...this.#records.values()];
  }

  /** The first files of them. */
  get files(): readonly WithheldFile[] {
    return this.#files;
  }

  /** How many files there were. */
  get filesCount(): number {
    return this.#filesCount;
  }

  /** Adds a record; false where there are more than a bundle can list. */
  add(record: WithheldRecord, file: WithheldFile): boolean {
    this.#records.set(JSON.stringify(record), record);
    if (++this.#filesCount <= maxWithheld) this.#files.push(file);
    return this.#records.size <= maxWithheld;
  }
}
