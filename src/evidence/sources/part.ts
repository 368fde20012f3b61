import type { PassedOver, Source, SourceFile } from './source.ts';

/** Files in a row that go to one thread: what an archive unpacks together is then seldom needed by another. */
const BLOCK = 4096;

/** Of the files of a source, every second block. What is passed over belongs to the first part. */
export class SourcePart implements Source {
  readonly path: string;
  readonly isFile: boolean;
  readonly archiveBytes?: number;
  readonly #source: Source;
  readonly #part: 0 | 1;
  readonly #from: number;
  readonly #onFile: () => void;
  #current = 0;

  /**
   * @param from the first file, by place in the source, that is wanted
   * @param onFile called before each file, when all of the one before it has been read
   */
  constructor(source: Source, part: 0 | 1, from = 0, onFile: () => void = () => undefined) {
    this.#source = source;
    this.#part = part;
    this.#from = from;
    this.#onFile = onFile;
    this.path = source.path;
    this.isFile = source.isFile;
    if (source.archiveBytes !== undefined) this.archiveBytes = source.archiveBytes;
  }

  /** The place in the source of the file that was given last. */
  get current(): number {
    return this.#current;
  }

  async *files(): AsyncIterable<SourceFile | PassedOver> {
    let index = -1;
    for await (const file of this.#source.files()) {
      if ('reason' in file) {
        if (this.#part === 0) yield file;
        continue;
      }
      index++;
      if (index < this.#from || Math.floor(index / BLOCK) % 2 !== this.#part) continue;
      this.#onFile();
      this.#current = index;
      yield file;
    }
  }

  /** The source is its owner's to close. */
  async close(): Promise<void> {}
}
