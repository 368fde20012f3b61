import type { ArchiveReader } from '#archive';
import type { Source, SourceFile } from './source.ts';

/** The entries of an archive as files. */
export class ArchiveSource implements Source {
  readonly path: string;
  readonly #reader: ArchiveReader;

  constructor(path: string, reader: ArchiveReader) {
    this.path = path;
    this.#reader = reader;
  }

  async *files(): AsyncIterable<SourceFile> {
    for await (const entry of this.#reader.entries()) {
      yield { name: entry.path, size: entry.size, read: () => entry.read() };
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }
}
