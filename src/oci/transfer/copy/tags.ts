import { type Descriptor, type Digest, isCoded, isManifestType } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { bareDescriptor, contentOf, fetchBytes } from '#oci/image';
import { isSharedTag, mergeShared, type SharedState } from './merge.ts';
import { withOrigin } from './rules.ts';

/** A tag to set at the target. */
export interface CopyTag {
  readonly tag: string;
  readonly descriptor: Descriptor;
  /** The repository that it is of, for targets that several share: `[HOST[:PORT]/]REPO`. */
  readonly repository?: string | undefined;
  /** Under its full name, beside the same tag of other repositories. */
  readonly inFull?: boolean | undefined;
}

/** A tag that names something else than before. */
export interface MovedTag extends CopyTag {
  /** What it named before. */
  readonly before: Digest | undefined;
  /** Whether it leads to what was at the target as well, so to a manifest that is not at the source. */
  readonly isMerged: boolean;
}

/** A tag that was left as it is at the target, since to set it would lose what it leads to there. */
export interface TagConflict {
  readonly tag: string;
  /** What the source has. */
  readonly descriptor: Descriptor;
  /** What the target has. */
  readonly existing: Digest | undefined;
  readonly reason: string;
}

/** Sets tags at the target of a copy, once all that they name is there. */
export class TagSetter {
  /** Tags that name something else than before. */
  readonly moved: MovedTag[] = [];
  /** Tags that stand as they were to be, or with more than the source has. */
  readonly standing: CopyTag[] = [];
  readonly conflicts: TagConflict[] = [];
  readonly #source: Repository;
  readonly #target: Repository;
  readonly #options: OperationOptions;

  constructor(source: Repository, target: Repository, options: OperationOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
  }

  /**
   * Why a tag must not be set at the target: it is that of another repository there.
   *
   * @returns undefined where it may be set, as far as can be told before anything is copied
   */
  async conflictOf({ tag, descriptor, repository, inFull }: CopyTag): Promise<TagConflict | undefined> {
    if (this.#target.repositoryOf === undefined || repository === undefined || inFull) return undefined;
    const conflict = { tag, descriptor: bareDescriptor(descriptor) };
    try {
      const existing = await this.#target.resolve(tag, this.#options);
      if (existing === undefined || existing.digest === descriptor.digest) return undefined;
      const other = await this.#target.repositoryOf(tag);
      if (other === undefined || other === repository) return undefined;
      return { ...conflict, existing: existing.digest, reason: `it is the tag of ${other}, not of ${repository}` };
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_REFERENCE_INVALID')) throw error;
      return { ...conflict, existing: undefined, reason: error.message };
    }
  }

  /** What tags name at the target now. */
  find({ tag, descriptor, repository, inFull }: CopyTag): Promise<Descriptor | undefined> {
    const name = inFull ? `${repository}:${tag}` : tag;
    return withOrigin('target', descriptor, () => this.#target.resolve(name, this.#options));
  }

  /** Sets a tag; flush the target after the last. Leaves one alone that says so already. */
  async set(wanted: CopyTag, before: Descriptor | undefined): Promise<void> {
    const { tag, descriptor } = wanted;
    if (before?.digest === descriptor.digest) {
      this.standing.push(wanted);
      return;
    }
    const shared = before !== undefined && isSharedTag(tag) ? await this.#merge(wanted, before) : 'source';
    if (shared === 'conflict') return;
    if (shared === 'target') {
      this.standing.push({ ...wanted, descriptor: before as Descriptor });
      return;
    }
    const isMerged = shared !== 'source';
    const next = isMerged ? { ...wanted, descriptor: shared } : wanted;
    const { repository, inFull } = wanted;
    const options = { ...this.#options, repository, inFull, batch: true };
    await withOrigin('target', descriptor, () => this.#target.tag(next.descriptor, tag, options));
    this.moved.push({ ...next, before: before?.digest, isMerged });
    this.standing.push(next);
  }

  /** @returns which of both is to stand, or the descriptor of both in one, which is at the target then */
  async #merge(wanted: CopyTag, before: Descriptor): Promise<'source' | 'target' | 'conflict' | Descriptor> {
    const { tag, descriptor } = wanted;
    const existing = await this.#readExisting(before);
    // A tag that leads to nothing has nothing to lose.
    if (existing === 'missing') return 'source';
    const merged =
      typeof existing === 'string'
        ? ({ kind: 'conflict', reason: existing } as const)
        : mergeShared(tag, await this.#read('source', descriptor), existing);
    if (merged.kind === 'conflict') {
      const { reason } = merged;
      this.conflicts.push({ tag, descriptor: bareDescriptor(descriptor), existing: before.digest, reason });
      return 'conflict';
    }
    if (merged.kind !== 'merged') return merged.kind;
    const { manifest, config } = merged;
    for (const part of config === undefined ? [manifest] : [config, manifest]) {
      const push = () => this.#target.push(part.descriptor, contentOf(part.bytes), this.#options);
      await withOrigin('target', descriptor, push);
    }
    return manifest.descriptor;
  }

  /** @returns also `missing`, or why it cannot be read */
  async #readExisting(before: Descriptor): Promise<SharedState | string> {
    try {
      return await this.#read('target', before);
    } catch (error) {
      if (isCoded(error, 'ERR_EXPORT_NOT_FOUND')) return 'missing';
      const isBroken = isCoded(error, 'ERR_EXPORT_DIGEST_MISMATCH', 'ERR_EXPORT_SIZE_MISMATCH', 'ERR_EXPORT_TOO_LARGE');
      if (isBroken) return `it cannot be read: ${error.message}`;
      throw error;
    }
  }

  async #read(side: 'source' | 'target', descriptor: Descriptor): Promise<SharedState> {
    const repository = side === 'source' ? this.#source : this.#target;
    // What is of no type that can be merged is not read either.
    if (!isManifestType(descriptor.mediaType)) return { descriptor, bytes: new Uint8Array() };
    const bytes = await withOrigin(side, descriptor, () => fetchBytes(repository, descriptor, this.#options));
    return { descriptor, bytes };
  }
}
