import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type Descriptor, FolderGuard, fileError, isManifestType, isSystemError, makeFolder } from '#core';
import type {
  ByteStream,
  ContentReader,
  OperationOptions,
  PushOptions,
  PushOutcome,
  Repository,
  TagOptions,
} from '#oci/image';
import { contentOf, isTag } from '#oci/image';
import { blobMissing, blobPath, FolderFiles, layoutInvalid } from './files.ts';
import { indexEntry, tagEdit } from './index-file.ts';
import { checkHasIndex, isLayout } from './index-source.ts';
import { BlobWriter, readManifestEntry } from './ingest.ts';
import { LayoutFolder } from './layout-folder.ts';
import { refuseLinks } from './links.ts';
import { PendingIndex } from './pending-index.ts';
import { LayoutReader, ReadRepository } from './reader.ts';

/** How a layout is opened. */
export interface LayoutOptions {
  /** Make the layout with the first push when the folder is missing or empty; otherwise a missing one is an error. */
  readonly create?: boolean | undefined;
  /** Whether what was pushed must survive a power cut; true unless told. A staging layout need not. */
  readonly durable?: boolean | undefined;
  /** Where several repositories share the layout, the one to read and to write: `[HOST[:PORT]/]REPO`, or its end. */
  readonly repository?: string | undefined;
  /** How long to wait for another process that writes the index; 30 s unless told. */
  readonly lockTimeoutMs?: number | undefined;
}

/**
 * The OCI layout in the folder `root`.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND when there is none and `create` is not set, ERR_EXPORT_LAYOUT_INVALID when
 *   the folder holds something else, or blobs without an index and `create` is not set
 */
export async function openLayout(root: string, options: LayoutOptions = {}): Promise<Layout> {
  const files = new FolderFiles(root);
  if (!(await isLayout(files, root))) await checkVacant(files, options.create ?? false);
  // Who writes goes on: a run that was killed may have left it so.
  if (!options.create) await checkHasIndex(files, root);
  return new Layout(files, options);
}

/** A layout to gather a bundle in, in a folder that is empty or not there: quick, and not meant to outlive the run. */
export function openStaging(root: string): Promise<Layout> {
  return openLayout(root, { create: true, durable: false });
}

/**
 * A repository in an OCI layout (image-spec v1.1.1 image-layout.md). A blob is there once its push ends. A manifest can
 * be had by digest at once; that it is listed, and its tag, are written to `index.json` together by `tag`, `flush` or
 * `close`, whichever comes first, and until then nobody else sees them.
 */
export class Layout extends ReadRepository implements Repository {
  readonly name: string;
  readonly #files: FolderFiles;
  readonly #guard: FolderGuard;
  readonly #options: LayoutOptions;
  protected readonly reader: LayoutReader;
  readonly #blobs: BlobWriter;
  readonly #folder: LayoutFolder;
  readonly #index: PendingIndex;

  /** @param name what it is called in messages */
  constructor(files: FolderFiles, options: LayoutOptions, name: string = `oci:${files.root}`) {
    super();
    this.name = name;
    this.#files = files;
    this.#guard = new FolderGuard(files.root);
    this.#options = options;
    const { durable = true, lockTimeoutMs } = options;
    this.#blobs = new BlobWriter(files.root, durable);
    this.#folder = new LayoutFolder({ name, files, guard: this.#guard, blobs: this.#blobs, durable, lockTimeoutMs });
    this.#index = new PendingIndex(
      () => this.#folder.currentIndex(),
      (edits, how) => this.#folder.writeIndex(edits, how),
    );
    this.reader = new LayoutReader(this.name, files, () => this.#index.current(), options);
  }

  async push(descriptor: Descriptor, content: ContentReader, options: PushOptions = {}): Promise<PushOutcome> {
    options.signal?.throwIfAborted();
    await this.#folder.prepare();
    if (isManifestType(descriptor.mediaType)) return this.#pushManifest(descriptor, content, options);
    const present = await this.#keep(descriptor);
    if (!present) await this.#blobs.write(descriptor, content, options);
    if (options.asManifest) this.#index.add({ kind: 'list', descriptor: indexEntry(descriptor) });
    return present ? 'present' : 'uploaded';
  }

  /**
   * Writes a blob whose digest is not known before it is written.
   *
   * @returns its descriptor, SHA-256
   */
  async writeBlob(mediaType: string, chunks: ByteStream, options: OperationOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    await this.#folder.prepare();
    return this.#blobs.writeUnknown(mediaType, chunks, options);
  }

  async tag(descriptor: Descriptor, tag: string, options: TagOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!isTag(tag)) throw new TypeError(`not a valid tag: ${JSON.stringify(tag)}`);
    if (!(await this.exists(descriptor))) throw blobMissing(this.name, descriptor.digest);
    this.#index.add(tagEdit(descriptor, tag, this.#options.repository, options));
    if (!options.batch) await this.flush(options);
  }

  async untag(tag: string, options: OperationOptions = {}): Promise<boolean> {
    const found = await this.reader.entryOf(tag, options);
    if (found === undefined) return false;
    this.#index.add({ kind: 'untag', tag, repository: found.repository });
    await this.flush(options);
    return true;
  }

  async delete(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    await refuseLinks(this.#files.root);
    const { digest } = descriptor;
    const listed = (await this.#index.current()).entries.some((entry) => entry['digest'] === digest);
    if (listed) {
      this.#index.add({ kind: 'forget', digest });
      await this.flush(options);
    }
    const path = join(this.#files.root, blobPath(digest));
    try {
      await this.#guard.at(path, (own) => unlink(own));
      return true;
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return listed;
      throw fileError(error, path);
    }
  }

  /** Writes `index.json` with all that was pushed and tagged so far. Many at once share one writing. */
  flush(options: OperationOptions = {}): Promise<void> {
    return this.#index.flush(options);
  }

  async close(): Promise<void> {
    await this.#index.finish();
    if (this.#folder.isPrepared) await this.#blobs.tidy();
  }

  async #pushManifest(descriptor: Descriptor, content: ContentReader, options: PushOptions): Promise<PushOutcome> {
    const { bytes, entry } = await readManifestEntry(descriptor, content, this.name);
    const present = await this.#keep(descriptor);
    if (!present) await this.#blobs.write(descriptor, contentOf(bytes), options);
    this.#index.add({ kind: 'list', descriptor: entry });
    return present ? 'present' : 'uploaded';
  }

  async #keep(descriptor: Descriptor): Promise<boolean> {
    // In this order: what is there after it was touched is not collected any more.
    return (await this.#blobs.touch(descriptor.digest)) && this.exists(descriptor);
  }
}

/** @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID when a folder is no layout */
export async function checkIsLayout(files: FolderFiles): Promise<void> {
  if (!(await isLayout(files, files.root))) await checkVacant(files, false);
}

async function checkVacant(files: FolderFiles, create: boolean): Promise<void> {
  const { root } = files;
  let names: string[] = [];
  try {
    names = await readdir(root);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw fileError(error, root);
  }
  const others = names.filter((name) => !name.startsWith('.'));
  // Another process may have made it a layout since this one looked.
  if (others.length > 0 && (await isLayout(files, root))) return;
  if (others.length > 0) throw layoutInvalid(root, `not an OCI layout, and not empty: it contains ${others[0]}`);
  if (!create) {
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${root}: no OCI layout there`, {
      hint: 'check the path; a layout holds a file oci-layout',
      details: { path: root },
    });
  }
  await makeFolder(root);
}
