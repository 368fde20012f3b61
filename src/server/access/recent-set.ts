/** A set of so many texts; the one unused for longest is forgotten first. */
export class RecentSet {
  readonly #most: number;
  readonly #texts = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  add(text: string): void {
    this.#texts.delete(text);
    this.#texts.add(text);
    const [oldest] = this.#texts;
    if (this.#texts.size > this.#most && oldest !== undefined) this.#texts.delete(oldest);
  }

  /** Whether the text is in it; using it keeps it. */
  has(text: string): boolean {
    if (!this.#texts.has(text)) return false;
    this.add(text);
    return true;
  }
}
