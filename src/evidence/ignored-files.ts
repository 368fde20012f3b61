import type { IgnoredFile } from './record.ts';
import type { Source } from './sources/source.ts';

/** Files of each source that are kept; the others are counted. */
const MAX_IGNORED = 1000;

/** Files of sources that hold no records. */
export class IgnoredFiles {
  readonly #files: IgnoredFile[] = [];
  readonly #countOf = new Map<Source, number>();

  /** The first of each source. */
  get files(): readonly IgnoredFile[] {
    return this.#files;
  }

  /** How many there were. */
  get count(): number {
    return this.#countOf.values().reduce((sum, count) => sum + count, 0);
  }

  add(source: Source, name: string, reason: string): void {
    const count = (this.#countOf.get(source) ?? 0) + 1;
    this.#countOf.set(source, count);
    if (count <= MAX_IGNORED) this.#files.push({ source: source.path, name, reason });
  }

  /** Those of the source that is being read. */
  of(source: Source): { readonly listed: readonly IgnoredFile[]; readonly count: number } {
    const count = this.#countOf.get(source) ?? 0;
    return { listed: count === 0 ? [] : this.#files.slice(-Math.min(count, MAX_IGNORED)), count };
  }
}
