/** A set of pages: a bit for each page of a file. */
export class PageSet {
  readonly #bits: Uint8Array;
  readonly #pages: number;

  constructor(pages: number) {
    this.#pages = pages;
    this.#bits = new Uint8Array(Math.ceil(pages / 8));
  }

  has(id: number): boolean {
    return ((this.#bits[id >>> 3] as number) & (1 << (id & 7))) !== 0;
  }

  /** False where the page is in the set already. */
  add(id: number): boolean {
    if (!(id >= 0 && id < this.#pages)) throw new RangeError(`no page ${id} of ${this.#pages}`);
    const [at, bit] = [id >>> 3, 1 << (id & 7)];
    const byte = this.#bits[at] as number;
    if ((byte & bit) !== 0) return false;
    this.#bits[at] = byte | bit;
    return true;
  }
}
