import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { decompressed } from '#archive';
import { CodedError, type Descriptor, isCoded, isManifestType, withLock } from '#core';
import type { ContentReader, OperationOptions, PushOptions, PushOutcome, Repository, TagOptions } from '#oci/image';
import { contentOf, isTag } from '#oci/image';
import { blobMissing, layoutInvalid } from '../files.ts';
import { applyEdits, encodeLayoutIndex, type IndexEdit, indexEntry, tagEdit } from '../index-file.ts';
import { checkHasIndex, IndexSource, isLayout, layoutMarker } from '../index-source.ts';
import { readManifestEntry } from '../ingest.ts';
import type { LayoutOptions } from '../layout.ts';
import { PendingIndex } from '../pending-index.ts';
import { LayoutReader, ReadOnlyRepository, ReadRepository, readOnly } from '../reader.ts';
import { isCompressedFile, noFile, TarFiles } from '../tar-files.ts';
import { ArchiveFiles } from './archive-files.ts';
import { ArchiveStage } from './stage.ts';

/** What the system calls the streams of a process, which may lead to a file. */
const STREAM = /^\/(?:dev\/(?:std(?:in|out|err)$|fd\/)|proc\/)/;

/**
 * The OCI layout in the tar `path`, as `oci-archive:` of skopeo and podman has it.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND when there is none and `create` is not set, ERR_EXPORT_LAYOUT_INVALID when
 *   the tar holds something else or blobs without an index, ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE,
 *   ERR_EXPORT_USAGE for a pipe, a device or a folder
 */
export async function openLayoutArchive(path: string, options: LayoutOptions = {}): Promise<Repository> {
  // Its name would be given to the new tar, wherever the stream leads.
  if (options.create && STREAM.test(resolve(path))) throw noFile(path);
  if (await isCompressedFile(path)) return openCompressed(path, options);
  const base = await openTar(path);
  if (base === undefined && !options.create) {
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${path}: no such file`, {
      hint: 'check the path',
      details: { path },
    });
  }
  if (base !== undefined) await checkHoldsLayout(base, path);
  return new LayoutArchive(path, base, options);
}

async function openCompressed(path: string, options: LayoutOptions): Promise<Repository> {
  if (options.create) throw readOnly(`oci-archive:${path}`, 'a compressed archive');
  const base = await TarFiles.spooled(decompressed(createReadStream(path), path), path, { followLinks: true });
  await checkHoldsLayout(base, path);
  return openReadOnly(base, `oci-archive:${path}`, 'a compressed archive', options);
}

/** A layout in a tar that nothing can be written to. @param what it is, for the error of whoever would */
export function openReadOnly(base: TarFiles, name: string, what: string, options: LayoutOptions): Repository {
  const source = new IndexSource(base, name);
  const reader = new LayoutReader(name, base, () => source.current(), options);
  return new ReadOnlyRepository(reader, what, () => base.close());
}

/** Links are refused, unless they are those of a docker archive, of which it is then told what it is. */
async function openTar(path: string): Promise<TarFiles | undefined> {
  try {
    return await TarFiles.open(path);
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_ARCHIVE_UNSAFE')) throw error;
    const linked = await TarFiles.open(path, { followLinks: true }).catch(() => undefined);
    if (linked === undefined) throw error;
    try {
      const isDocker = !(await isLayout(linked, path)) && (await isDockerArchive(linked));
      throw isDocker ? await notLayout(linked, path) : error;
    } finally {
      await linked.close();
    }
  }
}

async function checkHoldsLayout(base: TarFiles, path: string): Promise<void> {
  try {
    if (!(await isLayout(base, path))) throw await notLayout(base, path);
    await checkHasIndex(base, path);
  } catch (error) {
    await base.close();
    throw error;
  }
}

async function isDockerArchive(tar: TarFiles): Promise<boolean> {
  return (await tar.sizeOf('manifest.json')) !== undefined;
}

/** The error for a tar of something else. */
export async function notLayout(tar: TarFiles, name: string): Promise<CodedError> {
  const because = (what: string, hint: string) =>
    new CodedError('ERR_EXPORT_LAYOUT_INVALID', `${name}: ${what}`, { hint, details: { name } });
  if (await isDockerArchive(tar)) {
    const what = 'a docker archive (docker save), not an OCI layout';
    return because(what, 'write docker-archive: in place of oci-archive:');
  }
  const below = [...tar.paths()].find((path) => path.endsWith(`/${layoutMarker.path}`));
  if (below === undefined) return layoutInvalid(name, 'a tar, but not of an OCI layout');
  const folder = JSON.stringify(below.slice(0, -layoutMarker.path.length - 1).slice(0, 200));
  const what = `the layout is in the directory ${folder} of the tar`;
  return because(what, 'pack the content of that directory instead: tar -C DIR -cf FILE .');
}

/**
 * A repository in a tar of an OCI layout. What is pushed gathers beside it; `flush` and `close` write a new tar with
 * the old content and the new, and put it in the old one's place. After a failure `close` writes nothing, unless a
 * tag was set since.
 */
export class LayoutArchive extends ReadRepository implements Repository {
  readonly name: string;
  readonly #options: LayoutOptions;
  readonly #stage: ArchiveStage;
  readonly #files: ArchiveFiles;
  readonly #source: IndexSource;
  readonly #index: PendingIndex;
  protected readonly reader: LayoutReader;
  #failed = false;

  /** @param name what it is called in messages */
  constructor(path: string, base: TarFiles | undefined, options: LayoutOptions, name: string = `oci-archive:${path}`) {
    super();
    this.name = name;
    this.#options = options;
    this.#stage = new ArchiveStage(path);
    this.#files = new ArchiveFiles(path, base, this.#stage.folder);
    this.#source = new IndexSource(this.#files, this.name);
    this.#index = new PendingIndex(
      () => this.#source.current(),
      (edits, how) => this.#write(edits, how),
    );
    this.reader = new LayoutReader(this.name, this.#files, () => this.#index.current(), options);
  }

  push(descriptor: Descriptor, content: ContentReader, options: PushOptions = {}): Promise<PushOutcome> {
    return this.#noting(async () => {
      options.signal?.throwIfAborted();
      if (!isManifestType(descriptor.mediaType)) {
        if (options.asManifest) this.#index.add({ kind: 'list', descriptor: indexEntry(descriptor) });
        return this.#gather(descriptor, content, options);
      }
      const { bytes, entry } = await readManifestEntry(descriptor, content, this.name);
      const outcome = await this.#gather(descriptor, contentOf(bytes), options);
      this.#index.add({ kind: 'list', descriptor: entry });
      return outcome;
    });
  }

  async tag(descriptor: Descriptor, tag: string, options: TagOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!isTag(tag)) throw new TypeError(`not a valid tag: ${JSON.stringify(tag)}`);
    if (!(await this.exists(descriptor))) throw blobMissing(this.name, descriptor.digest);
    this.#index.add(tagEdit(descriptor, tag, this.#options.repository, options));
    this.#failed = false;
  }

  async untag(tag: string, options: OperationOptions = {}): Promise<boolean> {
    const found = await this.reader.entryOf(tag, options);
    if (found === undefined) return false;
    this.#index.add({ kind: 'untag', tag, repository: found.repository });
    this.#failed = false;
    return true;
  }

  async delete(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    const { digest } = descriptor;
    const listed = (await this.#index.current()).entries.some((entry) => entry['digest'] === digest);
    const held = await this.#files.drop(digest);
    if (listed || held) this.#index.add({ kind: 'forget', digest });
    return listed || held;
  }

  flush(options: OperationOptions = {}): Promise<void> {
    return this.#index.flush(options);
  }

  async close(): Promise<void> {
    try {
      if (!this.#failed) await this.#index.finish();
    } finally {
      await this.#files.close();
      await this.#stage.close();
    }
  }

  async #write(edits: readonly IndexEdit[], { signal }: OperationOptions): Promise<void> {
    await this.#noting(() =>
      withLock(`${this.#stage.archive}.lock`, { timeoutMs: this.#options.lockTimeoutMs, signal }, async () => {
        await this.#files.refresh();
        const index = applyEdits(await this.#source.current(), edits);
        await this.#files.write(encodeLayoutIndex(index), signal);
      }),
    );
  }

  async #gather(descriptor: Descriptor, content: ContentReader, options: PushOptions): Promise<PushOutcome> {
    this.#stage.expectPushes();
    const present = await this.exists(descriptor);
    // What a run before this one had gathered is found there.
    const outcome = present ? 'present' : await this.#stage.push(descriptor, content, options);
    this.#files.add(descriptor.digest);
    return outcome;
  }

  async #noting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }
}
