/** A set of texts of limited size, from which the least recently used one is evicted. */
export class LruSet {
  readonly #max: number;
  readonly #texts = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  add(text: string): void {
    this.#texts.delete(text);
    this.#texts.add(text);
    const [oldest] = this.#texts;
    if (this.#texts.size > this.#max && oldest !== undefined) this.#texts.delete(oldest);
  }

  /** Whether the set contains the text; marks it as recently used. */
  has(text: string): boolean {
    if (!this.#texts.has(text)) return false;
    this.add(text);
    return true;
  }
}
