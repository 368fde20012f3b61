import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type Digest, fileError, systemClock } from '#core';
import { type Manifest, parseHeldManifest, successorsOf } from '#oci/image';
import { isMissing } from './files.ts';
import type { DiskRepository, DiskStore } from './store.ts';
import { digestFiles, GONE, goneFiles, listFolder, repositoryNames } from './walk.ts';

/** What may go. */
export interface GarbageOptions {
  /** What was made or used within this time stays: it may belong to a push under way. An hour unless told. */
  readonly graceSeconds?: number;
  /**
   * Also takes manifests that no tag leads to, be it over an index or over the subject that they refer to;
   * with them go referrers whose subject is not here.
   */
  readonly untagged?: boolean;
  /** Counts what would go, and leaves it. */
  readonly dryRun?: boolean;
  readonly now?: Date;
  readonly signal?: AbortSignal;
}

/** What went, and what could not be judged. */
export interface GarbageReport {
  readonly uploads: number;
  readonly manifests: number;
  /** Blobs that a repository had and that none of its manifests names. */
  readonly links: number;
  readonly blobs: number;
  /** What the blobs and uploads took on the disk. */
  readonly sizeBytes: number;
  /** Repositories in which nothing was touched, since a manifest of theirs cannot be read. */
  readonly skipped: readonly string[];
}

/** A minute of it is spent already: whoever relies on a file looks at its time no more often than that. */
const LEAST_GRACE_SECONDS = 120;
/** A tag in which cosign's legacy form keeps what belongs to a manifest. */
const LEGACY_TAG = /^(sha256|sha512)-([0-9a-f]+)(?:\.[a-z]+)?$/;

/**
 * Deletes what nothing needs any more. It may run beside servers and pushes: whoever relies on a file sets its time,
 * and a file goes only when its time is older than the beginning of the run less the grace, which is looked at once
 * more when the file has been moved aside, where nobody can come to rely on it.
 *
 * @throws RangeError for a grace below two minutes
 */
export async function collectGarbage(store: DiskStore, options: GarbageOptions = {}): Promise<GarbageReport> {
  const { graceSeconds = 3600 } = options;
  if (graceSeconds < LEAST_GRACE_SECONDS) throw new RangeError(`graceSeconds must be ${LEAST_GRACE_SECONDS} or more`);
  const cutoffMs = (options.now ?? systemClock.now()).getTime() - graceSeconds * 1000;
  return await new Collector(store, cutoffMs, options).run();
}

class Collector {
  readonly #store: DiskStore;
  readonly #cutoffMs: number;
  readonly #options: GarbageOptions;
  readonly #report = { uploads: 0, manifests: 0, links: 0, blobs: 0, sizeBytes: 0, skipped: [] as string[] };
  /** What some repository has. */
  readonly #had = new Set<Digest>();

  constructor(store: DiskStore, cutoffMs: number, options: GarbageOptions) {
    this.#store = store;
    this.#cutoffMs = cutoffMs;
    this.#options = options;
  }

  async run(): Promise<GarbageReport> {
    const { paths } = this.#store;
    await this.#settleAll(paths.blobs);
    for await (const name of repositoryNames(paths)) {
      this.#options.signal?.throwIfAborted();
      await this.#collectRepository(this.#store.repository(name));
    }
    for (const name of await listFolder(paths.temp)) await this.#take(join(paths.temp, name));
    for await (const { digest, path } of digestFiles(paths.blobs)) {
      this.#options.signal?.throwIfAborted();
      const size = this.#had.has(digest) ? undefined : await this.#take(path);
      if (size === undefined) continue;
      this.#report.blobs++;
      this.#report.sizeBytes += size;
    }
    return this.#report;
  }

  async #collectRepository(repository: DiskRepository): Promise<void> {
    const { paths } = repository;
    for (const folder of [paths.blobLinks, paths.manifestLinks]) await this.#settleAll(folder);
    for (const id of await listFolder(paths.uploads)) {
      const size = await this.#take(paths.upload(id));
      if (size === undefined) continue;
      this.#report.uploads++;
      this.#report.sizeBytes += size;
    }
    const manifests = await readManifests(repository);
    if (manifests === undefined) {
      this.#report.skipped.push(repository.name);
      for await (const { digest } of digestFiles(paths.blobLinks)) this.#had.add(digest);
      for await (const { digest } of digestFiles(paths.manifestLinks)) this.#had.add(digest);
      return;
    }
    if (this.#options.untagged === true) await this.#takeUntagged(repository, manifests);
    const needed = new Set<Digest>();
    for (const [digest, manifest] of manifests) {
      this.#had.add(digest);
      for (const child of successorsOf(manifest)) needed.add(child.digest);
    }
    for await (const { digest, path } of digestFiles(paths.blobLinks)) {
      const taken = !needed.has(digest) && (await this.#take(path)) !== undefined;
      if (taken) this.#report.links++;
      else this.#had.add(digest);
    }
  }

  /** Takes the manifests that are not alive out of the repository and out of the map. */
  async #takeUntagged(repository: DiskRepository, manifests: Map<Digest, Manifest>): Promise<void> {
    const alive = await findAlive(repository, manifests);
    for (const [digest, { subject }] of [...manifests]) {
      if (alive.has(digest) || (await this.#take(repository.paths.manifestLink(digest))) === undefined) continue;
      this.#report.manifests++;
      manifests.delete(digest);
      if (this.#options.dryRun === true) continue;
      await repository.tags.deleteAllOf(digest);
      if (subject !== undefined) await repository.referrers.remove(subject.digest, digest);
    }
  }

  /** Deletes a file that nobody has used since the cutoff. @returns its size; undefined where it stays */
  async #take(path: string): Promise<number | undefined> {
    try {
      // Through the guard, so that a dry run refuses the links that a real one refuses.
      const { size, mtimeMs } = await this.#store.paths.files.stat(path);
      if (mtimeMs >= this.#cutoffMs) return undefined;
      if (this.#options.dryRun === true) return size;
      await this.#store.paths.files.rename(path, path + GONE);
      return (await this.#settle(path)) ? size : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError(error, path);
    }
  }

  async #settleAll(folder: string): Promise<void> {
    if (this.#options.dryRun === true) return;
    for await (const path of goneFiles(folder)) await this.#settle(path);
  }

  /** Deletes a file that was moved aside, or moves it back when it was used after all. @returns whether it went */
  async #settle(path: string): Promise<boolean> {
    try {
      const { mtimeMs } = await lstat(path + GONE);
      if (mtimeMs < this.#cutoffMs) await this.#store.paths.files.unlink(path + GONE);
      else await this.#store.paths.files.rename(path + GONE, path);
      return mtimeMs < this.#cutoffMs;
    } catch (error) {
      throw fileError(error, path);
    }
  }
}

/** All manifests of a repository; undefined when one of them cannot be read, so that what they need is not known. */
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

/** What tags lead to: their manifests, what these list, and what refers to any of it, however far. */
async function findAlive({ tags }: DiskRepository, manifests: Map<Digest, Manifest>): Promise<Set<Digest>> {
  const referrersOf = new Map<Digest, Digest[]>();
  for (const [digest, { subject }] of manifests) if (subject !== undefined) append(referrersOf, subject.digest, digest);
  const waiting: Digest[] = [];
  for await (const tag of tags.all()) {
    const digest = await tags.read(tag);
    if (digest === undefined) continue;
    const [, algorithm, hex] = LEGACY_TAG.exec(tag) ?? [];
    const subject = `${algorithm}:${hex}` as Digest;
    // A signature under a legacy tag lives as long as what it signs, if that is here.
    if (manifests.has(subject)) append(referrersOf, subject, digest);
    else waiting.push(digest);
  }
  const alive = new Set<Digest>();
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    if (alive.has(digest)) continue;
    alive.add(digest);
    const manifest = manifests.get(digest);
    const children = manifest === undefined ? [] : successorsOf(manifest).map((child) => child.digest);
    for (const each of [...children, ...(referrersOf.get(digest) ?? [])]) waiting.push(each);
  }
  return alive;
}

function append(map: Map<Digest, Digest[]>, key: Digest, value: Digest): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
