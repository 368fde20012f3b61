import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '#core';
import { FileRun, FileRunWriter } from './file-run.ts';
import { MemoryRun } from './memory-run.ts';
import { MergeCursor } from './merge.ts';
import type { SortedCursor } from './run.ts';

/** How much a sorter may hold, and how many runs it may read at a time. */
export interface SorterLimits {
  /** Memory in bytes before it writes to files. */
  readonly memory: number;
  /** Runs that are read at a time; each takes two open files and 160 KiB of memory. At least 2. */
  readonly fanIn: number;
}

const DEFAULTS: SorterLimits = { memory: 16 * 1024 * 1024, fanIn: 64 };

/**
 * Sorts any number of items in flat memory: in memory while they are few, else through runs in files. An item is a key
 * and a payload. Keys are bytes, in a string of one character a byte (see encodeKey), and are ordered as such; items of
 * one key keep the order in which they came.
 */
export class Sorter {
  readonly #workDir: string;
  readonly #limits: SorterLimits;
  readonly #memory = new MemoryRun();
  /** In the order in which their items came. */
  #runs: FileRun[] = [];
  #folder: string | undefined;
  #created = 0;
  #sealed: Promise<void> | undefined;

  /** @param workDir an existing folder; nothing is put there while the items fit in memory */
  constructor(workDir: string, limits: Partial<SorterLimits> = {}) {
    this.#workDir = workDir;
    this.#limits = { ...DEFAULTS, ...limits };
  }

  /** Takes a key and a copy of its payload; a text as UTF-8. Call `relieve` when `isFull`. */
  add(key: string, payload: Uint8Array | string): void {
    this.#memory.add(key, payload);
  }

  /** Whether the items have become many. */
  get isFull(): boolean {
    return this.#memory.cost >= this.#limits.memory;
  }

  /**
   * Writes the items to a file if they have become many.
   *
   * @throws CodedError as fileError; the items stay in memory then
   */
  async relieve(): Promise<void> {
    if (this.isFull) await this.#spill();
  }

  /**
   * Ends the adding: what went through files is all in files, and takes no memory any more.
   *
   * @throws CodedError as fileError
   */
  seal(): Promise<void> {
    this.#sealed ??= this.#seal();
    return this.#sealed;
  }

  /**
   * Ends the adding and puts all of it into files, for a sorter of another thread to adopt. They stay this one's.
   *
   * @returns the runs in order
   * @throws CodedError as fileError
   */
  async files(): Promise<readonly string[]> {
    await this.seal();
    if (!this.#memory.isEmpty) await this.#spill();
    await this.#memory.remove();
    return this.#runs.map(({ path }) => path);
  }

  /**
   * Takes the runs of another sorter, behind all that was added. Their files must stay until this one is read, and are
   * not removed by it, but for those that have to be merged.
   *
   * @throws CodedError as fileError
   */
  async adopt(runs: readonly string[]): Promise<void> {
    if (!this.#memory.isEmpty) await this.#spill();
    for (const path of runs) this.#runs.push(new FileRun(path));
  }

  /** Reads all items in order, after sealing. Several may read at a time. @throws CodedError as fileError */
  async read(): Promise<SortedCursor> {
    await this.seal();
    return this.#runs.length === 0 ? this.#memory.open() : MergeCursor.open(this.#runs);
  }

  /** Removes the files. */
  async close(): Promise<void> {
    await this.#memory.remove();
    this.#runs = [];
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  async #seal(): Promise<void> {
    if (this.#runs.length === 0) return;
    if (!this.#memory.isEmpty) await this.#spill();
    await this.#memory.remove();
    while (this.#runs.length > this.#limits.fanIn) await this.#mergeOnce();
  }

  async #spill(): Promise<void> {
    this.#runs.push(await this.#write((writer) => this.#memory.writeTo(writer)));
    this.#memory.clear();
  }

  /** Merges neighbours, each run at most once and no more of them than it takes. */
  async #mergeOnce(): Promise<void> {
    const { fanIn } = this.#limits;
    const merged: FileRun[] = [];
    let left = this.#runs;
    while (merged.length + left.length > fanIn && left.length > 1) {
      const group = left.slice(0, Math.min(fanIn, merged.length + left.length - fanIn + 1));
      merged.push(await this.#merge(group));
      for (const run of group) await run.remove();
      left = left.slice(group.length);
      this.#runs = [...merged, ...left];
    }
  }

  async #merge(runs: readonly FileRun[]): Promise<FileRun> {
    const cursor = await MergeCursor.open(runs);
    try {
      return await this.#write(async (writer) => {
        while (cursor.next()) {
          const room = writer.makeRoom(cursor.key.length, cursor.size);
          if (room !== undefined) await room;
          writer.putFrom(cursor);
        }
      });
    } finally {
      await cursor.close();
    }
  }

  async #write(fill: (writer: FileRunWriter) => Promise<void>): Promise<FileRun> {
    const writer = await FileRunWriter.create(await this.#newPath());
    try {
      await fill(writer);
      return await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  async #newPath(): Promise<string> {
    try {
      this.#folder ??= await mkdtemp(join(this.#workDir, 'sort-'));
    } catch (error) {
      throw fileError(error, this.#workDir);
    }
    return join(this.#folder, String(this.#created++));
  }
}
