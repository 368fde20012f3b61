import type { WithheldFile, WithheldRecord } from './record.ts';

/** The withheld records that a bundle can list, as its schema has it. */
export const maxWithheld = 100_000;

/** As many records as an error names in its text, and in its details. */
const NAMED = { text: 3, details: 1000 };

/** A withheld record, as a bundle lists it. */
interface ListedRecord extends Omit<WithheldRecord, 'code'> {
  readonly code: string;
}

/** What an error says of records that are withheld where nothing else is left. */
export function explainWithheld(withheld: readonly ListedRecord[]): {
  readonly reasons: readonly string[];
  readonly details: { readonly withheld: number; readonly withheldRecords: readonly ListedRecord[] };
} {
  const details = { withheld: withheld.length, withheldRecords: withheld.slice(0, NAMED.details) };
  if (withheld.length === 0) return { reasons: [], details };
  const named = withheld
    .slice(0, NAMED.text)
    .map(({ record, code, pointer }) => `${record}: ${code} at ${pointer === '' ? 'the top' : pointer}`);
  const more = withheld.length > NAMED.text ? [`${withheld.length - NAMED.text} more`] : [];
  return { reasons: [`${withheld.length} invalid and withheld (${[...named, ...more].join('; ')})`], details };
}

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
