import { hash } from 'node:crypto';
import {
  type CanonicalJson,
  CanonicalReader,
  CodedError,
  compareInstants,
  type Instant,
  isCoded,
  type JsonObject,
  type JsonValue,
} from '#core';
import { Sorter } from '#sort';
import type { Fault } from './formats/fault.ts';
import type { RecordFormat } from './formats/format.ts';
import { formatTitles, type Recognised, recognise } from './formats/recognise.ts';
import { formats } from './formats/registry.ts';
import { readTime } from './formats/timestamp.ts';
import { isObject } from './formats/value.ts';
import type { IgnoredFile, RecordClass, RecordSet, WithheldFile, WithheldRecord } from './record.ts';
import { SortedRecordSet } from './record-set.ts';
import { encodeRow } from './row.ts';
import { compileSelector, type Judge, verdicts } from './select/compile.ts';
import type { Selector } from './select/selector.ts';
import { encodingFault, wrongEncoding } from './sources/encoding.ts';
import type { Source } from './sources/source.ts';
import { isOneObjectPerLine } from './sources/split-lines.ts';
import { itemsWithin, linesWithin, type SourceText } from './sources/texts.ts';
import type { Subject } from './subject.ts';
import { withhold } from './withhold.ts';

/** How the collector works. */
export interface IntakeOptions {
  readonly selector: Selector;
  readonly withholdInvalid: boolean;
  readonly workDir: string;
}

const NOTHING = new Uint8Array(0);

/** Withheld records that a bundle can list, and files of them that are kept. */
const MAX_WITHHELD = 100_000;
/** Files of each source that are kept of those that hold no records; the others are counted. */
const MAX_IGNORED = 1000;

/** Takes JSON texts in, one by one, and sorts out what they are. */
export class RecordCollector {
  readonly #options: IntakeOptions;
  readonly #judge: Judge;
  readonly #reader = new CanonicalReader();
  readonly #sorters = new Map<RecordClass, Sorter>();
  readonly #withheld = new Map<string, WithheldRecord>();
  readonly #withheldFiles: WithheldFile[] = [];
  readonly #ignored: IgnoredFile[] = [];
  readonly #ignoredOf = new Map<Source, number>();
  #withheldFilesCount = 0;
  #newest: Instant | undefined;
  #newestRecord = '';
  #records = 0;
  #bytes = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#judge = compileSelector(options.selector);
  }

  /** Records met so far, withheld and repeated ones included. */
  get records(): number {
    return this.#records;
  }

  /** Bytes of content read so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The first files of a source that were passed over so far, and how many were. */
  ignoredOf(source: Source): { readonly listed: readonly IgnoredFile[]; readonly count: number } {
    const count = this.#ignoredOf.get(source) ?? 0;
    return { listed: count === 0 ? [] : this.#ignored.slice(-Math.min(count, MAX_IGNORED)), count };
  }

  /** Notes something that is no record. */
  ignore(source: Source, name: string, reason: string): void {
    const count = (this.#ignoredOf.get(source) ?? 0) + 1;
    this.#ignoredOf.set(source, count);
    if (count <= MAX_IGNORED) this.#ignored.push({ source: source.path, name, reason });
  }

  /** Reads a text, and keeps, leaves out, withholds or ignores it. */
  async take(source: Source, text: SourceText): Promise<void> {
    this.#bytes += text.bytes.byteLength;
    const json = this.#readJson(source, text);
    if (json !== undefined) await this.#takeJson(source, text, json);
    else for await (const line of linesWithin(text)) await this.take(source, line);
  }

  /** Sorts what was taken. After that only `close` of the set may be called. */
  async finish(): Promise<RecordSet> {
    for (const sorter of this.#sorters.values()) await sorter.seal();
    return SortedRecordSet.create({
      sorters: this.#sorters,
      withheld: [...this.#withheld.values()],
      withheldFiles: this.#withheldFiles,
      withheldFilesCount: this.#withheldFilesCount,
      ignored: this.#ignored,
      ignoredCount: [...this.#ignoredOf.values()].reduce((sum, count) => sum + count, 0),
      newest: this.#newest,
      newestRecord: this.#newestRecord,
    });
  }

  /** Removes the files. */
  async close(): Promise<void> {
    for (const sorter of this.#sorters.values()) await sorter.close();
  }

  async #takeJson(source: Source, text: SourceText, json: CanonicalJson | 'withheld'): Promise<void> {
    if (json === 'withheld') return;
    const recognised = recognise(json);
    if (recognised === undefined) return await this.#takeUnrecognised(source, text, json.value);
    this.#records++;
    const { format, fault } = recognised;
    const hex = hash('sha256', json.bytes, 'hex');
    if (fault !== undefined) {
      const key = format.keyOfInvalid(json.value as JsonObject, hex);
      return this.#refuse(source, text, invalid(text.place, key, fault), key ?? nameOf(text.bytes));
    }
    await this.#sortIn(recognised, json, hex, text.place);
  }

  /** JSON that is no record may still be a list of records. */
  async #takeUnrecognised(source: Source, text: SourceText, value: JsonValue): Promise<void> {
    const isList = isObject(value) && Array.isArray(value['vulns']) && !text.isPart;
    if (!isList) return this.ignore(source, text.name, `JSON, but not ${formatTitles}`);
    for await (const item of itemsWithin(text)) await this.take(source, item);
  }

  /** The canonical text; `withheld` when it was that, undefined where the text is several, one on each line. */
  #readJson(source: Source, text: SourceText): CanonicalJson | 'withheld' | undefined {
    try {
      const fault = encodingFault(text.bytes);
      if (fault !== undefined) throw wrongEncoding(text.place, fault);
      return this.#reader.read(text.bytes, text.place, { keepNumbers: true });
    } catch (error) {
      if (!text.isPart && isOneObjectPerLine(text.bytes)) return undefined;
      this.#records++;
      this.#refuse(source, text, error, nameOf(text.bytes));
      return 'withheld';
    }
  }

  async #sortIn({ format, departs }: Recognised, json: CanonicalJson, hex: string, place: string): Promise<void> {
    const found = format.schema;
    const modified = format.modifiedOf(found);
    let subject: Subject | undefined;
    const verdict = this.#judge(
      () => {
        subject ??= format.subjectOf(json.value as JsonObject);
        return subject;
      },
      () => readTime(modified) as Instant,
    );
    const kept = verdict === 'kept' || verdict === 'unscored';
    const key = format.keyOf(found, hex);
    if (kept) this.#noteModified(modified, key);
    const facts = { verdict: verdicts.indexOf(verdict), format: formats.indexOf(format), departs };
    const sorter = this.#sorterOf(format);
    sorter.add(encodeRow({ key, hex, place, ...facts }), kept ? json.bytes : NOTHING);
    if (sorter.isFull) await sorter.relieve();
  }

  #noteModified(modified: string, record: string): void {
    // UTC times that are older in their first 19 characters need no closer look.
    const isPlain = modified.length >= 20 && modified[10] === 'T' && modified.endsWith('Z');
    if (this.#newest !== undefined && isPlain && modified.slice(0, 19) < this.#newest.slice(0, 19)) return;
    const instant = readTime(modified) as Instant;
    const order = this.#newest === undefined ? 1 : compareInstants(instant, this.#newest);
    if (order > 0 || (order === 0 && record < this.#newestRecord)) this.#newestRecord = record;
    if (order > 0) this.#newest = instant;
  }

  #sorterOf(format: RecordFormat): Sorter {
    let sorter = this.#sorters.get(format.class);
    if (sorter === undefined) {
      sorter = new Sorter(this.#options.workDir);
      this.#sorters.set(format.class, sorter);
    }
    return sorter;
  }

  #refuse(source: Source, text: SourceText, error: unknown, record: string): void {
    if (!this.#options.withholdInvalid || !isCoded(error, 'ERR_EXPORT_JSON_INVALID', 'ERR_EXPORT_RECORD_INVALID'))
      throw error;
    const withheld = withhold(error, record);
    this.#withheld.set(JSON.stringify(withheld), withheld);
    if (this.#withheld.size > MAX_WITHHELD) throw tooManyWithheld(source);
    if (++this.#withheldFilesCount <= MAX_WITHHELD) {
      this.#withheldFiles.push({ source: source.path, name: text.name, record });
    }
  }
}

function tooManyWithheld({ path }: Source): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${path}: more than ${MAX_WITHHELD} records are invalid`, {
    hint: `check that this is a source of ${formatTitles} records`,
    details: { source: path },
  });
}

/** What a record without an id is called. */
function nameOf(bytes: Uint8Array): string {
  return `sha256:${hash('sha256', bytes, 'hex')}`;
}

function invalid(place: string, key: string | undefined, { pointer, what }: Fault): CodedError {
  const record = key === undefined ? '' : `record ${key}: `;
  const where = pointer === '' ? 'at the top' : `at ${pointer}`;
  return new CodedError('ERR_EXPORT_RECORD_INVALID', `${place}: ${record}${what}, ${where}`, {
    hint: 'correct the record, or withhold it with --withhold-invalid',
    details: { file: place, record: key, pointer },
  });
}
