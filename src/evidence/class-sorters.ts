import { rm } from 'node:fs/promises';
import { Sorter } from '#sort';
import type { RecordClass } from './record.ts';

/** The files of sorters, which must stay until their records have been read. */
export type SortedFiles = readonly (readonly [RecordClass, readonly string[]])[];

/** A sorter for each class of records that is met, with the files that other threads have sorted. */
export class ClassSorters {
  readonly #workDir: string;
  readonly #sorters = new Map<RecordClass, Sorter>();
  /** Directories of other threads. */
  readonly #owned: string[] = [];

  /** @param workDir an existing directory for temporary files */
  constructor(workDir: string) {
    this.#workDir = workDir;
  }

  /** The sorter of a class, which is made where there is none. */
  of(recordClass: RecordClass): Sorter {
    let sorter = this.#sorters.get(recordClass);
    if (sorter === undefined) {
      sorter = new Sorter(this.#workDir);
      this.#sorters.set(recordClass, sorter);
    }
    return sorter;
  }

  /** The sorter of a class; undefined where no record of it was met. */
  get(recordClass: RecordClass): Sorter | undefined {
    return this.#sorters.get(recordClass);
  }

  /** Takes over a directory, which `close` removes. */
  own(directory: string): void {
    this.#owned.push(directory);
  }

  /** Takes in what the sorters of another thread have sorted. */
  async adopt(files: SortedFiles): Promise<void> {
    for (const [recordClass, runs] of files) await this.of(recordClass).adopt(runs);
  }

  /** Puts all records into files, for `adopt` of another thread. */
  async files(): Promise<SortedFiles> {
    const files: [RecordClass, readonly string[]][] = [];
    for (const [recordClass, sorter] of this.#sorters) files.push([recordClass, await sorter.files()]);
    return files;
  }

  /** Ends the input of all sorters. */
  async seal(): Promise<void> {
    for (const sorter of this.#sorters.values()) await sorter.seal();
  }

  /** Removes the files. */
  async close(): Promise<void> {
    for (const sorter of this.#sorters.values()) await sorter.close();
    for (const directory of this.#owned) await rm(directory, { recursive: true, force: true });
  }
}
