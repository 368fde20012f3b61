import { algorithmOf, CodedError, compareText, type Descriptor, type Digest, isDigest, type JsonObject } from '#core';
import type {
  ByteStream,
  FetchOptions,
  ListedTag,
  OperationOptions,
  PushOutcome,
  ReferrerFilter,
  Repository,
} from '#oci/image';
import {
  collect,
  detectManifestType,
  hashOutside,
  inlineData,
  type Manifest,
  maxManifestBytes,
  parseLayoutName,
  parseManifest,
  sizeMismatch,
  verifyStream,
} from '#oci/image';
import { EntryNames, isRepositoryOf, type NamedEntry } from './entry-name.ts';
import { threadBytes } from './file-io/file-read.ts';
import { blobMissing, blobPath, type LayoutFiles } from './files.ts';
import { digestIn, type LayoutIndex } from './index-file.ts';
import { ReferrerTable } from './referrer-table.ts';
import { type Saved, SavedSignatures } from './saved-signatures.ts';

/** What a reader of a layout is told beside its files. */
export interface ReaderOptions {
  /** Where several repositories share the layout, the one to read: in full, or its end after a slash. */
  readonly repository?: string | undefined;
}

/** What can be read of a layout, whatever holds its files. */
export class LayoutReader {
  readonly name: string;
  readonly #files: LayoutFiles;
  readonly #index: () => Promise<LayoutIndex>;
  readonly #repository: string | undefined;
  readonly #referrers: ReferrerTable;
  readonly #saved: SavedSignatures;

  /** @param index the index as it is now, with what this process has not written yet */
  constructor(name: string, files: LayoutFiles, index: () => Promise<LayoutIndex>, options: ReaderOptions = {}) {
    this.name = name;
    this.#files = files;
    this.#index = index;
    this.#repository = options.repository;
    this.#referrers = new ReferrerTable(
      {
        read: (digest) => this.#bytesOf(digest),
        raw: (digest) => collect(files.read(blobPath(digest)), maxManifestBytes, `${name}: ${digest}`),
        candidates: () => this.#manifestCandidates(),
      },
      name,
    );
    this.#saved = new SavedSignatures((digest) => this.#bytesOf(digest));
  }

  async resolve(name: string, options: OperationOptions = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted();
    const index = await this.#index();
    const entry = isDigest(name)
      ? index.entries.find((candidate) => candidate['digest'] === name)
      : await this.#findTag(index, name);
    const digest = entry === undefined ? name : digestIn(entry);
    if (digest === undefined) {
      throw new CodedError('ERR_EXPORT_UNSUPPORTED', `${this.name}: ${name} has a digest of an unsupported algorithm`, {
        hint: 'have it pushed with sha256 or sha512 digests',
      });
    }
    if (!isDigest(digest)) return undefined;
    return entry === undefined ? this.#detect(digest) : this.#describe(entry, digest);
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<ByteStream> {
    const { signal, range, reuseBuffer } = options;
    signal?.throwIfAborted();
    const inline = range === undefined ? inlineData(descriptor, this.name) : undefined;
    if (inline !== undefined) return once(inline);
    const size = await this.#files.sizeOf(blobPath(descriptor.digest));
    if (size === undefined) throw blobMissing(this.name, descriptor.digest);
    if (size !== descriptor.size) throw sizeMismatch(descriptor, this.name, `${size} bytes`);
    if (range !== undefined && (range.start < 0 || range.end < range.start || range.end >= size)) {
      throw new RangeError(`range ${range.start}-${range.end} of ${size} bytes`);
    }
    if (range === undefined && reuseBuffer && size >= threadBytes && this.#files.readHashed !== undefined) {
      const hashed = await this.#files.readHashed(blobPath(descriptor.digest), size, algorithmOf(descriptor.digest));
      const stoppable = signal === undefined ? hashed.stream : untilAborted(hashed.stream, signal);
      const checked = verifyStream(descriptor, stoppable, this.name);
      hashOutside(checked, { digest: hashed.digest, ahead: true });
      return checked;
    }
    // Told how much there is, the reading takes no more memory than that.
    const wanted = range ?? (size === 0 ? undefined : { start: 0, end: size - 1 });
    const stream = this.#files.read(blobPath(descriptor.digest), wanted, reuseBuffer);
    const stoppable = signal === undefined ? stream : untilAborted(stream, signal);
    return range === undefined ? verifyStream(descriptor, stoppable, this.name) : stoppable;
  }

  async exists(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return (await this.#files.sizeOf(blobPath(descriptor.digest))) === descriptor.size;
  }

  /** The entry that a tag leads to, with its name; undefined where there is none. */
  async entryOf(tag: string, options: OperationOptions = {}): Promise<NamedEntry | undefined> {
    options.signal?.throwIfAborted();
    return EntryNames.of(await this.#index()).find(tag, this.#repository, this.name);
  }

  /** All tags; where several repositories share the layout, the full names. `resolve` takes both. */
  async *tags(options: OperationOptions = {}): AsyncGenerator<string> {
    const names: string[] = [];
    for await (const { tag, repository } of this.listedTags(options)) {
      names.push(repository === undefined ? tag : `${repository}:${tag}`);
    }
    yield* names.sort(compareText);
  }

  /** All tags, with the repository of each where there is a choice; those by which signatures were saved too. */
  async *listedTags(options: OperationOptions = {}): AsyncGenerator<ListedTag> {
    options.signal?.throwIfAborted();
    const index = await this.#index();
    const names = EntryNames.of(index);
    const listed = new Set<string>();
    for (const name of this.#repository === undefined ? names.list() : names.listOf(this.#repository)) {
      const each: ListedTag = typeof name === 'string' ? { tag: name } : name;
      listed.add(each.tag);
      yield each;
    }
    for (const { tag, repository } of (await this.#saved.of(index)).byTag.values()) {
      if (!listed.has(tag) && this.#isOurs(repository)) yield { tag };
    }
  }

  /** The repository that a tag is of; undefined where that is not known. */
  async repositoryOf(tag: string): Promise<string | undefined> {
    return (await this.entryOf(tag))?.repository;
  }

  /** Every manifest that the index lists for this repository, each once, with a tag or without. */
  async *manifests(options: OperationOptions = {}): AsyncGenerator<Descriptor> {
    const seen = new Set<Digest>();
    const index = await this.#index();
    const ours = this.#repository === undefined ? undefined : await this.#digestsOf(index, this.#repository);
    for (const entry of index.entries) {
      options.signal?.throwIfAborted();
      const digest = digestIn(entry);
      if (digest === undefined || seen.has(digest) || ours?.has(digest) === false) continue;
      seen.add(digest);
      const descriptor = await this.#describe(entry, digest);
      if (descriptor !== undefined) yield descriptor;
    }
  }

  /** Saved signatures and the like of which it cannot be told what they belong to. */
  async unattached(): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    for (const entry of (await this.#saved.of(await this.#index())).unattached) {
      const digest = digestIn(entry);
      const descriptor = digest === undefined ? undefined : await this.#describe(entry, digest);
      if (descriptor !== undefined) found.push(descriptor);
    }
    return found;
  }

  /**
   * Looks at each manifest that the index lists and at what those list in turn: layouts have no other place
   * where all makers leave their referrers.
   */
  async *referrers(subject: Digest, filter: ReferrerFilter = {}): AsyncGenerator<Descriptor> {
    filter.signal?.throwIfAborted();
    for (const listing of await this.#referrers.of(await this.#index(), subject, filter.signal)) {
      if (filter.artifactType === undefined || listing.artifactType === filter.artifactType) yield listing;
    }
  }

  /** The manifest of a digest; undefined where it is missing or no manifest. */
  async manifest(digest: Digest): Promise<{ descriptor: Descriptor; manifest: Manifest } | undefined> {
    const bytes = await this.#bytesOf(digest);
    const mediaType = bytes === undefined ? undefined : detectManifestType(bytes);
    if (bytes === undefined || mediaType === undefined) return undefined;
    const name = `${this.name}: ${digest}`;
    const descriptor = { mediaType, digest, size: bytes.byteLength };
    return { descriptor, manifest: parseManifest(bytes, mediaType, name) };
  }

  async #findTag(index: LayoutIndex, name: string): Promise<JsonObject | undefined> {
    const { repository, tag } = parseLayoutName(name) ?? { tag: name };
    if (tag === undefined) return undefined;
    const found = EntryNames.of(index).find(tag, repository ?? this.#repository, this.name);
    if (found !== undefined || repository !== undefined) return found?.entry;
    return (await this.#saved.of(index)).byTag.get(tag)?.entry;
  }

  #isOurs(repository: Saved['repository']): boolean {
    return this.#repository === undefined || repository === undefined || isRepositoryOf(repository, this.#repository);
  }

  async #digestsOf(index: LayoutIndex, repository: string): Promise<Set<Digest>> {
    const names = EntryNames.of(index);
    const entries = [...names.listOf(repository)].map((tag) => names.find(tag, repository, this.name)?.entry);
    return new Set(entries.map((entry) => entry && digestIn(entry)).filter((digest) => digest !== undefined));
  }

  /** A manifest that the index does not list, such as a child of an index. */
  async #detect(digest: Digest): Promise<Descriptor | undefined> {
    return (await this.manifest(digest))?.descriptor;
  }

  async #describe(entry: JsonObject, digest: Digest): Promise<Descriptor | undefined> {
    const { mediaType, size } = entry;
    if (typeof mediaType === 'string' && mediaType !== '' && Number.isSafeInteger(size)) {
      return { mediaType, digest, size: size as number };
    }
    return this.#detect(digest);
  }

  /** The blobs that begin as a JSON object does and are no larger than a manifest, in byte order. */
  async *#manifestCandidates(): AsyncGenerator<Digest> {
    for (const path of [...(await this.#files.blobPaths())].sort(compareText)) {
      const [, algorithm, hex] = path.split('/');
      const digest = `${algorithm}:${hex}`;
      const size = (await this.#files.sizeOf(path)) ?? 0;
      if (!isDigest(digest) || size === 0 || size > maxManifestBytes) continue;
      const start = await collect(this.#files.read(path, { start: 0, end: 0 }), 1, path);
      if (start[0] === 0x7b) yield digest;
    }
  }

  /** The bytes of what may be a manifest, checked; undefined where it is missing or too large for one. */
  async #bytesOf(digest: Digest): Promise<Uint8Array | undefined> {
    const size = await this.#files.sizeOf(blobPath(digest));
    if (size === undefined || size > maxManifestBytes) return undefined;
    return collect(await this.fetch({ mediaType: '', digest, size }), maxManifestBytes, `${this.name}: ${digest}`);
  }
}

async function* once(bytes: Uint8Array): ByteStream {
  yield bytes;
}

async function* untilAborted(stream: ByteStream, signal: AbortSignal): ByteStream {
  for await (const chunk of stream) {
    signal.throwIfAborted();
    yield chunk;
  }
}

/** The reading half of a repository that a LayoutReader reads. */
export abstract class ReadRepository {
  protected abstract readonly reader: LayoutReader;

  resolve(name: string, options?: OperationOptions): Promise<Descriptor | undefined> {
    return this.reader.resolve(name, options);
  }

  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<ByteStream> {
    return this.reader.fetch(descriptor, options);
  }

  exists(descriptor: Descriptor, options?: OperationOptions): Promise<boolean> {
    return this.reader.exists(descriptor, options);
  }

  tags(options?: OperationOptions): AsyncIterable<string> {
    return this.reader.tags(options);
  }

  listedTags(options?: OperationOptions): AsyncIterable<ListedTag> {
    return this.reader.listedTags(options);
  }

  repositoryOf(tag: string): Promise<string | undefined> {
    return this.reader.repositoryOf(tag);
  }

  unattached(): Promise<readonly Descriptor[]> {
    return this.reader.unattached();
  }

  manifests(options?: OperationOptions): AsyncIterable<Descriptor> {
    return this.reader.manifests(options);
  }

  referrers(subject: Digest, filter?: ReferrerFilter): AsyncIterable<Descriptor> {
    return this.reader.referrers(subject, filter);
  }
}

/** A repository that is read as a layout is, and that nothing can be written to. */
export class ReadOnlyRepository extends ReadRepository implements Repository {
  readonly name: string;
  protected readonly reader: LayoutReader;
  readonly #onClose: () => Promise<void>;
  readonly #what: string;

  /** @param what it is, for the error of whoever would write to it */
  constructor(reader: LayoutReader, what: string, onClose: () => Promise<void>) {
    super();
    this.name = reader.name;
    this.reader = reader;
    this.#what = what;
    this.#onClose = onClose;
  }

  async push(): Promise<PushOutcome> {
    throw readOnly(this.name, this.#what);
  }

  async tag(): Promise<void> {
    throw readOnly(this.name, this.#what);
  }

  async untag(): Promise<boolean> {
    throw readOnly(this.name, this.#what);
  }

  async delete(): Promise<boolean> {
    throw readOnly(this.name, this.#what);
  }

  close(): Promise<void> {
    return this.#onClose();
  }
}

/** The error for writing where there is only reading. @param what it is: `a docker archive` */
export function readOnly(name: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_UNSUPPORTED', `${name}: ${what} is read-only`, {
    hint: 'write to oci-archive:FILE:TAG or oci:DIR:TAG',
    details: { name },
  });
}
