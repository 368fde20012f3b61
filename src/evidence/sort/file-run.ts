import { type FileHandle, open, rm } from 'node:fs/promises';
import { fileError } from '#core';
import { BlockReader, BlockWriter } from './blocks.ts';
import { Row, rowHeadBytes, rowTailBytes } from './row.ts';
import type { Run, RunCursor } from './run.ts';

const READ_BLOCKS = { rows: 32 * 1024, data: 128 * 1024 } as const;
const WRITE_BLOCKS = { rows: 64 * 1024, data: 1024 * 1024 } as const;

/** A run in two files: `.rows` and, in the same order, the records in `.data`. */
export class FileRun implements Run {
  readonly level: number;
  readonly #path: string;

  constructor(path: string, level: number) {
    this.#path = path;
    this.level = level;
  }

  async open(): Promise<RunCursor> {
    const [rows, data] = await openBoth(this.#path, 'r');
    return new FileCursor(new BlockReader(rows, READ_BLOCKS.rows), new BlockReader(data, READ_BLOCKS.data), this.#path);
  }

  async remove(): Promise<void> {
    await rm(`${this.#path}.rows`, { force: true });
    await rm(`${this.#path}.data`, { force: true });
  }
}

class FileCursor implements RunCursor {
  readonly #rows: BlockReader;
  readonly #data: BlockReader;
  readonly #path: string;
  #unread = 0;

  constructor(rows: BlockReader, data: BlockReader, path: string) {
    this.#rows = rows;
    this.#data = data;
    this.#path = path;
  }

  next(): Row | undefined {
    try {
      if (this.#unread > 0) this.#data.skip(this.#unread);
      const head = this.#rows.peek(rowHeadBytes);
      if (head === undefined) return undefined;
      const row = new Row(Buffer.from(this.#rows.take(rowHeadBytes + rowTailBytes(head))));
      this.#unread = row.size;
      return row;
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  read(target: Uint8Array, offset: number): void {
    try {
      this.#data.copy(this.#unread, target, offset);
      this.#unread = 0;
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  async close(): Promise<void> {
    await this.#rows.close();
    await this.#data.close();
  }
}

/** Writes rows that come in order, and their records, to a new FileRun. */
export class FileRunWriter {
  readonly #path: string;
  readonly #rows: BlockWriter;
  readonly #data: BlockWriter;

  private constructor(path: string, rows: FileHandle, data: FileHandle) {
    this.#path = path;
    this.#rows = new BlockWriter(rows, WRITE_BLOCKS.rows);
    this.#data = new BlockWriter(data, WRITE_BLOCKS.data);
  }

  static async create(path: string): Promise<FileRunWriter> {
    const [rows, data] = await openBoth(path, 'wx');
    return new FileRunWriter(path, rows, data);
  }

  /** Makes room for a row and its record; undefined when there is room, and then nothing needs to be awaited. */
  makeRoom(rowBytes: number, size: number): Promise<void> | undefined {
    const rows = this.#rows.makeRoom(rowBytes);
    const data = this.#data.makeRoom(size);
    return rows === undefined && data === undefined ? undefined : this.#drained(rows, data);
  }

  /** Takes a row, and its record behind it, for which there is room. */
  put(source: Buffer, offset: number, rowBytes: number, size: number): void {
    this.#rows.put(source, offset, rowBytes);
    this.#data.put(source, offset + rowBytes, size);
  }

  /** Writes one row; its record is read from `cursor`, which stands on it. */
  async write(row: Row, cursor: RunCursor): Promise<void> {
    await this.makeRoom(row.bytes.length, row.size);
    this.#rows.put(row.bytes, 0, row.bytes.length);
    this.#data.fill(row.size, (target, offset) => cursor.read(target, offset));
  }

  async #drained(...waits: (Promise<void> | undefined)[]): Promise<void> {
    try {
      await Promise.all(waits);
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  /** Writes what is left and gives the run. */
  async finish(level: number): Promise<FileRun> {
    try {
      await this.#rows.finish();
      await this.#data.finish();
    } catch (error) {
      throw fileError(error, this.#path);
    }
    return new FileRun(this.#path, level);
  }

  /** Closes and removes the files. */
  async abandon(): Promise<void> {
    await this.#rows.close();
    await this.#data.close();
    await new FileRun(this.#path, 0).remove();
  }
}

async function openBoth(path: string, flags: string): Promise<[rows: FileHandle, data: FileHandle]> {
  let rows: FileHandle | undefined;
  try {
    rows = await open(`${path}.rows`, flags, 0o600);
    return [rows, await open(`${path}.data`, flags, 0o600)];
  } catch (error) {
    await rows?.close();
    throw fileError(error, path);
  }
}
