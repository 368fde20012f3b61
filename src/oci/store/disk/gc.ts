import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type Digest, fileError, systemClock } from '#core';
import {
  type GraphLink,
  GraphWalk,
  type Manifest,
  type NamedContent,
  parseHeldManifest,
  subjectOfTag,
  successorLinks,
  successorsOf,
} from '#oci/image';
import { isMissing } from './files.ts';
import type { DiskRepository, DiskStore } from './store.ts';
import { digestFiles, listFolder, repositoryNames, TRASH_SUFFIX, trashedFiles } from './walk.ts';

/** What garbage collection may delete. */
export interface GarbageOptions {
  /** Content created or used within this time is kept: it may belong to a running push. Default: one hour. */
  readonly graceSeconds?: number;
  /**
   * Also deletes manifests that are not reachable from a tag, directly, through an index or as a referrer, including
   * referrers whose subject is missing.
   */
  readonly untagged?: boolean;
  /** Only counts what would be deleted. */
  readonly dryRun?: boolean;
  readonly now?: Date;
  readonly signal?: AbortSignal;
}

/** What was deleted, and which repositories were skipped. */
export interface GarbageReport {
  readonly uploads: number;
  readonly manifests: number;
  /** Blobs of a repository that none of its manifests refers to. */
  readonly links: number;
  readonly blobs: number;
  /** The size of the deleted blobs and uploads. */
  readonly sizeBytes: number;
  /** Repositories in which nothing was deleted, because one of their manifests cannot be read. */
  readonly skipped: readonly string[];
}

/** More than the minute within which the use of a file does not update its time again. */
const MIN_GRACE_SECONDS = 120;

/**
 * Deletes unreferenced content. It may run concurrently with servers and pushes: using a file updates its time, and only
 * files older than the start of the run minus the grace period are deleted. A file is first renamed, so that nothing can
 * start to use it, and its time is checked once more before it is deleted.
 *
 * @throws RangeError for a grace period below two minutes
 */
export async function collectGarbage(store: DiskStore, options: GarbageOptions = {}): Promise<GarbageReport> {
  const { graceSeconds = 3600 } = options;
  if (graceSeconds < MIN_GRACE_SECONDS) throw new RangeError(`graceSeconds must be ${MIN_GRACE_SECONDS} or more`);
  const cutoffMs = (options.now ?? systemClock.now()).getTime() - graceSeconds * 1000;
  return await new GarbageCollector(store, cutoffMs, options).run();
}

class GarbageCollector {
  readonly #store: DiskStore;
  readonly #cutoffMs: number;
  readonly #options: GarbageOptions;
  readonly #report = { uploads: 0, manifests: 0, links: 0, blobs: 0, sizeBytes: 0, skipped: [] as string[] };
  /** The blobs that some repository has. */
  readonly #present = new Set<Digest>();

  constructor(store: DiskStore, cutoffMs: number, options: GarbageOptions) {
    this.#store = store;
    this.#cutoffMs = cutoffMs;
    this.#options = options;
  }

  async run(): Promise<GarbageReport> {
    const { paths } = this.#store;
    await this.#finishDeletes(paths.blobs);
    for await (const name of repositoryNames(paths)) {
      this.#options.signal?.throwIfAborted();
      await this.#collectRepository(this.#store.repository(name));
    }
    for (const name of await listFolder(paths.temp)) await this.#deleteUnused(join(paths.temp, name));
    for await (const { digest, path } of digestFiles(paths.blobs)) {
      this.#options.signal?.throwIfAborted();
      const size = this.#present.has(digest) ? undefined : await this.#deleteUnused(path);
      if (size === undefined) continue;
      this.#report.blobs++;
      this.#report.sizeBytes += size;
    }
    return this.#report;
  }

  async #collectRepository(repository: DiskRepository): Promise<void> {
    const { paths } = repository;
    for (const folder of [paths.blobLinks, paths.manifestLinks]) await this.#finishDeletes(folder);
    for (const id of await listFolder(paths.uploads)) {
      const size = await this.#deleteUnused(paths.upload(id));
      if (size === undefined) continue;
      this.#report.uploads++;
      this.#report.sizeBytes += size;
    }
    const manifests = await readManifests(repository);
    if (manifests === undefined) {
      this.#report.skipped.push(repository.name);
      for await (const { digest } of digestFiles(paths.blobLinks)) this.#present.add(digest);
      for await (const { digest } of digestFiles(paths.manifestLinks)) this.#present.add(digest);
      return;
    }
    if (this.#options.untagged === true) await this.#deleteUntagged(repository, manifests);
    const needed = new Set<Digest>();
    for (const [digest, manifest] of manifests) {
      this.#present.add(digest);
      for (const child of successorsOf(manifest)) needed.add(child.digest);
    }
    for await (const { digest, path } of digestFiles(paths.blobLinks)) {
      const deleted = !needed.has(digest) && (await this.#deleteUnused(path)) !== undefined;
      if (deleted) this.#report.links++;
      else this.#present.add(digest);
    }
  }

  /** Deletes the unreachable manifests from the repository and from the map. */
  async #deleteUntagged(repository: DiskRepository, manifests: Map<Digest, Manifest>): Promise<void> {
    const reachable = await findReachable(repository, manifests);
    for (const [digest, { subject }] of [...manifests]) {
      if (reachable.has(digest) || (await this.#deleteUnused(repository.paths.manifestLink(digest))) === undefined)
        continue;
      this.#report.manifests++;
      manifests.delete(digest);
      if (this.#options.dryRun === true) continue;
      await repository.tags.deleteAllOf(digest);
      if (subject !== undefined) await repository.referrers.remove(subject.digest, digest);
    }
  }

  /** Deletes a file that was not used since the cutoff. @returns its size; undefined if it is kept */
  async #deleteUnused(path: string): Promise<number | undefined> {
    try {
      // Through the guard, so that a dry run refuses the same symlinks as a real one.
      const { size, mtimeMs } = await this.#store.paths.files.stat(path);
      if (mtimeMs >= this.#cutoffMs) return undefined;
      if (this.#options.dryRun === true) return size;
      await this.#store.paths.files.rename(path, path + TRASH_SUFFIX);
      return (await this.#finishDelete(path)) ? size : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error, path);
    }
  }

  async #finishDeletes(folder: string): Promise<void> {
    if (this.#options.dryRun === true) return;
    for await (const path of trashedFiles(folder)) await this.#finishDelete(path);
  }

  /** Deletes a file that was renamed to be deleted, or renames it back if it was used. @returns whether it was deleted */
  async #finishDelete(path: string): Promise<boolean> {
    try {
      const { mtimeMs } = await lstat(path + TRASH_SUFFIX);
      if (mtimeMs < this.#cutoffMs) await this.#store.paths.files.unlink(path + TRASH_SUFFIX);
      else await this.#store.paths.files.rename(path + TRASH_SUFFIX, path);
      return mtimeMs < this.#cutoffMs;
    } catch (error) {
      throw fileError(error, path);
    }
  }
}

/** All manifests of a repository; undefined if one of them cannot be read, so that its children are unknown. */
async function readManifests({ manifests, paths }: DiskRepository): Promise<Map<Digest, Manifest> | undefined> {
  const all = new Map<Digest, Manifest>();
  for await (const { digest } of digestFiles(paths.manifestLinks)) {
    try {
      const descriptor = await manifests.describe(digest);
      const bytes = descriptor === undefined ? undefined : await manifests.read(descriptor);
      if (bytes === undefined) return undefined;
      all.set(digest, parseHeldManifest(bytes, descriptor?.mediaType, digest));
    } catch (error) {
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }
  return all;
}

/** The manifests that are reachable from tags: tagged ones, their children and their referrers, transitively. */
async function findReachable({ tags }: DiskRepository, manifests: Map<Digest, Manifest>): Promise<ReadonlySet<Digest>> {
  const referrersOf = new Map<Digest, Digest[]>();
  for (const [digest, { subject }] of manifests) if (subject !== undefined) append(referrersOf, subject.digest, digest);
  const roots: GraphLink<NamedContent>[] = [];
  for await (const tag of tags.all()) {
    const digest = await tags.read(tag);
    if (digest === undefined) continue;
    const subject = subjectOfTag(tag);
    // A legacy signature is kept as long as the manifest that it signs, if that is in the repository.
    if (subject !== undefined && manifests.has(subject)) append(referrersOf, subject, digest);
    else roots.push({ kind: 'manifest', descriptor: { digest }, reason: { kind: 'root' } });
  }
  const walk = new GraphWalk<undefined, NamedContent>({
    expand: ({ descriptor: { digest: of } }) => {
      const manifest = manifests.get(of);
      const children = manifest === undefined ? [] : successorLinks(of, manifest);
      const referrers = (referrersOf.get(of) ?? []).map((digest) => {
        return { kind: 'manifest', descriptor: { digest }, reason: { kind: 'referrer', of } } as const;
      });
      return { links: [...children, ...referrers], value: undefined };
    },
  });
  await walk.run(roots);
  return walk.reached;
}

function append(map: Map<Digest, Digest[]>, key: Digest, value: Digest): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
