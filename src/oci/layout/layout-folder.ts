import { join } from 'node:path';
import { type FolderGuard, withLock } from '#core';
import type { OperationOptions } from '#oci/image';
import type { FolderFiles } from './files.ts';
import { applyEdits, emptyIndex, encodeLayoutIndex, type IndexEdit, type LayoutIndex } from './index-file.ts';
import { IndexSource, indexPath, isLayout, layoutMarker } from './index-source.ts';
import { type BlobWriter, tempFolder } from './ingest.ts';
import { refuseLinks } from './links.ts';

/** What the files of a layout beside its blobs are written with. */
export interface LayoutFolderParts {
  /** What the layout is called in messages. */
  readonly name: string;
  readonly files: FolderFiles;
  readonly guard: FolderGuard;
  readonly blobs: BlobWriter;
  /** Whether what is written must survive a power cut. */
  readonly durable: boolean;
  readonly lockTimeoutMs: number | undefined;
}

/** Makes a folder a layout before the first write, and writes `index.json` under a lock. */
export class LayoutFolder {
  readonly #parts: LayoutFolderParts;
  readonly #source: IndexSource;
  #prepared: Promise<void> | undefined;

  constructor(parts: LayoutFolderParts) {
    this.#parts = parts;
    this.#source = new IndexSource(parts.files, parts.name);
  }

  /** Whether anything was written, or tried to be. */
  get isPrepared(): boolean {
    return this.#prepared !== undefined;
  }

  /** `index.json` as it is on the disk. */
  currentIndex(): Promise<LayoutIndex> {
    return this.#source.current();
  }

  /** Resolves when the folder is a layout that can be written to. After a failure the next call tries again. */
  prepare(): Promise<void> {
    this.#prepared ??= this.#makeLayout().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  /** Applies edits to `index.json` as it is then, and writes it where that changes it. */
  async writeIndex(edits: readonly IndexEdit[], options: OperationOptions): Promise<void> {
    const { files, blobs } = this.#parts;
    await this.prepare();
    // What is listed must be on disk first.
    await blobs.sync();
    await this.#locked(options, async () => {
      const before = await this.#source.current();
      const bytes = encodeLayoutIndex(applyEdits(before, edits));
      const missing = (await files.sizeOf(indexPath)) === undefined;
      if (missing || Buffer.compare(bytes, encodeLayoutIndex(before)) !== 0) await blobs.replace(indexPath, bytes);
    });
  }

  async #makeLayout(): Promise<void> {
    const { name, files, blobs, durable } = this.#parts;
    await refuseLinks(files.root);
    if (!(await isLayout(files, name))) await blobs.replace(layoutMarker.path, Buffer.from(layoutMarker.text));
    if (durable) await this.#makeIndex();
    await blobs.tidy();
  }

  /** Before the first blob, so that blobs without an index are never those of a run that was killed. */
  async #makeIndex(): Promise<void> {
    const { files, blobs } = this.#parts;
    const isVacant = async () => (await files.version(indexPath)) === undefined && !(await files.hasBlobs());
    if (!(await isVacant())) return;
    await this.#locked({}, async () => {
      if (await isVacant()) await blobs.replace(indexPath, encodeLayoutIndex(emptyIndex));
    });
  }

  #locked({ signal }: OperationOptions, work: () => Promise<void>): Promise<void> {
    const { files, guard, lockTimeoutMs: timeoutMs } = this.#parts;
    const lock = join(files.root, tempFolder, 'lock');
    return withLock(lock, { timeoutMs, signal, guard }, work);
  }
}
