import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { unreadable } from './faults.ts';
import { readChunks } from './read-file.ts';
import type { Source, SourceFile } from './source.ts';

/** One file that is no archive. */
export class FileSource implements Source {
  readonly path: string;
  readonly isFile = true;
  readonly #size: number;

  constructor(path: string, size: number) {
    this.path = path;
    this.#size = size;
  }

  async *files(): AsyncIterable<SourceFile> {
    yield {
      name: basename(this.path),
      size: this.#size,
      read: () => this.#read(),
      chunks: () => readChunks(this.path),
    };
  }

  async close(): Promise<void> {}

  async #read(): Promise<Uint8Array> {
    try {
      return await readFile(this.path);
    } catch (error) {
      throw unreadable(this.path, error);
    }
  }
}
