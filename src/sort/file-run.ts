import { type FileHandle, open, rm } from 'node:fs/promises';
import { fileError } from '#core';
import { BlockReader, BlockWriter } from './blocks.ts';
import type { KeyTable } from './key-table.ts';
import type { Run, SortedCursor } from './run.ts';

const READ_BLOCKS = { keys: 32 * 1024, data: 128 * 1024 } as const;
const WRITE_BLOCKS = { keys: 64 * 1024, data: 1024 * 1024 } as const;
/** Bytes of key and payload, each 4 bytes little-endian, before the key. */
const HEAD = 8;

/** A run in two files: `.keys` with heads and keys and, in the same order, the payloads in `.data`. */
export class FileRun implements Run {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Its files, without their endings. */
  get path(): string {
    return this.#path;
  }

  async open(): Promise<SortedCursor> {
    const [keys, data] = await openBoth(this.#path, 'r');
    return new FileCursor(new BlockReader(keys, READ_BLOCKS.keys), new BlockReader(data, READ_BLOCKS.data), this.#path);
  }

  async remove(): Promise<void> {
    await rm(`${this.#path}.keys`, { force: true });
    await rm(`${this.#path}.data`, { force: true });
  }
}

class FileCursor implements SortedCursor {
  key = '';
  size = 0;
  readonly #keys: BlockReader;
  readonly #data: BlockReader;
  readonly #path: string;
  #unread = 0;

  constructor(keys: BlockReader, data: BlockReader, path: string) {
    this.#keys = keys;
    this.#data = data;
    this.#path = path;
  }

  next(): boolean {
    try {
      if (this.#unread > 0) this.#data.skip(this.#unread);
      this.#unread = 0;
      if (this.#keys.isAtEnd()) return false;
      const keySize = this.#keys.takeUint32();
      this.size = this.#keys.takeUint32();
      this.key = this.#keys.takeText(keySize);
      this.#unread = this.size;
      return true;
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
    await this.#keys.close();
    await this.#data.close();
  }
}

/** Writes items that come in order to a new FileRun. */
export class FileRunWriter {
  readonly #path: string;
  readonly #keys: BlockWriter;
  readonly #data: BlockWriter;

  private constructor(path: string, keys: FileHandle, data: FileHandle) {
    this.#path = path;
    this.#keys = new BlockWriter(keys, WRITE_BLOCKS.keys);
    this.#data = new BlockWriter(data, WRITE_BLOCKS.data);
  }

  static async create(path: string): Promise<FileRunWriter> {
    const [keys, data] = await openBoth(path, 'wx');
    return new FileRunWriter(path, keys, data);
  }

  /** Makes room for an item; undefined when there is room, and then nothing needs to be awaited. */
  makeRoom(keySize: number, size: number): Promise<void> | undefined {
    const keys = this.#keys.makeRoom(HEAD + keySize);
    const data = this.#data.makeRoom(size);
    return keys === undefined && data === undefined ? undefined : this.#drained(keys, data);
  }

  /** Takes an item for which there is room: a key of a table, and the payload from `source` at `offset`. */
  put(keys: KeyTable, index: number, source: Buffer, offset: number, size: number): void {
    const keySize = keys.sizeOf(index);
    this.#keys.putUint32(keySize);
    this.#keys.putUint32(size);
    this.#keys.fill(keySize, (target, at) => keys.copy(index, target, at));
    this.#data.put(source, offset, size);
  }

  /** Takes the item that a cursor stands on, for which there is room. */
  putFrom(cursor: SortedCursor): void {
    this.#keys.putUint32(cursor.key.length);
    this.#keys.putUint32(cursor.size);
    this.#keys.putText(cursor.key);
    this.#data.fill(cursor.size, (target, offset) => cursor.read(target, offset));
  }

  async #drained(...waits: (Promise<void> | undefined)[]): Promise<void> {
    try {
      await Promise.all(waits);
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  /** Writes what is left and gives the run. */
  async finish(): Promise<FileRun> {
    try {
      await this.#keys.finish();
      await this.#data.finish();
    } catch (error) {
      throw fileError(error, this.#path);
    }
    return new FileRun(this.#path);
  }

  /** Closes and removes the files. */
  async abandon(): Promise<void> {
    await this.#keys.close();
    await this.#data.close();
    await new FileRun(this.#path).remove();
  }
}

async function openBoth(path: string, flags: string): Promise<[keys: FileHandle, data: FileHandle]> {
  let keys: FileHandle | undefined;
  try {
    keys = await open(`${path}.keys`, flags, 0o600);
    return [keys, await open(`${path}.data`, flags, 0o600)];
  } catch (error) {
    await keys?.close();
    throw fileError(error, path);
  }
}
