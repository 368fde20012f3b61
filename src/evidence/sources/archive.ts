import type { ArchiveReader } from '#archive';
import type { Source, SourceFile } from './source.ts';

/** The entries of an archive as files. */
export class ArchiveSource implements Source {
  readonly path: string;
  readonly isFile = false;
  readonly archiveBytes: number;
  readonly #reader: ArchiveReader;

  constructor(path: string, archiveBytes: number, reader: ArchiveReader) {
    this.path = path;
    this.archiveBytes = archiveBytes;
    this.#reader = reader;
  }

  async *files(): AsyncIterable<SourceFile> {
    for await (const entry of this.#reader.entries()) {
      const { path, size } = entry;
      yield { name: path, size, read: () => entry.read() };
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }
}
