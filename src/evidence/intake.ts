import { hash } from 'node:crypto';
import {
  type CanonicalJson,
  CanonicalReader,
  CodedError,
  compareInstants,
  type Instant,
  instantFrom,
  isCoded,
  type JsonObject,
} from '#core';
import type { Fault } from './formats/check.ts';
import { beginsAsObject, type Format, recognise } from './formats/recognise.ts';
import type { IgnoredFile, RecordClass, RecordSet, WithheldFile, WithheldRecord } from './record.ts';
import { SortedRecordSet } from './record-set.ts';
import { compileSelector, type Judge, verdicts } from './select/compile.ts';
import type { Selector } from './select/selector.ts';
import { Sorter } from './sort/sorter.ts';
import { holdsLines } from './sources/open.ts';
import { maxRecordBytes, type Source, type SourceFile } from './sources/source.ts';
import type { Subject } from './subject.ts';
import { withhold } from './withhold.ts';

/** How the intake works. */
export interface IntakeOptions {
  readonly selector: Selector;
  readonly skipInvalid: boolean;
  readonly workDir: string;
}

const NOTHING = new Uint8Array(0);

/** Takes files in, one by one, and sorts out what they are. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #judge: Judge;
  readonly #reader = new CanonicalReader();
  readonly #sorters = new Map<RecordClass, Sorter>();
  readonly #formats = new Map<RecordClass, Format>();
  readonly #withheld = new Map<string, WithheldRecord>();
  readonly #withheldFiles: WithheldFile[] = [];
  readonly #ignored: IgnoredFile[] = [];
  #newest: Instant | undefined;
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

  /** Notes something that is no record. */
  ignore(source: Source, name: string, reason: string): void {
    this.#ignored.push({ source: source.path, name, reason });
  }

  /** Reads a file, and keeps, leaves out, withholds or ignores it. */
  async take(source: Source, file: SourceFile): Promise<void> {
    if (holdsLines(file.name))
      return this.ignore(source, file.name, 'JSON lines: name the file as a source of its own');
    if (file.size > maxRecordBytes) {
      if (file.isJson) throw tooLarge(placeOf(source, file), file.size);
      return this.ignore(source, file.name, 'no JSON by its name, and too large for a record');
    }
    const bytes = await file.read();
    this.#bytes += bytes.byteLength;
    if (!file.isJson && !beginsAsObject(bytes)) return this.ignore(source, file.name, 'no JSON');
    await this.#takeJson(source, file, bytes);
  }

  /** Sorts what was taken. After that only `close` of the set may be called. */
  async finish(): Promise<RecordSet> {
    for (const sorter of this.#sorters.values()) await sorter.seal();
    return SortedRecordSet.create({
      sorters: this.#sorters,
      formats: this.#formats,
      withheld: [...this.#withheld.values()],
      withheldFiles: this.#withheldFiles,
      ignored: this.#ignored,
      newest: this.#newest,
    });
  }

  /** Removes the files. */
  async close(): Promise<void> {
    for (const sorter of this.#sorters.values()) await sorter.close();
  }

  async #takeJson(source: Source, file: SourceFile, bytes: Uint8Array): Promise<void> {
    const place = placeOf(source, file);
    const json = this.#readJson(source, file, bytes);
    if (json === undefined) return;
    const recognised = recognise(json);
    if (recognised === undefined) return this.ignore(source, file.name, 'JSON, but neither OSV nor OpenVEX');
    this.#records++;
    const { format, fault } = recognised;
    const hex = hash('sha256', json.bytes, 'hex');
    if (fault !== undefined) {
      const key = format.keyOfUnsound(json.value, hex);
      return this.#refuse(source, file, unsound(place, key, fault), key ?? nameOf(bytes));
    }
    await this.#sortIn(format, json, hex, place);
  }

  /** The canonical text; undefined when it was withheld. */
  #readJson(source: Source, file: SourceFile, bytes: Uint8Array): CanonicalJson | undefined {
    try {
      return this.#reader.read(bytes, placeOf(source, file));
    } catch (error) {
      this.#records++;
      this.#refuse(source, file, error, nameOf(bytes));
      return undefined;
    }
  }

  async #sortIn(format: Format, json: CanonicalJson, hex: string, place: string): Promise<void> {
    const found = format.schema;
    const modified = format.modifiedOf(found);
    let subject: Subject | undefined;
    const verdict = this.#judge(
      () => {
        subject ??= format.subjectOf(json.value as JsonObject);
        return subject;
      },
      () => instantFrom(modified) as Instant,
    );
    const kept = verdict === 'kept' || verdict === 'unscored';
    if (kept) this.#noteModified(modified);
    const row = { key: format.keyOf(found, hex), hex, place, verdict: verdicts.indexOf(verdict) };
    await this.#sorterOf(format).add(row, kept ? json.bytes : NOTHING);
  }

  #noteModified(modified: string): void {
    // UTC times that are older in their first 19 characters need no closer look.
    if (this.#newest !== undefined && modified.endsWith('Z') && modified.slice(0, 19) < this.#newest.slice(0, 19))
      return;
    const instant = instantFrom(modified) as Instant;
    if (this.#newest === undefined || compareInstants(instant, this.#newest) > 0) this.#newest = instant;
  }

  #sorterOf(format: Format): Sorter {
    let sorter = this.#sorters.get(format.class);
    if (sorter === undefined) {
      sorter = new Sorter(this.#options.workDir);
      this.#sorters.set(format.class, sorter);
      this.#formats.set(format.class, format);
    }
    return sorter;
  }

  #refuse(source: Source, file: SourceFile, error: unknown, record: string): void {
    if (!this.#options.skipInvalid || !isCoded(error, 'ERR_EXPORT_JSON_INVALID', 'ERR_EXPORT_RECORD_INVALID'))
      throw error;
    const withheld = withhold(error, record);
    this.#withheld.set(JSON.stringify(withheld), withheld);
    this.#withheldFiles.push({ source: source.path, name: file.name, record });
  }
}

/** What a record without an id is called. */
function nameOf(bytes: Uint8Array): string {
  return `sha256:${hash('sha256', bytes, 'hex')}`;
}

function placeOf(source: Source, file: SourceFile): string {
  return source.isFile ? source.path : `${source.path}: ${file.name}`;
}

function unsound(place: string, key: string | undefined, { pointer, what }: Fault): CodedError {
  const record = key === undefined ? '' : `record ${key}: `;
  const where = pointer === '' ? 'at the top' : `at ${pointer}`;
  return new CodedError('ERR_EXPORT_RECORD_INVALID', `${place}: ${record}${what}, ${where}`, {
    hint: 'correct the record, or leave it out with --skip-invalid',
    details: { file: place, record: key, pointer },
  });
}

function tooLarge(place: string, size: number): CodedError {
  return new CodedError(
    'ERR_EXPORT_RECORD_TOO_LARGE',
    `${place}: ${size} bytes, more than the ${maxRecordBytes} of a record`,
    {
      hint: 'split the record, or take it out of the source',
      details: { file: place, sizeBytes: size, maxBytes: maxRecordBytes },
    },
  );
}
