import { compileGlob, type Descriptor, type Digest, isCoded, isManifestType } from '#core';
import {
  cosignTagsOf,
  type GraphLink,
  type GraphNode,
  GraphWalk,
  type OperationOptions,
  type Repository,
  referrerLinks,
  rootLink,
} from '#oci/image';
import type { RepositoryRule } from '../spec.ts';
import type { Repository as RepositoryState } from './mirror-snapshot.generated.ts';
import { type ManifestNode, NodeReader } from './nodes.ts';

/** A tag and what it led to. */
export interface ResolvedTag {
  readonly tag: string;
  readonly descriptor: Descriptor;
}

/** What a snapshot leaves out, and why. */
export interface LeftOut {
  /** The repository at the source, and a tag or a digest in it. */
  readonly name: string;
  readonly reason: string;
}

/** All that the tags of a repository lead to. */
export interface WalkedRepository {
  /** Cosign's tags too. */
  readonly tags: readonly ResolvedTag[];
  readonly manifests: readonly ManifestNode[];
  readonly referrers: readonly { readonly subject: Digest; readonly digest: Digest }[];
  readonly leftOut: readonly LeftOut[];
  /** Whether manifests were read that the earlier snapshot does not have. */
  readonly isFresh: boolean;
}

/** What is walked, and what is known of it. */
export interface WalkOptions extends OperationOptions {
  readonly rule: Pick<RepositoryRule, 'referrers' | 'cosignTags'>;
  /** All tags that the source lists, cosign's among them. */
  readonly listed: ReadonlySet<string>;
  /** The repository in an earlier snapshot. */
  readonly known: RepositoryState | undefined;
}

const LIMITS = { maxDepth: 16, maxNodes: 1_000_000, maxManifestBytes: 16 * 1024 ** 3 } as const;
const MAX_REFERRERS = 10_000;
const CONCURRENCY = 8;

/**
 * Follows the tags of a repository to all manifests: what they list, their referrers and cosign's tags, and so on. Each
 * list of referrers is asked for, each manifest read only where the earlier snapshot does not have it.
 */
export async function walkRepository(
  source: Repository,
  roots: readonly ResolvedTag[],
  options: WalkOptions,
): Promise<WalkedRepository> {
  return new RepositoryWalk(source, options).walk(roots);
}

class RepositoryWalk {
  readonly #source: Repository;
  readonly #options: WalkOptions;
  readonly #reader: NodeReader;
  readonly #isWanted: (artifactType: string) => boolean;
  readonly #tags: ResolvedTag[] = [];
  readonly #manifests: ManifestNode[] = [];
  readonly #referrers: { subject: Digest; digest: Digest }[] = [];
  readonly #leftOut: LeftOut[] = [];

  constructor(source: Repository, options: WalkOptions) {
    this.#source = source;
    this.#options = options;
    this.#reader = new NodeReader(source, options.known, { signal: options.signal });
    const globs = options.rule.referrers?.map(compileGlob);
    this.#isWanted = (artifactType) => globs?.some((matches) => matches(artifactType)) ?? true;
  }

  async walk(roots: readonly ResolvedTag[]): Promise<WalkedRepository> {
    this.#tags.push(...roots);
    const expand = (node: GraphNode) => this.#expand(node);
    const walk = new GraphWalk<undefined>(
      { expand },
      { limits: LIMITS, concurrency: CONCURRENCY, signal: this.#options.signal },
    );
    await walk.run(roots.map(({ descriptor }) => rootLink(descriptor)));
    return {
      tags: this.#tags,
      manifests: this.#manifests,
      referrers: this.#referrers,
      leftOut: this.#leftOut,
      isFresh: this.#reader.fetched > 0,
    };
  }

  async #expand({ descriptor, reason }: GraphNode): Promise<{ links: GraphLink[]; value: undefined }> {
    const node = await this.#reader.read(descriptor, reason.kind === 'child');
    if (node === undefined) return { links: [], value: undefined };
    this.#manifests.push(node);
    for (const layer of node.foreign) {
      this.#leaveOut(layer, `not distributable (foreign layer) of ${descriptor.digest}`);
    }
    const { digest } = descriptor;
    const children = node.manifests.map((child): GraphLink => {
      return { ...rootLink(child), reason: { kind: 'child', of: digest } };
    });
    return { links: [...children, ...(await this.#attached(digest))], value: undefined };
  }

  async #attached(subject: Digest): Promise<GraphLink[]> {
    const { rule, signal } = this.#options;
    const links: GraphLink[] = [];
    if (rule.referrers?.length !== 0) {
      const listed = await referrerLinks(this.#source, subject, { signal, maxReferrers: MAX_REFERRERS });
      for (const link of listed) if (await this.#isReferrer(link, subject)) links.push(link);
    }
    if (rule.cosignTags) links.push(...(await this.#cosignTags(subject)));
    return links;
  }

  /** Whether what is listed as a referrer is wanted, is there, and does refer to the subject. */
  async #isReferrer({ descriptor }: GraphLink, subject: Digest): Promise<boolean> {
    const { digest, artifactType, mediaType } = descriptor;
    if (!this.#isWanted(artifactType ?? mediaType)) return false;
    try {
      const node = await this.#reader.read(descriptor, false);
      if (node?.subject === subject) {
        this.#referrers.push({ subject, digest });
        return true;
      }
      this.#leaveOut(digest, `listed as a referrer of ${subject}, but has another subject`);
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND')) throw error;
      this.#leaveOut(digest, `listed as a referrer of ${subject}, but not found`);
    }
    return false;
  }

  async #cosignTags(subject: Digest): Promise<GraphLink[]> {
    const { listed, signal } = this.#options;
    const links: GraphLink[] = [];
    for (const tag of cosignTagsOf(subject).filter((each) => listed.has(each))) {
      const descriptor = await this.#source.resolve(tag, { signal });
      if (descriptor === undefined) continue;
      this.#tags.push({ tag, descriptor });
      const kind = isManifestType(descriptor.mediaType) ? 'manifest' : 'unknown';
      links.push({ kind, descriptor, reason: { kind: 'cosignTag', of: subject, tag } });
    }
    return links;
  }

  #leaveOut(name: string, reason: string): void {
    this.#leftOut.push({ name: `${this.#source.name}@${name}`, reason });
  }
}
