import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CollectOptions, collectRecords, type EvidenceRecord, type RecordClass, type RecordSet } from '#evidence';

/** Files by relative path. */
export type Files = Readonly<Record<string, string | Uint8Array | object>>;

/** A folder for sources and temporary files of one test. */
export class EvidenceFixture implements AsyncDisposable {
  readonly path: string;
  /** Where collecting puts temporary files. */
  readonly temp: string;
  #count = 0;

  private constructor(path: string) {
    this.path = path;
    this.temp = join(path, 'temp');
  }

  static async make(): Promise<EvidenceFixture> {
    const fixture = new EvidenceFixture(await mkdtemp(join(tmpdir(), 'evidence-')));
    await mkdir(fixture.temp);
    return fixture;
  }

  /** A new folder that holds these files; objects become JSON. */
  async folder(files: Files): Promise<string> {
    const folder = join(this.path, `folder-${this.#count++}`);
    await mkdir(folder);
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, contentOf(content));
    }
    return folder;
  }

  /** A new file of this name. */
  async file(name: string, content: string | Uint8Array | object): Promise<string> {
    return join(await this.folder({ [name]: content }), name);
  }

  /** Collects with everything selected, unless told. */
  async collect(sources: readonly string[], options: Partial<CollectOptions> = {}): Promise<RecordSet> {
    return collectRecords({ sources, selector: {}, withholdInvalid: false, workDir: this.temp, ...options });
  }

  /** Names of temporary files that are there now. */
  async leftovers(): Promise<string[]> {
    return readdir(this.temp, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** The bytes of a file in a test. */
export function contentOf(content: string | Uint8Array | object): string | Uint8Array {
  return typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content);
}

/** All records of a class, in order. */
export async function recordsOf(set: RecordSet, recordClass: RecordClass): Promise<EvidenceRecord[]> {
  const records: EvidenceRecord[] = [];
  for await (const batch of set.batches(recordClass)) records.push(...batch);
  return records;
}
