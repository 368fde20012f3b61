import { type Descriptor, type Digest, isManifestType } from '#core';
import {
  bareDescriptor,
  cosignTagLink,
  cosignTagsOf,
  type GraphExpansion,
  type GraphLink,
  type GraphNode,
  type GraphNodeKey,
  type GraphVisit,
  GraphWalk,
  isForeign,
  type Manifest,
  nodeKey,
  type PushOptions,
  referrerLinks,
  successorLinks,
  type UnknownManifest,
} from '#oci/image';
import { withOrigin } from './rules.ts';
import type { CopyRun } from './run.ts';
import type { CopyTag } from './tags.ts';
import { checkNamesNothing, readUnknown, type UnknownPlace } from './unknown.ts';

/** What is to be done with one content. */
export type CopyStep =
  | { readonly action: 'pushBlob' }
  | {
      readonly action: 'pushManifest';
      readonly bytes: Uint8Array;
      /** What has to be at the target before. */
      readonly children: readonly GraphNodeKey[];
      readonly subject: Digest | undefined;
      readonly options: PushOptions;
    }
  | { readonly action: 'pushUnknown'; readonly place: UnknownPlace }
  /** The source does not have it as it is named; the log says so. */
  | { readonly action: 'none' };

/** A content, and what is to be done with it. */
export type PlannedContent = GraphVisit<CopyStep>;

/** A manifest, and the referrers of it that the source lists and that do refer to it. */
export interface ListedReferrers {
  readonly subject: Descriptor;
  /** As the source lists them. */
  readonly referrers: readonly Descriptor[];
}

/** How much a copy follows before it takes what it was given for a trap. @internal for tests */
export const copyLimits = {
  maxDepth: 16,
  maxNodes: 1_000_000,
  maxManifestBytes: 16 * 1024 ** 3,
  /** Of one manifest. */
  maxReferrers: 10_000,
} as const;

/**
 * Finds what is to be copied: walks the source, and asks the target only whether it has a manifest and with it, by its
 * own word, the blobs. The plan is a stream: a content is planned as soon as it is known what it needs.
 */
export class CopyPlanner {
  readonly #run: CopyRun;
  readonly #walk: GraphWalk<CopyStep>;
  /** Manifests whose referrers and cosign tags have not been looked for yet. */
  #fresh: Descriptor[] = [];
  /** Of the manifests that were read and have one. */
  readonly #subjects = new Map<Digest, Digest>();
  /** What an index lists under an unknown type, looked at ahead of the rest. */
  readonly #ahead = new Map<Digest, Promise<UnknownManifest | undefined>>();
  /** Manifests that cannot be read, or not be followed; the log says so. */
  readonly #failed = new Set<Digest>();

  constructor(run: CopyRun) {
    this.#run = run;
    const { signal, concurrency } = run;
    this.#walk = new GraphWalk(
      { expand: (node: GraphNode) => this.#expand(node) },
      { limits: copyLimits, concurrency, signal },
    );
  }

  /** What some links lead to and was not planned yet, with a step for each. */
  plan(links: readonly GraphLink[]): AsyncGenerator<PlannedContent> {
    for (const { descriptor } of links) this.#run.contents.find(descriptor);
    return this.#walk.from(links);
  }

  /** The manifests that were planned since this was last asked for. */
  takeFresh(): Descriptor[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** The referrers of a manifest; of what the source lists, the log names what does not refer to it. */
  async referrersOf(subject: Descriptor): Promise<ListedReferrers> {
    const { source, semaphore, signal } = this.#run;
    const options = { signal, maxReferrers: copyLimits.maxReferrers };
    const list = () => referrerLinks(source, subject.digest, options);
    const listed = await semaphore.run(() => withOrigin('source', subject, list));
    const referrers = listed.map(({ descriptor }) => descriptor).filter(({ digest }) => !this.#failed.has(digest));
    const refers = await Promise.all(referrers.map((referrer) => this.#refersTo(referrer, subject)));
    return { subject, referrers: referrers.filter((_, i) => refers[i]) };
  }

  /** What cosign's tags for some manifests lead to, and these tags. */
  async cosignTagsOf(subjects: readonly Descriptor[]): Promise<{ links: GraphLink[]; tags: CopyTag[] }> {
    const { source, semaphore, signal } = this.#run;
    const named = subjects.flatMap(({ digest }) => cosignTagsOf(digest).map((tag) => ({ digest, tag })));
    const found = await Promise.all(
      named.map(async ({ digest, tag }) => {
        const link = await semaphore.run(() => cosignTagLink(source, digest, tag, { signal }));
        return link && { link, tag: { tag, descriptor: link.descriptor } };
      }),
    );
    const present = found.filter((each) => each !== undefined);
    return { links: present.map(({ link }) => link), tags: present.map(({ tag }) => tag) };
  }

  async #expand(node: GraphNode): Promise<GraphExpansion<CopyStep>> {
    const { descriptor, reason, kind } = node;
    this.#run.log.assumed.delete(descriptor.digest);
    if (kind === 'blob') return { links: [], value: { action: 'pushBlob' } };
    try {
      return await (kind === 'unknown' ? this.#planUnknown(node) : this.#planManifest(node));
    } catch (error) {
      this.#noteFailure(error, descriptor, reason.kind === 'child' ? reason.of : undefined);
      return { links: [], value: { action: 'none' } };
    }
  }

  async #planManifest({ descriptor, reason }: GraphNode): Promise<GraphExpansion<CopyStep>> {
    const { digest } = descriptor;
    const { bytes, manifest } = await this.#read(descriptor);
    // Referrers go along even where it is not whole itself: the source has them.
    this.#fresh.push(descriptor);
    const links = this.#distributable(successorLinks(digest, manifest));
    await this.#checkUnknown(links);
    const found = await this.#isAssumedWhole(descriptor, manifest);
    if (found === true) this.#assume(links);
    for (const link of links) this.#run.contents.find(link.descriptor);
    const needed = found === true ? [] : links;
    const unlisted = reason.kind === 'referrer' && this.#run.target.listReferrers !== undefined;
    const children = needed.map(nodeKey);
    const subject = manifest.subject?.digest;
    return {
      links: needed,
      value: { action: 'pushManifest', bytes, children, subject, options: { found, unlisted } },
    };
  }

  async #planUnknown({ descriptor, reason }: GraphNode): Promise<GraphExpansion<CopyStep>> {
    const place = reason.kind === 'child' ? 'listed' : 'manifest';
    const unknown = await this.#inspect(descriptor, place);
    this.#ahead.delete(descriptor.digest);
    if (unknown === undefined) return { links: [], value: { action: 'pushBlob' } };
    if (place === 'manifest') this.#fresh.push(descriptor);
    return { links: [], value: { action: 'pushUnknown', place } };
  }

  async #read(descriptor: Descriptor): Promise<{ bytes: Uint8Array; manifest: Manifest }> {
    const { semaphore, transfer } = this.#run;
    const found = await semaphore.runFirst(() => transfer.readManifest(descriptor));
    const { subject } = found.manifest;
    if (subject !== undefined) this.#subjects.set(descriptor.digest, subject.digest);
    return found;
  }

  /** Each once, without what its publisher keeps at a place of his own. */
  #distributable(links: readonly GraphLink[]): GraphLink[] {
    const unique = new Map(links.toReversed().map((link) => [nodeKey(link), link]));
    const first = links.filter((link) => unique.get(nodeKey(link)) === link);
    const { excluded } = this.#run.log;
    const reason = 'not distributable (foreign layer): stays at its URL';
    for (const { descriptor } of first) if (isForeign(descriptor)) excluded.push({ descriptor, reason });
    return first.filter(({ descriptor }) => !isForeign(descriptor));
  }

  /** Whether the target holds this manifest and so is assumed to have its blobs; undefined where it was not asked. */
  async #isAssumedWhole(descriptor: Descriptor, manifest: Manifest): Promise<boolean | undefined> {
    const { options, target, semaphore, signal } = this.#run;
    // Of an index registries may hold less than it lists.
    if (options.checkAll || target.assumesBlobs !== true || manifest.kind === 'index') return undefined;
    const ask = () => target.exists(bareDescriptor(descriptor), { signal });
    return semaphore.runFirst(() => withOrigin('target', descriptor, ask));
  }

  #assume(links: readonly GraphLink[]): void {
    const { contents, log } = this.#run;
    for (const { descriptor } of links) {
      if (this.#walk.reached.has(descriptor.digest)) continue;
      contents.complete(descriptor, 'present');
      log.assumed.add(descriptor.digest);
    }
  }

  /** Of a manifest that cannot be copied whole is told before more of the index that lists it is sent. */
  async #checkUnknown(links: readonly GraphLink[]): Promise<void> {
    const unknown = links.filter(
      ({ kind, descriptor }) => kind === 'unknown' && !this.#walk.reached.has(descriptor.digest),
    );
    await Promise.all(
      unknown.map(async ({ descriptor }) => {
        await this.#inspect(descriptor, 'listed').catch((error: unknown) => {
          // Whoever plans it notes it.
          if (!this.#run.log.isNotable(error)) throw error;
        });
      }),
    );
  }

  #inspect(descriptor: Descriptor, place: UnknownPlace): Promise<UnknownManifest | undefined> {
    const ahead = this.#ahead.get(descriptor.digest);
    if (ahead !== undefined) return ahead;
    const { source, semaphore, signal } = this.#run;
    const inspected = semaphore.runFirst(async () => {
      const unknown = await readUnknown(source, descriptor, place, { signal });
      if (unknown !== undefined) await checkNamesNothing(source, descriptor, unknown);
      return unknown;
    });
    this.#ahead.set(descriptor.digest, inspected);
    return inspected;
  }

  /** Whether what is listed as a referrer refers to the subject; what was read before is not read again for it. */
  async #refersTo(referrer: Descriptor, subject: Descriptor): Promise<boolean> {
    try {
      if ((await this.#subjectOf(referrer)) === subject.digest) return true;
    } catch (error) {
      this.#noteFailure(error, referrer, undefined);
      return false;
    }
    this.#run.log.excluded.push({
      descriptor: referrer,
      reason: `listed as a referrer of ${subject.digest}, but has another subject`,
    });
    return false;
  }

  async #subjectOf(referrer: Descriptor): Promise<Digest | undefined> {
    const known = this.#subjects.get(referrer.digest);
    if (known !== undefined) return known;
    if (isManifestType(referrer.mediaType)) return (await this.#read(referrer)).manifest.subject?.digest;
    const { source, semaphore, signal } = this.#run;
    return (await semaphore.run(() => readUnknown(source, referrer, 'manifest', { signal })))?.subject;
  }

  #noteFailure(error: unknown, descriptor: Descriptor, namedBy: Digest | undefined): void {
    try {
      this.#run.log.note(error, { descriptor: bareDescriptor(descriptor), namedBy });
      this.#failed.add(descriptor.digest);
    } catch (fatal) {
      throw this.#run.fail(fatal);
    }
  }
}
