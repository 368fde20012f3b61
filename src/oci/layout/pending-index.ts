import type { OperationOptions } from '#oci/image';
import { applyEdits, type IndexEdit, type LayoutIndex } from './index-file.ts';

/** Writes the index of a layout: reads what it is by then, applies the edits, and puts the result in its place. */
export type IndexWriter = (edits: readonly IndexEdit[], options: OperationOptions) => Promise<void>;

/** Edits of an index that are seen by this process at once, and by others when they are written together. */
export class PendingIndex {
  readonly #read: () => Promise<LayoutIndex>;
  readonly #write: IndexWriter;
  readonly #edits: IndexEdit[] = [];
  #merged: { base: LayoutIndex; edits: number; index: LayoutIndex } | undefined;
  #writing: Promise<void> | undefined;
  #failed = false;

  constructor(read: () => Promise<LayoutIndex>, write: IndexWriter) {
    this.#read = read;
    this.#write = write;
  }

  add(edit: IndexEdit): void {
    this.#edits.push(edit);
    this.#merged = undefined;
  }

  /** The index with what is not written yet. */
  async current(): Promise<LayoutIndex> {
    const base = await this.#read();
    const edits = this.#edits.length;
    if (edits === 0) return base;
    if (this.#merged?.base !== base || this.#merged.edits !== edits) {
      this.#merged = { base, edits, index: applyEdits(base, this.#edits) };
    }
    return this.#merged.index;
  }

  /** Writes all edits made so far. Many at once share one writing. */
  async flush(options: OperationOptions): Promise<void> {
    while (this.#edits.length > 0) {
      this.#writing ??= this.#writeNow(options).finally(() => {
        this.#writing = undefined;
      });
      await this.#writing;
    }
  }

  /** Writes what is left, unless a writing failed: that has been reported, and to fail again would hide why. */
  async finish(): Promise<void> {
    if (!this.#failed) await this.flush({});
  }

  async #writeNow(options: OperationOptions): Promise<void> {
    this.#failed = true;
    const edits = this.#edits.slice();
    await this.#write(edits, options);
    this.#edits.splice(0, edits.length);
    this.#merged = undefined;
    this.#failed = false;
  }
}
