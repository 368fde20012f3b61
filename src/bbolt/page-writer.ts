import { MAGIC, META, metaChecksum, PAGE, PAGE_FLAG, PAGE_SIZE, VERSION } from './format.ts';

const CHUNK_SIZE = 256 * PAGE_SIZE;

/** Pages 0 and 1 are metas, 2 is the list of free pages; the tree begins here. */
const FIRST_TREE_PAGE = 3;

/** Where pages go: a file, or something that compares them with one. */
export interface PageSink {
  /** Takes in some of these bytes, one at least. */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
}

/** Takes pages in the order of their numbers and writes them in large pieces. */
export class PageWriter {
  readonly #file: PageSink;
  #chunk = new Uint8Array(CHUNK_SIZE);
  #used = 0;
  #full: Uint8Array<ArrayBuffer>[] = [];
  #writing: Promise<void> = Promise.resolve();
  /** Pieces that are written, to be filled again: what no longer holds memory need not be collected. */
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  /** The pages at the front come last. */
  #written = FIRST_TREE_PAGE * PAGE_SIZE;
  #next = FIRST_TREE_PAGE;

  constructor(file: PageSink) {
    this.#file = file;
  }

  /** Pages taken so far, the three at the front included. */
  get pageCount(): number {
    return this.#next;
  }

  /**
   * Takes in one page of `count` elements, with its overflow pages.
   *
   * @param size bytes that the page uses, header included; rounded up to whole pages, the rest is zero
   * @param fill writes the elements into the zeroed page that it is handed
   * @returns the number of the page
   */
  append(flags: number, count: number, size: number, fill: (page: Uint8Array, view: DataView) => void): number {
    const pages = Math.ceil(size / PAGE_SIZE);
    const id = this.#next;
    const page = this.#room(pages * PAGE_SIZE);
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    writeHeader(view, id, flags, count, pages - 1);
    fill(page, view);
    this.#next += pages;
    return id;
  }

  /**
   * Writes what fills whole pieces while more is taken in; the rest waits. Call it now and then, so that memory stays
   * flat: it waits for what the call before began to write.
   */
  async flush(): Promise<void> {
    await this.#writing;
    const full = this.#full;
    if (full.length === 0) return;
    this.#full = [];
    this.#writing = this.#writeAll(full);
    // Told by the next call.
    this.#writing.catch(() => undefined);
  }

  async #writeAll(full: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    for (const chunk of full) {
      await this.#write(chunk);
      const whole = new Uint8Array(chunk.buffer);
      if (whole.byteLength === CHUNK_SIZE) this.#spare.push(whole.fill(0));
    }
  }

  /** Writes all that is left, then the pages at the front: they make the file valid, so they come last. */
  async finish(root: number): Promise<void> {
    await this.flush();
    await this.#writing;
    await this.#write(this.#chunk.subarray(0, this.#used));
    const front = new Uint8Array(FIRST_TREE_PAGE * PAGE_SIZE);
    for (const transaction of [0, 1]) {
      writeMeta(front.subarray(transaction * PAGE_SIZE, (transaction + 1) * PAGE_SIZE), transaction, root, this.#next);
    }
    writeHeader(new DataView(front.buffer, 2 * PAGE_SIZE), 2, PAGE_FLAG.freelist, 0, 0);
    await this.#writeAt(front, 0);
  }

  #room(size: number): Uint8Array {
    if (this.#used + size > this.#chunk.byteLength) {
      this.#full.push(this.#chunk.subarray(0, this.#used));
      this.#chunk = (size <= CHUNK_SIZE ? this.#spare.pop() : undefined) ?? new Uint8Array(Math.max(CHUNK_SIZE, size));
      this.#used = 0;
    }
    const room = this.#chunk.subarray(this.#used, this.#used + size);
    this.#used += size;
    return room;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    await this.#writeAt(chunk, this.#written);
    this.#written += chunk.byteLength;
  }

  /** One call may write less than it was given: on a disk that fills up, the next call says why. */
  async #writeAt(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      done += (await this.#file.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
    }
  }
}

function writeHeader(view: DataView, id: number, flags: number, count: number, overflow: number): void {
  view.setBigUint64(PAGE.id, BigInt(id), true);
  view.setUint16(PAGE.flags, flags, true);
  view.setUint16(PAGE.count, count, true);
  view.setUint32(PAGE.overflow, overflow, true);
}

function writeMeta(page: Uint8Array, transaction: number, root: number, highWater: number): void {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  writeHeader(view, transaction, PAGE_FLAG.meta, 0, 0);
  view.setUint32(META.magic, MAGIC, true);
  view.setUint32(META.version, VERSION, true);
  view.setUint32(META.pageSize, PAGE_SIZE, true);
  view.setBigUint64(META.root, BigInt(root), true);
  view.setBigUint64(META.freelist, 2n, true);
  view.setBigUint64(META.highWater, BigInt(highWater), true);
  view.setBigUint64(META.transaction, BigInt(transaction), true);
  view.setBigUint64(META.checksum, metaChecksum(page), true);
}
