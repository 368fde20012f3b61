import type { Digest } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import type { StreamTarget } from '#tuf';
import type { RepositoryState, SnapshotPorts } from '../snapshot.ts';
import type { MirrorSpec } from '../spec.ts';

/** The kinds of bases, as kit.json has them. */
type BaseKind = 'list' | 'receipt' | 'registry' | 'snapshot';

/** What a zone has, so that a kit need not carry it. */
export interface Base {
  readonly kind: BaseKind;
  /** Names it in kit.json: of the manifest of a snapshot, of a receipt, of the canonical digest list. */
  readonly digest: Digest;
  /** What it is called in messages. */
  readonly name: string;
  /** Whether the zone has a content. Of contents that were not asked for it says nothing. */
  has(digest: Digest): boolean;
  /** What each tag leads to there, by `REPOSITORY:TAG`. */
  readonly tags: BaseTags;
}

/** What is known of the tags of a base. */
type BaseTags =
  | { readonly known: 'none' }
  /** Of those tags that the new snapshot has; others may be there. */
  | { readonly known: 'asked' | 'all'; readonly digests: ReadonlyMap<string, Digest> };

/** What a base is resolved against. */
export interface BaseContext extends OperationOptions {
  readonly spec: MirrorSpec;
  /** Where snapshots are kept at the source. */
  readonly snapshots: Repository;
  /** The snapshots of the stream, the newest first. */
  readonly targets: readonly StreamTarget[];
  /** The repositories of the snapshot that the zone is to have. */
  readonly repositories: readonly RepositoryState[];
}

/** A base as it was asked for; what it has is found out once it is known which snapshot the zone is to have. */
export interface BaseRequest {
  readonly name: string;
  /** What a user is to be told of it. */
  readonly note?: string;
  resolve(context: BaseContext): Promise<Base>;
}

/** How one kind of base is written, such as on the command line. */
export interface BaseForm {
  readonly kind: BaseKind;
  /** As help shows it: `list:FILE`. */
  readonly form: string;
  /**
   * @returns undefined where the text is of another kind
   * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_REFERENCE_INVALID
   */
  parse(text: string, place: BasePlace): BaseRequest | undefined;
}

/** What bases are read with. */
export interface BasePlace {
  readonly stream: string;
  readonly ports: Pick<SnapshotPorts, 'open'>;
}

/** Tags by `REPOSITORY:TAG`. */
export function tagsOf(repositories: readonly RepositoryState[]): Map<string, Digest> {
  return new Map(repositories.flatMap(({ name, tags }) => tags.map(({ tag, digest }) => [`${name}:${tag}`, digest])));
}
