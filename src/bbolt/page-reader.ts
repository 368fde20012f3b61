import { open } from 'node:fs/promises';
import { fileError } from '#core';
import { damaged, PageFault } from './damage.ts';
import { DecodeError, decodeHeader, type Meta, type PageHeader } from './decode.ts';
import { HEADER_SIZE } from './format.ts';
import { readMeta } from './metas.ts';
import { FileWindows } from './windows.ts';

/** How pages are read. */
export interface PageReaderOptions {
  /** Asked at each page. */
  readonly signal?: AbortSignal | undefined;
  /** What errors call the file: the path by default, which for a temporary file tells nobody anything. */
  readonly name?: string | undefined;
}

/** A page with its overflow pages, of which the first page was read. */
export interface PageSpan {
  readonly id: number;
  readonly header: PageHeader;
  /** The page without its overflow pages. */
  readonly first: Uint8Array;
  /** Overflow pages included. */
  readonly sizeBytes: number;
}

/** Reads pages by number, of a file of any size and any page size that is allowed. */
export class PageReader {
  /** For messages. */
  readonly name: string;
  readonly meta: Meta;
  readonly #file: FileWindows;
  readonly #signal: AbortSignal | undefined;

  private constructor(file: FileWindows, name: string, meta: Meta, options: PageReaderOptions) {
    this.#signal = options.signal;
    this.#file = file;
    this.name = name;
    this.meta = meta;
  }

  /** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH for no bbolt file; as fileError */
  static async open(path: string, options: PageReaderOptions = {}): Promise<PageReader> {
    const { name = path } = options;
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw fileError(error, name);
    });
    try {
      const file = new FileWindows(handle, (await handle.stat()).size);
      return new PageReader(file, name, await readMeta(file, name), options);
    } catch (error) {
      await handle.close();
      throw fileError(error, name);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** The header of a page, which may be a meta. @throws PageFault */
  async header(id: number): Promise<PageHeader> {
    return this.decode(decodeHeader, await this.#read(id * this.meta.pageSize, HEADER_SIZE), id);
  }

  /** Finds a page and what belongs to it, all of which lies below the high-water mark. @throws PageFault */
  async span(id: number): Promise<PageSpan> {
    this.#signal?.throwIfAborted();
    const { highWater, pageSize } = this.meta;
    if (id < 2 || id >= highWater) throw new PageFault(id, 'is referenced but lies outside the file');
    const first = await this.#read(id * pageSize, pageSize);
    const header = this.decode(decodeHeader, first, id);
    if (header.id !== id) throw new PageFault(id, `has the id ${header.id}`);
    if (id + header.overflow >= highWater) throw new PageFault(id, 'reaches beyond the file');
    return { id, header, first, sizeBytes: (1 + header.overflow) * pageSize };
  }

  /** Bytes of a page, from `start` on and before `end`. They are shared: do not change them. @throws PageFault */
  async bytes({ id, first, sizeBytes }: PageSpan, start = 0, end: number = sizeBytes): Promise<Uint8Array> {
    if (end <= first.byteLength) return first.subarray(start, end);
    if (end > sizeBytes) throw new PageFault(id, 'has content that reaches beyond it');
    return await this.#read(id * this.meta.pageSize + start, end - start);
  }

  /** Runs a decoder and gives its error the page. @throws PageFault */
  decode<T>(decoder: (bytes: Uint8Array) => T, bytes: Uint8Array, page: number, within = ''): T {
    try {
      return decoder(bytes);
    } catch (error) {
      throw error instanceof DecodeError ? new PageFault(page, within + error.message) : error;
    }
  }

  /** The error for whoever reads the file. */
  coded(error: unknown): unknown {
    return error instanceof PageFault ? damaged(this.name, error.message) : error;
  }

  async #read(position: number, size: number): Promise<Uint8Array> {
    try {
      return await this.#file.read(position, size);
    } catch (error) {
      throw fileError(error, this.name);
    }
  }
}
