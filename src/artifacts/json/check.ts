import type { ClassSummary, RecordClass } from '#evidence';
import { asMismatch, type ContentCheck, mismatch, readWhole } from '../content-check.ts';
import { ClassCheck, type ListedFile } from './check-class.ts';
import { encodeIndex, encodeRedaction } from './documents.ts';
import { parseExportIndex } from './export-index.generated.ts';
import { classesOf, indexPath, parsePath, redactionPath } from './paths.ts';

/** What export.json says of a `json:raw` bundle. */
export interface JsonRawExpectation {
  readonly classes: Readonly<Partial<Record<RecordClass, ClassSummary>>>;
  readonly contents: readonly ListedFile[];
  readonly shards?: { readonly k: number } | undefined;
  /** Records in all classes. */
  readonly kept: number;
}

/** The one file that lists the others, checked by whoever asks for this check. */
const EXPORT_MANIFEST = 'export.json';

/**
 * Checks the files of a `json:raw` bundle: each record is canonical and in order, all of them are those that went in,
 * the shards are cut as k says, and the indexes and redaction.json say what is there.
 */
export function checkJsonRaw(expected: JsonRawExpectation): ContentCheck {
  return new JsonRawCheck(expected);
}

class JsonRawCheck implements ContentCheck {
  readonly #expected: JsonRawExpectation;
  readonly #listed: ReadonlyMap<string, ListedFile>;
  readonly #classes = new Map<RecordClass, ClassCheck>();
  /** Indexes and redaction.json, which are held against the shards once all of those are read. */
  readonly #documents = new Map<string, Uint8Array>();

  constructor(expected: JsonRawExpectation) {
    this.#expected = expected;
    this.#listed = new Map(expected.contents.map((file) => [file.path, file]));
    for (const name of classesOf(expected.classes)) this.#classes.set(name, new ClassCheck(name, mismatch));
  }

  async file(title: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await readWhole(title, chunks, (content) => this.#read(title, content));
  }

  async #read(title: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (title === EXPORT_MANIFEST) return;
    const listed = this.#listed.get(title);
    if (listed === undefined) throw mismatch(title, 'not listed in export.json');
    const place = parsePath(title);
    if (place?.kind === 'shard') {
      const check = this.#classes.get(place.class);
      if (check === undefined) throw mismatch(title, `export.json has no count of ${place.class}`);
      await check.readShard(listed, chunks);
    } else if (place?.kind === 'index' || title === redactionPath) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      this.#documents.set(title, Buffer.concat(parts));
    } else {
      throw mismatch(title, 'not a file of a json:raw bundle');
    }
  }

  async end(): Promise<void> {
    const { classes, shards, kept } = this.#expected;
    if (shards === undefined) throw mismatch(EXPORT_MANIFEST, 'it does not say how the shards were cut');
    let count = 0;
    for (const [name, check] of this.#classes) {
      const summary = classes[name] as ClassSummary;
      check.end(summary, shards.k);
      count += summary.count;
      this.#checkIndex(name, shards.k, check);
    }
    if (count !== kept) throw mismatch(EXPORT_MANIFEST, `it counts ${count} records by class, and ${kept} kept`);
    this.#checkDocument(redactionPath, encodeRedaction(classes));
    const extra = [...this.#documents.keys()][0];
    if (extra !== undefined) throw mismatch(extra, 'the index of a class that export.json does not count');
  }

  #checkIndex(name: RecordClass, k: number, check: ClassCheck): void {
    const path = indexPath(name);
    try {
      parseExportIndex(this.#documents.get(path) ?? new Uint8Array(0), path);
      this.#checkDocument(path, encodeIndex(name, k, check.shards));
    } catch (error) {
      throw asMismatch(error, path);
    }
  }

  /** Documents have one spelling, so bytes can be compared. */
  #checkDocument(path: string, wanted: Uint8Array): void {
    const bytes = this.#documents.get(path);
    if (bytes === undefined) throw mismatch(path, 'missing');
    if (Buffer.compare(bytes, wanted) !== 0) throw mismatch(path, 'it does not say what the shards hold');
    this.#documents.delete(path);
  }
}
