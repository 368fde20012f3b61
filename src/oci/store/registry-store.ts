import type { Descriptor, Digest, DigestAlgorithm } from '#core';
import type { ByteRange, ByteStream } from '#oci/image';

/**
 * The registry storage of one tenant, as the server and openStoreRepository see it: no path, no file, no connection.
 * Every implementation passes the suite in test/oci/store/contract. All sizes are in bytes. A method that cannot read
 * or write its medium throws ERR_EXPORT_IO, ERR_EXPORT_NOT_WRITABLE or ERR_EXPORT_DISK_FULL; for damaged content it
 * throws ERR_EXPORT_STORE_INVALID. Acknowledged writes survive the end of the process, unless the medium is memory.
 */
export interface RegistryStore {
  /** The owner. A store never returns content of another tenant. */
  readonly tenant: string;

  /** Whether it can be read; true for an empty store. Never throws. */
  isReadable(): Promise<boolean>;

  /** @throws CodedError with the reason if it is not writable */
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

/** A part of a list in byte order. */
export interface PageQuery {
  /** Only items after this. */
  readonly after?: string | undefined;
  /** The maximum number of items. */
  readonly limit: number;
}

/** A part of a list, and whether more follows. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** The blobs of one repository (distribution-spec v1.1.1 spec.md#pulling-blobs). */
export interface BlobStore {
  /** The size of a blob; undefined if this repository does not have it, whatever other repositories have. */
  size(digest: Digest): Promise<number | undefined>;

  /** As `size`, for a blob that a client is about to rely on: protects it from garbage collection for a while. */
  use(digest: Digest): Promise<number | undefined>;

  /** Opens a blob; the caller closes it. Undefined if `size` is undefined. Its bytes were verified when they were written. */
  open(digest: Digest): Promise<StoredBlob | undefined>;

  /**
   * Mounts a blob of the same store into this repository (spec.md#mounting-a-blob-from-another-repository).
   *
   * @param from the blobs of the repository that must have it; undefined for any of the store
   * @returns false if it is not available
   */
  mount(digest: Digest, from?: Pick<BlobStore, 'size'>): Promise<boolean>;

  /** Removes the blob from this repository. False if it did not have it. */
  delete(digest: Digest): Promise<boolean>;
}

/** An open blob. It stays readable when it is deleted or replaced. */
export interface StoredBlob {
  readonly size: number;

  /**
   * The bytes, or a range of them, in chunks of at most 1 MiB, which belong to the reader. Closes the blob when the
   * stream ends or fails.
   */
  read(range?: ByteRange): AsyncIterable<Uint8Array>;

  /**
   * Optional, for a storage that can read into a given buffer: passes the range to `write` piece by piece, in order, and
   * closes the blob. The memory of a piece is reused as soon as its promise has resolved. Without this method the server
   * uses `read`.
   */
  send?(range: ByteRange, write: (piece: Uint8Array) => Promise<void>, memory?: SendMemory): Promise<void>;

  /** Closes a blob that was not read. */
  close(): Promise<void>;
}

/** The memory for sending a blob. */
export interface SendMemory {
  readonly pieceBytes: number;
  /** Pieces in memory at once: one is read while others are written. */
  readonly pieces: number;
}

/** Uploads into one repository (spec.md#pushing-blobs). The class `Uploads` implements it over an `UploadStorage`. */
export interface UploadStore {
  /** Begins an upload. @returns its id, a UUID */
  start(algorithm?: DigestAlgorithm): Promise<string>;

  /** The size of an upload; undefined if it does not exist. */
  size(id: string): Promise<number | undefined>;

  /**
   * Appends bytes. A call waits for a while for another one on the same upload, and aborts it if that one receives no
   * more bytes. A call without an offset is not accepted if the other one has added bytes. If the stream fails, the
   * received bytes are kept.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND if the upload does not exist, ERR_EXPORT_LOCKED if another call continues,
   *   ERR_EXPORT_TOO_LARGE, ERR_EXPORT_INTERRUPTED if another call has taken over
   */
  append(id: string, chunks: ByteStream, options?: AppendOptions): Promise<AppendResult>;

  /**
   * Appends the last bytes, if any, and makes the upload a blob of the repository, durably. If the digest does not match,
   * the upload is removed. Repeating a commit that has succeeded succeeds again, since the client may have missed the
   * response.
   *
   * @throws CodedError ERR_EXPORT_DIGEST_MISMATCH, and those of `append`
   */
  commit(id: string, digest: Digest, chunks?: ByteStream, options?: AppendOptions): Promise<AppendResult>;

  /** Cancels an upload and the running call on it. False if the upload does not exist. */
  cancel(id: string): Promise<boolean>;

  /** Stores a whole blob. @returns its size @throws CodedError as `commit` */
  put(digest: Digest, chunks: ByteStream, options?: AppendOptions): Promise<number>;
}

/** Offset and size limit of an append. */
export interface AppendOptions {
  /** The offset of the bytes; must be the size of the upload. */
  readonly offset?: number | undefined;
  /** The maximum size of the upload. */
  readonly maxSizeBytes?: number | undefined;
}

/** Whether the bytes were accepted, and the size of the upload afterwards. */
export interface AppendResult {
  readonly accepted: boolean;
  readonly size: number;
}

/** The tags of one repository. @throws CodedError ERR_EXPORT_REFERENCE_INVALID from all methods for an invalid tag */
export interface TagStore {
  /** The digest that a tag points at; undefined if the tag does not exist. */
  read(tag: string): Promise<Digest | undefined>;

  /** Removes a tag; the manifest stays. False if the tag did not exist. */
  delete(tag: string): Promise<boolean>;

  /** A page of tags in byte order (spec.md#listing-tags). */
  list(query: PageQuery): Promise<Page<string>>;

  /** All tags in byte order. */
  all(): AsyncIterable<string>;
}

/** The referrers in one repository, by subject. */
export interface ReferrerStore {
  /**
   * The referrers of a subject whose manifests exist, in byte order of their hex digits; the subject need not exist
   * (spec.md#listing-referrers). `pageOfReferrers` bounds a page.
   */
  list(subject: Digest, query?: ReferrerQuery): Promise<ReferrerPage>;
}

/** Filter and position of a page of referrers. */
export interface ReferrerQuery {
  readonly artifactType?: string | undefined;
  /** `next` of the previous page. */
  readonly after?: string | undefined;
}

/** A page of referrers. */
export interface ReferrerPage {
  readonly items: readonly Descriptor[];
  /** Present if more may follow: 1 to 128 lower-case hex digits. */
  readonly next?: string;
}

/** The manifests of one repository. */
export interface ManifestStore {
  /** The descriptor of a manifest; undefined if the repository does not have it, or its bytes are missing. */
  describe(digest: Digest): Promise<Descriptor | undefined>;

  /** The bytes of a manifest, verified; undefined if they do not exist. @throws CodedError ERR_EXPORT_STORE_INVALID */
  read(descriptor: Descriptor): Promise<Uint8Array | undefined>;

  /**
   * Stores a manifest: its bytes, then its entry among the referrers of its subject, then its link, which makes it
   * visible, then its tags. Repeating it completes a put that a crash interrupted (spec.md#pushing-manifests).
   *
   * @throws CodedError ERR_EXPORT_MANIFEST_INVALID, ERR_EXPORT_TOO_LARGE, ERR_EXPORT_DIGEST_MISMATCH, and
   *   ERR_EXPORT_NOT_FOUND with `missing` in its details if the repository does not have a child of it
   */
  put(bytes: Uint8Array, put?: PutManifest): Promise<StoredManifest>;

  /** Points a tag at a manifest. @throws CodedError ERR_EXPORT_NOT_FOUND if the manifest does not exist */
  tag(digest: Digest, tag: string): Promise<void>;

  /** Removes a manifest and its tags from this repository. False if it did not exist. */
  delete(digest: Digest): Promise<boolean>;
}

/** Media type, digest and tags of a pushed manifest. */
export interface PutManifest {
  /** Its Content-Type; undefined to use the media type in its content. */
  readonly mediaType?: string | undefined;
  /** The expected digest; undefined for the computed sha256. */
  readonly digest?: Digest | undefined;
  /** Tags to be set last. */
  readonly tags?: readonly string[];
}

/** A manifest that has been stored. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly subject: Digest | undefined;
}
