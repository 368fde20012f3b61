import { open, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { unreadable } from './faults.ts';
import { isJsonName, maxRecordBytes, type Source, type SourceFile } from './source.ts';

/** One file that is one record. */
export class FileSource implements Source {
  readonly path: string;
  readonly isFile = true;
  readonly #size: number;

  constructor(path: string, size: number) {
    this.path = path;
    this.#size = size;
  }

  async *files(): AsyncIterable<SourceFile> {
    const name = basename(this.path);
    yield { name, size: this.#size, isJson: isJsonName(name), read: () => this.#read() };
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

const LINE_FEED = 0x0a;

/** Space, tab and carriage return; other controls, such as the zeros of a torn write, are no empty line. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

const CHUNK = 256 * 1024;

/** One file with a record on each line; of any size, since only one line is held at a time. */
export class LinesSource implements Source {
  readonly path: string;
  readonly isFile = false;

  constructor(path: string) {
    this.path = path;
  }

  async *files(): AsyncIterable<SourceFile> {
    let number = 0;
    for await (const line of this.#lines()) {
      number++;
      if (line.every(isBlank)) continue;
      // Longer ones were cut; the size says so.
      yield { name: `line ${number}`, size: line.length, isJson: true, read: async () => line };
    }
  }

  async close(): Promise<void> {}

  async *#lines(): AsyncIterable<Uint8Array> {
    let held = Buffer.alloc(0);
    for await (const chunk of this.#chunks()) {
      let from = 0;
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
        const line = chunk.subarray(from, end);
        yield held.length === 0 ? line : Buffer.concat([held, line]);
        held = Buffer.alloc(0);
        from = end + 1;
      }
      // No more than what shows that it is too long.
      if (held.length <= maxRecordBytes) held = Buffer.concat([held, chunk.subarray(from)]);
    }
    if (held.length > 0) yield held;
  }

  async *#chunks(): AsyncIterable<Buffer> {
    try {
      await using file = await open(this.path, 'r');
      const buffer = Buffer.allocUnsafeSlow(CHUNK);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (error) {
      throw unreadable(this.path, error);
    }
  }
}
