import { type FileHandle, open, rm } from 'node:fs/promises';
import { fileError } from '#core';
import { BlockReader, BlockWriter } from './blocks.ts';
import type { Row, Run, RunCursor } from './run.ts';

/** verdict u8, size u32, key length u32, place length u32, digest 32 bytes; then key and place in UTF-8. */
const HEAD = 1 + 4 + 4 + 4 + 32;

/** A run in two files: `.rows` and, in the same order, `.data`. */
export class FileRun implements Run {
  readonly level: number;
  readonly #path: string;

  constructor(path: string, level: number) {
    this.#path = path;
    this.level = level;
  }

  async open(): Promise<RunCursor> {
    const rows = await openFile(`${this.#path}.rows`, 'r');
    try {
      const data = await openFile(`${this.#path}.data`, 'r');
      return new FileCursor(new BlockReader(rows, 64 * 1024), new BlockReader(data, 256 * 1024), this.#path);
    } catch (error) {
      await rows.close();
      throw error;
    }
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

  async next(): Promise<Row | undefined> {
    try {
      if (this.#unread > 0) await this.#data.skip(this.#unread);
      this.#unread = 0;
      const head = await this.#rows.take(HEAD);
      if (head === undefined) return undefined;
      const [verdict, size] = [head.readUInt8(0), head.readUInt32LE(1)];
      const [keyLength, placeLength] = [head.readUInt32LE(5), head.readUInt32LE(9)];
      const hex = head.toString('hex', 13, HEAD);
      const text = await this.#rows.take(keyLength + placeLength);
      if (text === undefined) throw new RangeError('a run ends within a row');
      this.#unread = size;
      return { key: text.toString('utf8', 0, keyLength), hex, verdict, size, place: text.toString('utf8', keyLength) };
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    try {
      await this.#data.copy(this.#unread, target, offset);
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

/** Writes rows that come in order, and their bytes, to a new FileRun. */
export class FileRunWriter {
  readonly #path: string;
  readonly #rows: BlockWriter;
  readonly #data: BlockWriter;

  private constructor(path: string, rows: FileHandle, data: FileHandle) {
    this.#path = path;
    this.#rows = new BlockWriter(rows, 64 * 1024);
    this.#data = new BlockWriter(data, 1024 * 1024);
  }

  static async create(path: string): Promise<FileRunWriter> {
    const rows = await openFile(`${path}.rows`, 'wx');
    try {
      return new FileRunWriter(path, rows, await openFile(`${path}.data`, 'wx'));
    } catch (error) {
      await rows.close();
      throw error;
    }
  }

  /** Writes one row; its bytes are read from `cursor`, which stands on it. */
  async write(row: Row, cursor: RunCursor): Promise<void> {
    try {
      const [key, place] = [Buffer.from(row.key), Buffer.from(row.place)];
      const head = await this.#rows.room(HEAD + key.length + place.length);
      const { target, offset } = head;
      target.writeUInt8(row.verdict, offset);
      target.writeUInt32LE(row.size, offset + 1);
      target.writeUInt32LE(key.length, offset + 5);
      target.writeUInt32LE(place.length, offset + 9);
      target.write(row.hex, offset + 13, 'hex');
      target.set(key, offset + HEAD);
      target.set(place, offset + HEAD + key.length);
      if (row.size === 0) return;
      const data = await this.#data.room(row.size);
      await cursor.read(data.target, data.offset);
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

async function openFile(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    throw fileError(error, path);
  }
}
