import type { ArchiveReader } from '#archive';
import { isJsonName, type Source, type SourceFile } from './source.ts';

/** The entries of an archive as files. */
export class ArchiveSource implements Source {
  readonly path: string;
  readonly isFile = false;
  readonly #reader: ArchiveReader;

  constructor(path: string, reader: ArchiveReader) {
    this.path = path;
    this.#reader = reader;
  }

  async *files(): AsyncIterable<SourceFile> {
    for await (const entry of this.#reader.entries()) {
      const { path, size } = entry;
      yield { name: path, size, isJson: isJsonName(path), read: () => entry.read() };
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }
}
