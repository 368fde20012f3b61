import { hash } from 'node:crypto';
import {
  type CanonicalJson,
  CanonicalReader,
  CodedError,
  type Instant,
  isCoded,
  type JsonObject,
  type JsonValue,
} from '#core';
import { ClassSorters, type SortedFiles } from './class-sorters.ts';
import type { Fault } from './formats/fault.ts';
import { formatTitles, type Recognised, recognise } from './formats/recognise.ts';
import { formats } from './formats/registry.ts';
import { readTime } from './formats/timestamp.ts';
import { isObject } from './formats/value.ts';
import { IgnoredFiles } from './ignored-files.ts';
import { NewestChange } from './newest-change.ts';
import type { RecordSet } from './record.ts';
import type { RecordProperties } from './record-properties.ts';
import { sortedRecordSet } from './record-set.ts';
import { encodeRow } from './row.ts';
import { compileSelector, type Judge, verdicts } from './select/compile.ts';
import type { Selector } from './select/selector.ts';
import { encodingFault, wrongEncoding } from './sources/encoding.ts';
import type { Source } from './sources/source.ts';
import { isOneObjectPerLine } from './sources/split-lines.ts';
import { itemsWithin, linesWithin, type SourceText } from './sources/texts.ts';
import { maxWithheld, WithheldRecords } from './withheld-records.ts';
import { withhold } from './withhold.ts';

/** How the collector works. */
export interface IntakeOptions {
  readonly selector: Selector;
  readonly withholdInvalid: boolean;
  readonly workDir: string;
}

const NOTHING = new Uint8Array(0);

/** What a collector of another thread has taken in. */
export interface Collected {
  readonly newest: Instant | undefined;
  readonly newestRecord: string;
  readonly files: SortedFiles;
}

/** Takes JSON texts in, one by one, and sorts out what they are. */
export class RecordCollector {
  readonly #options: IntakeOptions;
  readonly #judge: Judge;
  readonly #reader = new CanonicalReader();
  readonly #sorters: ClassSorters;
  readonly #withheld = new WithheldRecords();
  readonly #ignored = new IgnoredFiles();
  readonly #newest = new NewestChange();
  readonly #read = { records: 0, bytes: 0 };

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#judge = compileSelector(options.selector);
    this.#sorters = new ClassSorters(options.workDir);
  }

  /** Records met so far, withheld and repeated ones included. */
  get records(): number {
    return this.#read.records;
  }

  /** Bytes of content read so far. */
  get bytes(): number {
    return this.#read.bytes;
  }

  /** The first files of a source that were passed over so far, and how many were. */
  ignoredOf(source: Source): ReturnType<IgnoredFiles['of']> {
    return this.#ignored.of(source);
  }

  /** Notes something that is not a record. */
  ignore(source: Source, name: string, reason: string): void {
    this.#ignored.add(source, name, reason);
  }

  /** Reads a text, and keeps, leaves out, withholds or ignores it. */
  async take(source: Source, text: SourceText): Promise<void> {
    this.#read.bytes += text.bytes.byteLength;
    const json = this.#readJson(source, text);
    if (json !== undefined) await this.#takeJson(source, text, json);
    else for await (const line of linesWithin(text)) await this.take(source, line);
  }

  /** Counts records and bytes that another thread has read. */
  noteRead(records: number, bytes: number): void {
    this.#read.records += records;
    this.#read.bytes += bytes;
  }

  /** Hands over what was taken, all of it records. After that nothing may be called. */
  async share(): Promise<Collected> {
    return { newest: this.#newest.instant, newestRecord: this.#newest.record, files: await this.#sorters.files() };
  }

  /** Takes over a directory, to be removed with the other files. */
  own(directory: string): void {
    this.#sorters.own(directory);
  }

  /** Takes what a collector of another thread has handed over. */
  async adopt({ newest, newestRecord, files }: Collected): Promise<void> {
    await this.#sorters.adopt(files);
    if (newest !== undefined) this.#newest.noteInstant(newest, newestRecord);
  }

  /** Sorts what was taken. After that only `close` of the set may be called. */
  async finish(): Promise<RecordSet> {
    await this.#sorters.seal();
    return sortedRecordSet({
      sorters: this.#sorters,
      withheld: this.#withheld,
      ignored: this.#ignored,
      newest: this.#newest,
    });
  }

  /** Removes the files. */
  async close(): Promise<void> {
    await this.#sorters.close();
  }

  async #takeJson(source: Source, text: SourceText, json: CanonicalJson | 'withheld'): Promise<void> {
    if (json === 'withheld') return;
    const recognised = recognise(json);
    if (recognised === undefined) return await this.#takeUnrecognised(source, text, json.value);
    this.#read.records++;
    const { format, fault } = recognised;
    const hex = hash('sha256', json.bytes, 'hex');
    if (fault !== undefined) {
      const key = format.recordKeyOfInvalid(json.value as JsonObject, hex);
      return this.#refuse(source, text, invalid(text.place, key, fault), key ?? nameOf(text.bytes));
    }
    await this.#sortIn(recognised, json, hex, text.place);
  }

  /** JSON that is not a record may still be a list of records. */
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
      this.#read.records++;
      this.#refuse(source, text, error, nameOf(text.bytes));
      return 'withheld';
    }
  }

  async #sortIn({ format, departs }: Recognised, json: CanonicalJson, hex: string, place: string): Promise<void> {
    const found = format.schema;
    const modified = format.modifiedOf(found);
    let properties: RecordProperties | undefined;
    const verdict = this.#judge(
      () => {
        properties ??= format.propertiesOf(json.value as JsonObject);
        return properties;
      },
      () => readTime(modified) as Instant,
    );
    const kept = verdict === 'kept' || verdict === 'unscored';
    const key = format.recordKeyOf(found, hex);
    if (kept) this.#newest.note(modified, key);
    const facts = { verdict: verdicts.indexOf(verdict), format: formats.indexOf(format), departs };
    const sorter = this.#sorters.of(format.class);
    sorter.add(encodeRow({ key, hex, place, ...facts }), kept ? json.bytes : NOTHING);
    if (sorter.isFull) await sorter.relieve();
  }

  #refuse(source: Source, text: SourceText, error: unknown, record: string): void {
    if (!this.#options.withholdInvalid || !isCoded(error, 'ERR_EXPORT_JSON_INVALID', 'ERR_EXPORT_RECORD_INVALID'))
      throw error;
    const file = { source: source.path, name: text.name, record };
    if (!this.#withheld.add(withhold(error, record), file)) throw tooManyWithheld(source);
  }
}

function tooManyWithheld({ path }: Source): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${path}: more than ${maxWithheld} records are invalid`, {
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
