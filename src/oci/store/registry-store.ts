import type { Descriptor, Digest, DigestAlgorithm } from '#core';
import type { ByteRange, ByteStream } from '#oci/image';

/**
 * The registry storage of one tenant, as the server and openStoreRepository see it: no path, no file, no connection.
 * Every implementation passes the suite in test/oci/store/contract. All sizes are in bytes. A method that cannot read
 * or write its medium throws ERR_EXPORT_IO, ERR_EXPORT_NOT_WRITABLE or ERR_EXPORT_DISK_FULL; what it finds damaged
 * throws ERR_EXPORT_STORE_INVALID. What was acknowledged survives the end of the process, unless the medium is memory.
 */
export interface RegistryStore {
  /** Whose it is. Nothing that a store returns belongs to another tenant. */
  readonly tenant: string;

  /** Whether it can be read; a store that holds nothing yet can. Never throws. */
  isReadable(): Promise<boolean>;

  /** @throws CodedError that says why nothing can be written */
  checkWritable(): Promise<void>;

  /** The names of repositories that something was pushed to, in byte order. */
  listRepositories(query: PageQuery): Promise<Page<string>>;

  /** A repository, which need not exist yet. @throws CodedError ERR_EXPORT_REFERENCE_INVALID for an invalid name */
  repository(name: string): StoredRepository;
}

/** One repository of a store, by its parts. */
export interface StoredRepository {
  readonly name: string;
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  readonly tags: TagStore;
  readonly referrers: ReferrerStore;
  readonly manifests: ManifestStore;

  /** Whether anything was ever pushed here. */
  exists(): Promise<boolean>;
}

/** Which part of a list in byte order. */
export interface PageQuery {
  /** Only what comes after this. */
  readonly after?: string | undefined;
  /** At most so many items. */
  readonly limit: number;
}

/** A part of a list, and whether more follows. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** The blobs of one repository (distribution-spec v1.1.1 spec.md#pulling-blobs). */
export interface BlobStore {
  /** The size of a blob; undefined where this repository does not have it, whatever other repositories have. */
  size(digest: Digest): Promise<number | undefined>;

  /** As `size`, for a blob that a client may rely on next: garbage collection keeps it for a while. */
  use(digest: Digest): Promise<number | undefined>;

  /** Opens a blob, which the caller closes; undefined where `size` is. Its bytes were verified when they were written. */
  open(digest: Digest): Promise<StoredBlob | undefined>;

  /**
   * Gives this repository a blob of the same store without its bytes (spec.md#mounting-a-blob-from-another-repository).
   *
   * @param from the blobs of the repository that must have it; undefined for any one of the store
   * @returns false where it is not available
   */
  mount(digest: Digest, from?: Pick<BlobStore, 'size'>): Promise<boolean>;

  /** Removes the blob from this repository. False where it did not have it. */
  delete(digest: Digest): Promise<boolean>;
}

/** An open blob. It stays readable when it is deleted or replaced. */
export interface StoredBlob {
  readonly size: number;

  /**
   * The bytes, or a range of them, in chunks of at most 1 MiB, which are the reader's to keep. Closes the blob when the
   * stream ends in any way; opens nothing before the first chunk is asked for.
   */
  read(range?: ByteRange): AsyncIterable<Uint8Array>;

  /**
   * Optional, for storage that can read into memory it is given: passes the range to `write` piece by piece, in order,
   * and closes the blob. The memory of a piece is used again as soon as its promise has resolved. Without it the server
   * sends what `read` yields.
   */
  send?(range: ByteRange, write: (piece: Uint8Array) => Promise<void>, memory?: SendMemory): Promise<void>;

  /** Closes a blob that was not read. */
  close(): Promise<void>;
}

/** The memory that a blob is sent with. */
export interface SendMemory {
  readonly pieceBytes: number;
  /** Pieces in memory at once: one is read while others are written. */
  readonly pieces: number;
}

/** Uploads into one repository (spec.md#pushing-blobs). The class `Uploads` implements it over an `UploadArea`. */
export interface UploadStore {
  /** Begins an upload. @returns its id, a UUID */
  start(algorithm?: DigestAlgorithm): Promise<string>;

  /** How many bytes an upload has; undefined where there is no such upload. */
  size(id: string): Promise<number | undefined>;

  /**
   * Adds bytes at the end. A call that finds another at work on the same upload waits for it for a while, and ends it
   * when it gets no more bytes. One without an offset is not accepted when the other has added bytes. When the stream
   * fails, the bytes that came stay.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND where there is no such upload, ERR_EXPORT_LOCKED where another goes on,
   *   ERR_EXPORT_TOO_LARGE, ERR_EXPORT_INTERRUPTED where another call has taken over
   */
  append(id: string, chunks: ByteStream, options?: AppendOptions): Promise<AppendResult>;

  /**
   * Adds the last bytes, if any, and makes the upload a blob of the repository, whole and durable. With a wrong digest
   * the upload is removed: more bytes cannot repair it. An upload that has become this blob already is accepted again,
   * since its client may not have got the answer.
   *
   * @throws CodedError ERR_EXPORT_DIGEST_MISMATCH, and those of `append`
   */
  commit(id: string, digest: Digest, chunks?: ByteStream, options?: AppendOptions): Promise<AppendResult>;

  /** Ends an upload, and the call at work on it. False where there is no such upload. */
  cancel(id: string): Promise<boolean>;

  /** Stores a whole blob at once. @returns its size @throws CodedError as `commit` */
  put(digest: Digest, chunks: ByteStream, options?: AppendOptions): Promise<number>;
}

/** How an upload takes bytes. */
export interface AppendOptions {
  /** The offset that the bytes claim to have; anything but the upload's size is refused. */
  readonly offset?: number | undefined;
  /** The upload may not grow beyond this. */
  readonly maxSizeBytes?: number | undefined;
}

/** Whether bytes were taken, and the size of the upload afterwards. */
export interface AppendResult {
  readonly accepted: boolean;
  readonly size: number;
}

/** The tags of one repository. @throws CodedError ERR_EXPORT_REFERENCE_INVALID from all methods for an invalid tag */
export interface TagStore {
  /** The digest that a tag points at; undefined where there is no such tag. */
  read(tag: string): Promise<Digest | undefined>;

  /** Removes a tag; the manifest stays. False where there was no such tag. */
  delete(tag: string): Promise<boolean>;

  /** Tags in byte order, a part of them (spec.md#listing-tags). */
  list(query: PageQuery): Promise<Page<string>>;

  /** All tags in byte order. */
  all(): AsyncIterable<string>;
}

/** The manifests of one repository by their subject. */
export interface ReferrerStore {
  /**
   * The referrers of a subject in byte order of their hex digits, only those whose manifests are there; the subject
   * need not be (spec.md#listing-referrers). `pageOfReferrers` bounds a page.
   */
  list(subject: Digest, query?: ReferrerQuery): Promise<ReferrerPage>;
}

/** Which referrers, and which part of the list. */
export interface ReferrerQuery {
  readonly artifactType?: string | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A part of the list of referrers. */
export interface ReferrerPage {
  readonly items: readonly Descriptor[];
  /** Present where more may follow: 1 to 128 lower-case hex digits. */
  readonly next?: string;
}

/** The manifests of one repository. */
export interface ManifestStore {
  /** The descriptor of a manifest; undefined where the repository does not have it, or its bytes are lost. */
  describe(digest: Digest): Promise<Descriptor | undefined>;

  /** The bytes of a manifest, verified; undefined where it is not there. @throws CodedError ERR_EXPORT_STORE_INVALID */
  read(descriptor: Descriptor): Promise<Uint8Array | undefined>;

  /**
   * Stores a manifest: bytes, then its entry among the referrers of its subject, then what makes it readable, then
   * tags. Repeating it repairs what a crash has cut off (spec.md#pushing-manifests).
   *
   * @throws CodedError ERR_EXPORT_MANIFEST_INVALID, ERR_EXPORT_TOO_LARGE, ERR_EXPORT_DIGEST_MISMATCH, and
   *   ERR_EXPORT_NOT_FOUND with `missing` in its details where the repository lacks content that it names
   */
  put(bytes: Uint8Array, put?: PutManifest): Promise<StoredManifest>;

  /** Points a tag at a manifest. @throws CodedError ERR_EXPORT_NOT_FOUND where the manifest is not there */
  tag(digest: Digest, tag: string): Promise<void>;

  /** Removes a manifest from this repository, and its tags with it. False where it was not there. */
  delete(digest: Digest): Promise<boolean>;
}

/** What is known of a manifest that is pushed beside its bytes. */
export interface PutManifest {
  /** What it was announced as; undefined to go by its text alone. */
  readonly mediaType?: string | undefined;
  /** What its digest must be; undefined for any, by sha256. */
  readonly digest?: Digest | undefined;
  /** Tags that point at it when all else is done. */
  readonly tags?: readonly string[];
}

/** A manifest that has been stored. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly subject: Digest | undefined;
}
