import type { Descriptor, Digest } from '#core';
import type { ReceivingFile } from './receiving.ts';

/** Bytes as they flow. The reader may keep chunks, unless it asked for reused buffers. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** A closed range of bytes: both ends are included, as in HTTP (RFC 9110 §14.1.2). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What every operation takes. */
export interface OperationOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How much of the content to fetch. */
export interface FetchOptions extends OperationOptions {
  /** Only these bytes; a part cannot be checked against the digest, so the caller must check the whole. */
  readonly range?: ByteRange | undefined;
  /** It lies among the manifests though its type is none that is known. */
  readonly asManifest?: boolean | undefined;
  /** The buffer of a chunk may be reused: a chunk is valid only until the reader requests the next one. */
  readonly reuseBuffer?: boolean | undefined;
  /** The file that the reader writes all of it to: chunks may be receipts of that file, which the reader passes to it. */
  readonly into?: ReceivingFile | undefined;
}

/** Content that can be read as often as a retry needs it, from any offset in bytes; the rest is as in FetchOptions. */
export type ContentReader = (
  offset: number,
  reuseBuffer?: boolean,
  into?: ReceivingFile,
) => ByteStream | Promise<ByteStream>;

/** What a push did: sent the bytes, had the other side link them, or found them there. */
export type PushOutcome = 'uploaded' | 'mounted' | 'present';

/** Hints and hooks for a push. */
export interface PushOptions extends OperationOptions {
  /** A repository of the same registry that holds the blob already, so that it can be mounted. */
  readonly mountFrom?: string | undefined;
  /** Whether the caller has just looked for a manifest there, and what it saw, so that nobody looks again. */
  readonly found?: boolean | undefined;
  /** As in FetchOptions. */
  readonly asManifest?: boolean | undefined;
  /** Whether the caller lists this referrer with others of the same subject, by `listReferrers`. */
  readonly unlisted?: boolean | undefined;
  /** Called with the number of bytes that have just been sent. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
}

/** A tag, and the repository that it is of where several share a place. */
export interface ListedTag {
  readonly tag: string;
  readonly repository?: string | undefined;
}

/** How a tag is set. */
export interface TagOptions extends OperationOptions {
  /** The repository that it is of, for places that several share: `[HOST[:PORT]/]REPO`. */
  readonly repository?: string | undefined;
  /** Under the full name, beside the same tag of other repositories. */
  readonly inFull?: boolean | undefined;
  /** More tags follow, and a flush after them: until then nobody else need see this one. */
  readonly batch?: boolean | undefined;
}

/** Which referrers are wanted. */
export interface ReferrerFilter extends OperationOptions {
  readonly artifactType?: string | undefined;
}

/** How tags are listed. */
export interface TagListOptions extends OperationOptions {
  /** Told of each name that is listed among the tags and cannot be one. */
  readonly onInvalid?: ((name: string) => void) | undefined;
}

/**
 * One repository of content-addressed blobs and manifests, wherever it lies: registry, layout, archive, store.
 * Every implementation passes the one contract suite in test/oci/contract.ts.
 */
export interface Repository {
  /** What this repository is called in messages, e.g. `127.0.0.1:8080/security/feed` or `oci:out/layout`. */
  readonly name: string;

  /** Where its blobs can be mounted from: repositories of one origin can take them from each other. */
  readonly mountable?: { readonly origin: string; readonly repository: string };

  /**
   * Whether an image manifest that is there proves that its blobs are: they are asked for over a network, and the
   * other side takes no manifest without them and keeps what manifests name.
   */
  readonly assumesBlobs?: boolean;

  /** The descriptor (mediaType, digest, size) of the manifest that a tag or digest names; undefined where there is none. */
  resolve(name: string, options?: OperationOptions): Promise<Descriptor | undefined>;

  /**
   * The content of a descriptor. Without a range the stream ends well only if size and digest were right,
   * so what was read counts only after the end.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_SIZE_MISMATCH and network codes;
   *   also while the stream is read
   */
  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<ByteStream>;

  /** Whether the content is there, without reading it. Manifests and blobs are told apart by media type. */
  exists(descriptor: Descriptor, options?: OperationOptions): Promise<boolean>;

  /** Whether content of a type that is not known lies among the manifests; absent where they lie together with blobs. */
  isManifest?(descriptor: Descriptor, options?: OperationOptions): Promise<boolean>;

  /**
   * Puts content there, once: nothing of it is visible before it is whole and its digest right.
   * A manifest with a subject becomes a referrer of it.
   */
  push(descriptor: Descriptor, content: ContentReader, options?: PushOptions): Promise<PushOutcome>;

  /** Points a tag at a manifest that is there; moves it when it points elsewhere. */
  tag(descriptor: Descriptor, tag: string, options?: TagOptions): Promise<void>;

  /** Removes a tag; the manifest stays, with its other tags. False when there was no such tag. */
  untag(tag: string, options?: OperationOptions): Promise<boolean>;

  /** The repository that a tag is of, where several may share the place and it is known; absent where none do. */
  repositoryOf?(tag: string): Promise<string | undefined>;

  /** All tags with their repositories, where several may share the place. */
  listedTags?(options?: OperationOptions): AsyncIterable<ListedTag>;

  /** Signatures and the like that were saved without a tag, of which it cannot be told what they belong to. */
  unattached?(): Promise<readonly Descriptor[]>;

  /**
   * All tags, in byte order; full names where several repositories share the place.
   *
   * @throws CodedError ERR_EXPORT_NOT_FOUND where a registry has no such repository
   */
  tags(options?: TagListOptions): AsyncIterable<string>;

  /** All manifests that it lists, with and without a tag; absent where there is no such list. */
  manifests?(options?: OperationOptions): AsyncIterable<Descriptor>;

  /** The manifests whose subject is `subject`, with their artifactType and annotations, each once. */
  referrers(subject: Digest, filter?: ReferrerFilter): AsyncIterable<Descriptor>;

  /**
   * Lists what was pushed with `unlisted` as referrers of a subject, all at once; absent where a push alone does so or
   * nothing is to be listed.
   */
  listReferrers?(subject: Digest, options?: OperationOptions): Promise<void>;

  /** Takes away a manifest with its tags, or a blob. False when it was not there. */
  delete(descriptor: Descriptor, options?: OperationOptions): Promise<boolean>;

  /**
   * Makes all that was pushed and tagged visible to others and lasting, where that does not come with each step:
   * a layout writes its index, an archive its file.
   */
  flush?(options?: OperationOptions): Promise<void>;

  /** Ends connections and locks. The repository is of no use afterwards. */
  close(): Promise<void>;
}
