import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '#core';
import { FileRunWriter } from './file-run.ts';
import { MemoryRun } from './memory-run.ts';
import { MergeCursor } from './merge.ts';
import type { RowFacts } from './row.ts';
import type { Run, RunCursor } from './run.ts';

/** How much a sorter may hold, and how many files it may read at a time. */
export interface SorterLimits {
  /** Memory in bytes before it writes to files. */
  readonly memory: number;
  /** Runs of one level before they are merged into one. */
  readonly fanIn: number;
}

const DEFAULTS: SorterLimits = { memory: 16 * 1024 * 1024, fanIn: 32 };

/** Sorts any number of records in flat memory: in memory while they are few, else through runs in files. */
export class Sorter {
  readonly #workDir: string;
  readonly #limits: SorterLimits;
  readonly #memory = new MemoryRun();
  readonly #runs: Run[] = [];
  #folder: string | undefined;
  #created = 0;

  /** @param workDir an existing folder; nothing is put there while the records fit in memory */
  constructor(workDir: string, limits: SorterLimits = DEFAULTS) {
    this.#workDir = workDir;
    this.#limits = limits;
  }

  /** Takes a row and a copy of its record (no bytes for one that is left out). */
  async add(row: RowFacts, record: Uint8Array): Promise<void> {
    this.#memory.add(row, record);
    if (this.#memory.cost >= this.#limits.memory) await this.#spill();
  }

  /** Ends the adding: what went through files is all in files, and takes no memory any more. Call it once. */
  async seal(): Promise<void> {
    if (this.#runs.length === 0) return;
    if (!this.#memory.isEmpty) await this.#spill();
    await this.#memory.remove();
  }

  /** Reads all that was added, in order, each key once. Several may read at a time; nothing may be added meanwhile. */
  async read(): Promise<RunCursor> {
    return MergeCursor.open(this.#memory.isEmpty ? this.#runs : [...this.#runs, this.#memory]);
  }

  /** Removes the files. */
  async close(): Promise<void> {
    await this.#memory.remove();
    this.#runs.length = 0;
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  async #spill(): Promise<void> {
    this.#runs.push(await this.#write(0, (writer) => this.#memory.writeTo(writer)));
    this.#memory.clear();
    for (;;) {
      const level = this.#runs.at(-1)?.level ?? 0;
      const peers = this.#runs.filter((run) => run.level === level);
      if (peers.length < this.#limits.fanIn) return;
      const merged = await this.#merge(peers, level + 1);
      this.#runs.splice(-peers.length, peers.length, merged);
      for (const run of peers) await run.remove();
    }
  }

  async #merge(runs: readonly Run[], level: number): Promise<Run> {
    const cursor = await MergeCursor.open(runs);
    try {
      return await this.#write(level, async (writer) => {
        for (let row = cursor.next(); row !== undefined; row = cursor.next()) await writer.write(row, cursor);
      });
    } finally {
      await cursor.close();
    }
  }

  async #write(level: number, fill: (writer: FileRunWriter) => Promise<void>): Promise<Run> {
    const writer = await FileRunWriter.create(await this.#newPath());
    try {
      await fill(writer);
      return await writer.finish(level);
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
