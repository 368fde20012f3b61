import { lstat, rmdir, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  algorithmOf,
  type Digest,
  FolderGuard,
  fileError,
  hexOf,
  isCoded,
  isSystemError,
  type JsonObject,
  systemClock,
  thisOwner,
  withLock,
} from '#core';
import { subjectOfTag } from '#oci/image';
import { entryNameOf, savedKindOf } from './entry-name.ts';
import { blobPath, FolderFiles } from './files.ts';
import { leftovers } from './fsck.ts';
import { type BlobEntry, LayoutGraph, listBlobs, type Tie } from './graph.ts';
import { applyEdits, digestIn, encodeLayoutIndex, type LayoutIndex } from './index-file.ts';
import { checkHasIndex, IndexSource, indexPath } from './index-source.ts';
import { BlobWriter, goneSuffix, tempFolder } from './ingest.ts';
import { checkIsLayout } from './layout.ts';
import { refuseLinks } from './links.ts';

/** What may go. */
export interface LayoutGarbageOptions {
  /** What was made or used within this time stays: it may belong to a push under way. An hour unless told. */
  readonly graceSeconds?: number | undefined;
  /** Also takes manifests that no tag leads to, be it over an index or over the subject that they refer to. */
  readonly untagged?: boolean | undefined;
  /** Counts what would go, and leaves it. */
  readonly dryRun?: boolean | undefined;
  readonly now?: Date | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What went, and what could not be judged. */
export interface LayoutGarbageReport {
  /** Manifests that the index lists no more. */
  readonly manifests: number;
  readonly blobs: number;
  /** Temporary files of processes that have ended. */
  readonly leftovers: number;
  /** What the blobs and leftovers took on the disk. */
  readonly sizeBytes: number;
  /** Manifests that are damaged or under a digest of an unknown kind: what they need is not known, so no blob was touched. */
  readonly unreadable: readonly string[];
}

/**
 * Deletes what nothing needs any more, under the layout's lock, on a full disk too; a dry run takes none. What refers to a manifest that is
 * kept is kept, listed or not. A blob goes only when its time is older than the beginning of the run less the grace, which is looked at
 * once more when the file has been moved aside, where no push can come to rely on it. A layout with a symbolic link
 * in it is refused before anything goes: the blobs behind it may be another layout's.
 *
 * @throws CodedError ERR_EXPORT_NOT_WRITABLE for a link, ERR_EXPORT_LOCKED, ERR_EXPORT_LAYOUT_INVALID, ERR_EXPORT_NOT_FOUND
 */
export async function collectLayoutGarbage(
  root: string,
  options: LayoutGarbageOptions = {},
): Promise<LayoutGarbageReport> {
  const cutoffMs = (options.now ?? systemClock.now()).getTime() - (options.graceSeconds ?? 3600) * 1000;
  const files = new FolderFiles(root);
  await checkIsLayout(files);
  await checkHasIndex(files, root);
  await refuseLinks(root, true);
  const { signal } = options;
  const guard = new FolderGuard(root);
  const collect = () => new Collector(files, guard, cutoffMs, options).run();
  // It changes nothing, so it needs no lock, and goes where nothing can be written.
  if (options.dryRun) return await collect();
  const lock = join(root, tempFolder, 'lock');
  try {
    return await withLock(lock, { signal, guard, mayBeEmpty: true }, collect);
  } finally {
    // It goes where it is empty.
    await guard.at(join(root, tempFolder), (own) => rmdir(own)).catch(() => undefined);
  }
}

class Collector {
  readonly #files: FolderFiles;
  readonly #guard: FolderGuard;
  readonly #cutoffMs: number;
  readonly #options: LayoutGarbageOptions;
  #manifests = 0;
  #blobs = 0;
  #leftovers = 0;
  #sizeBytes = 0;

  constructor(files: FolderFiles, guard: FolderGuard, cutoffMs: number, options: LayoutGarbageOptions) {
    this.#files = files;
    this.#guard = guard;
    this.#cutoffMs = cutoffMs;
    this.#options = options;
  }

  get #root(): string {
    return this.#files.root;
  }

  async run(): Promise<LayoutGarbageReport> {
    await refuseLinks(this.#root, true);
    await this.#restore();
    // Anything may have happened to it since, and what was put back counts.
    await checkHasIndex(this.#files, this.#root);
    const index = await new IndexSource(this.#files, `oci:${this.#root}`).current();
    const { blobs } = await listBlobs(this.#root);
    const graph = new LayoutGraph(this.#root, blobs, this.#options.signal);
    const { roots, tied } = this.#options.untagged ? this.#tagged(index, blobs) : { roots: index.entries, tied: [] };
    await graph.follow(roots, tied);
    for (const path of await leftovers(this.#root)) await this.#takeLeftover(path);
    if (graph.unreadable.length === 0) {
      const garbage = [...blobs.keys()].filter((digest) => !graph.reached.has(digest));
      await this.#forgetWithRoom(index, graph.reached, garbage);
      for (const digest of garbage) await this.#takeBlob(digest);
    }
    return {
      manifests: this.#manifests,
      blobs: this.#blobs,
      leftovers: this.#leftovers,
      sizeBytes: this.#sizeBytes,
      unreadable: graph.unreadable,
    };
  }

  /** The entries to begin at, which are those with a tag of their own and whatever is young, and what hangs on them. */
  #tagged(index: LayoutIndex, blobs: ReadonlyMap<Digest, BlobEntry>): { roots: readonly JsonObject[]; tied: Tie[] } {
    const tied: Tie[] = [];
    const roots = index.entries.filter((entry) => {
      const digest = digestIn(entry);
      if (digest === undefined) return true;
      const held = blobs.get(digest);
      if (held !== undefined && held.mtimeMs >= this.#cutoffMs) return true;
      const { tag } = entryNameOf(entry);
      const subject = tag === undefined ? undefined : subjectOfTag(tag);
      const isTied = subject !== undefined && blobs.has(subject);
      // What belongs to a manifest that is here lives as long as that: it is no beginning.
      if (isTied) tied.push([digest, subject]);
      // What was saved beside an image has no tag, and is needed as long as it is listed.
      return savedKindOf(entry) !== undefined || (tag !== undefined && !isTied);
    });
    return { roots, tied };
  }

  /** On a full disk, what the index does not list makes room for the index without what goes. */
  async #forgetWithRoom(index: LayoutIndex, kept: ReadonlySet<Digest>, garbage: readonly Digest[]): Promise<void> {
    try {
      await this.#forget(index, kept);
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_DISK_FULL')) throw error;
      const listed = new Set(index.entries.map(digestIn));
      for (const digest of garbage) if (!listed.has(digest)) await this.#takeBlob(digest);
      await this.#forget(index, kept);
    }
  }

  async #forget(index: LayoutIndex, kept: ReadonlySet<Digest>): Promise<void> {
    const going = new Set(index.entries.map(digestIn).filter((digest) => digest !== undefined && !kept.has(digest)));
    this.#manifests = going.size;
    if (going.size === 0 || this.#options.dryRun) return;
    const edits = [...going].map((digest) => ({ kind: 'forget', digest: digest as Digest }) as const);
    await new BlobWriter(this.#root, true).replace(indexPath, encodeLayoutIndex(applyEdits(index, edits)));
  }

  async #takeBlob(digest: Digest): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const path = join(this.#root, blobPath(digest));
    const aside = join(this.#root, tempFolder, `${thisOwner()}.${algorithmOf(digest)}-${hexOf(digest)}${goneSuffix}`);
    await this.#onDisk(path, async () => {
      const { size, mtimeMs } = await this.#guard.at(path, (own) => lstat(own));
      if (mtimeMs >= this.#cutoffMs) return;
      if (!this.#options.dryRun) {
        await this.#guard.makeFolder(join(this.#root, tempFolder));
        await this.#guard.rename(path, aside);
        const used = await this.#guard.at(aside, async (own) => (await lstat(own)).mtimeMs >= this.#cutoffMs);
        if (used) return this.#guard.rename(aside, path);
        await this.#guard.at(aside, (own) => unlink(own));
      }
      this.#blobs++;
      this.#sizeBytes += size;
    });
  }

  async #takeLeftover(path: string): Promise<void> {
    const full = join(this.#root, path);
    await this.#onDisk(full, async () => {
      const { size, mtimeMs } = await this.#guard.at(full, (own) => lstat(own));
      if (mtimeMs >= this.#cutoffMs) return;
      if (!this.#options.dryRun) await this.#guard.at(full, (own) => unlink(own));
      this.#leftovers++;
      this.#sizeBytes += size;
    });
  }

  /** Puts back what a collection that was cut short had moved aside: nobody looked at it once more. */
  async #restore(): Promise<void> {
    if (this.#options.dryRun) return;
    for (const path of await leftovers(this.#root)) {
      const [, algorithm, hex] = /\.(sha\d+)-([0-9a-f]+)\.gone$/.exec(basename(path)) ?? [];
      if (algorithm === undefined || hex === undefined) continue;
      const blob = join(this.#root, 'blobs', algorithm, hex);
      await this.#onDisk(path, () => this.#guard.rename(join(this.#root, path), blob));
    }
  }

  async #onDisk(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw fileError(error, path);
    }
  }
}
