import { type FileHandle, open } from 'node:fs/promises';
import { fileError } from '#core';
import { damaged } from './damage.ts';
import { DecodeError, decodeHeader, decodeMeta, type Meta, type PageHeader } from './decode.ts';
import { PAGE_SIZE } from './format.ts';

const WINDOW_SIZE = 64 * PAGE_SIZE;
const WINDOWS = 32;

/** How pages are read. */
export interface PageReaderOptions {
  /** Whether a page that is asked for again is refused: no tree has one twice, and one that has could be endless. */
  readonly once?: boolean;
  /** Asked at each page. */
  readonly signal?: AbortSignal | undefined;
}

/** Reads pages by number, through a few windows onto the file. */
export class PageReader {
  readonly path: string;
  readonly meta: Meta;
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  readonly #windows = new Map<number, Uint8Array>();
  readonly #signal: AbortSignal | undefined;
  /** A bit for each page that was read. */
  readonly #seen: Uint8Array | undefined;

  private constructor(file: FileHandle, path: string, sizeBytes: number, meta: Meta, options: PageReaderOptions) {
    this.#signal = options.signal;
    this.#seen = options.once === true ? new Uint8Array(Math.ceil(meta.highWater / 8)) : undefined;
    this.#file = file;
    this.path = path;
    this.#sizeBytes = sizeBytes;
    this.meta = meta;
  }

  /** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for no bbolt file of 4096-byte pages; as fileError */
  static async open(path: string, options: PageReaderOptions = {}): Promise<PageReader> {
    const file = await open(path, 'r').catch((error: unknown) => {
      throw fileError(error, path);
    });
    try {
      const { size } = await file.stat();
      return new PageReader(file, path, size, await readMeta(file, path, size), options);
    } catch (error) {
      await file.close();
      throw fileError(error, path);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** A page with its overflow pages, and its header. The bytes are shared: do not change them. */
  async page(id: number): Promise<{ readonly header: PageHeader; readonly bytes: Uint8Array }> {
    this.#signal?.throwIfAborted();
    if (id < 2 || id >= this.meta.highWater) throw this.damaged(`page ${id} is referenced but lies outside the file`);
    const header = this.decode(decodeHeader, await this.#read(id * PAGE_SIZE, PAGE_SIZE), id);
    if (header.id !== id) throw this.damaged(`page ${id} has the id ${header.id}`);
    if (id + header.overflow >= this.meta.highWater) throw this.damaged(`page ${id} reaches beyond the file`);
    for (let page = id; page <= id + header.overflow; page++) this.#note(page);
    return { header, bytes: await this.#read(id * PAGE_SIZE, (1 + header.overflow) * PAGE_SIZE) };
  }

  /** Runs a decoder and gives its error the place. */
  decode<T>(decoder: (bytes: Uint8Array) => T, bytes: Uint8Array, page: number): T {
    try {
      return decoder(bytes);
    } catch (error) {
      throw error instanceof DecodeError ? this.damaged(`page ${page}: ${error.message}`) : error;
    }
  }

  damaged(what: string): Error {
    return damaged(this.path, what);
  }

  #note(page: number): void {
    if (this.#seen === undefined) return;
    const [at, bit] = [page >> 3, 1 << (page & 7)];
    if (((this.#seen[at] as number) & bit) !== 0) throw this.damaged(`page ${page} is in use twice`);
    this.#seen[at] = (this.#seen[at] as number) | bit;
  }

  async #read(position: number, size: number): Promise<Uint8Array> {
    if (position + size > this.#sizeBytes) throw this.damaged('the file is shorter than it says');
    const index = Math.floor(position / WINDOW_SIZE);
    const offset = position - index * WINDOW_SIZE;
    if (offset + size > WINDOW_SIZE) return await readAt(this.#file, position, size);
    const window = this.#windows.get(index) ?? (await this.#open(index));
    return window.subarray(offset, offset + size);
  }

  async #open(index: number): Promise<Uint8Array> {
    const start = index * WINDOW_SIZE;
    const window = await readAt(this.#file, start, Math.min(WINDOW_SIZE, this.#sizeBytes - start));
    const oldest = this.#windows.keys().next().value;
    if (this.#windows.size >= WINDOWS && oldest !== undefined) this.#windows.delete(oldest);
    this.#windows.set(index, window);
    return window;
  }
}

/** Of the two metas the valid one, of two valid ones the later. */
async function readMeta(file: FileHandle, path: string, sizeBytes: number): Promise<Meta> {
  if (sizeBytes < 2 * PAGE_SIZE) throw damaged(path, `${sizeBytes} bytes are too few for a bbolt file`);
  const front = await readAt(file, 0, 2 * PAGE_SIZE);
  const metas = [decodeMeta(front.subarray(0, PAGE_SIZE)), decodeMeta(front.subarray(PAGE_SIZE))];
  const meta = metas.filter((each) => each !== undefined).sort((a, b) => (a.transaction < b.transaction ? 1 : -1))[0];
  if (meta === undefined) throw damaged(path, 'neither meta page is valid');
  if (meta.pageSize !== PAGE_SIZE)
    throw damaged(path, `unsupported page size of ${meta.pageSize} bytes, expected ${PAGE_SIZE}`);
  if (meta.highWater * PAGE_SIZE > sizeBytes) throw damaged(path, 'the file is shorter than it says');
  return meta;
}

async function readAt(file: FileHandle, position: number, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(bytes, done, size - done, position + done);
    if (bytesRead === 0) throw new Error('the file ended while it was read');
    done += bytesRead;
  }
  return bytes;
}
