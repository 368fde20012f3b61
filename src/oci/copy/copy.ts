import { type Descriptor, type Digest, isManifestType } from '#core';
import { bareDescriptor } from '../content.ts';
import { cosignTagsOf } from '../cosign-tags.ts';
import { isForeign, type Manifest, successorsOf } from '../manifest.ts';
import type { OperationOptions, PushOutcome, Repository } from '../ports.ts';
import { copyOpaque } from './opaque.ts';
import { atSide, CopyLimits, limitReached } from './rules.ts';
import { kindOfFailure, type Shortfall, type ShortfallKind, shortfallOf } from './shortfall.ts';
import { Slots } from './slots.ts';
import { type CopyTag, TagSetter } from './tags.ts';
import { type CopyProgress, Transfer } from './transfer.ts';

/** What a copy takes along and how it may be watched. */
export interface CopyOptions extends OperationOptions {
  /** Take along the referrers of every manifest, and theirs. */
  readonly referrers?: boolean | undefined;
  /** Take along cosign's tags `sha256-<hex>.sig`, `.att` and `.sbom` of every manifest. */
  readonly cosignTags?: boolean | undefined;
  /** Tags to set at the target, after all else and in this order. */
  readonly tags?: readonly CopyTag[] | undefined;
  /** Go on where one content is missing at the source or refused by the target, and report it. */
  readonly keepGoing?: boolean | undefined;
  /** Look for each content at the target, also where the target vouches for it by holding the manifest. */
  readonly checkAll?: boolean | undefined;
  /** Transfers at a time; 8 unless told. */
  readonly concurrency?: number | undefined;
  /** Called with the bytes that have just been sent. */
  readonly onProgress?: ((sentBytes: number, progress: CopyProgress) => void) | undefined;
}

/** Content that was left out on purpose. */
export interface Excluded {
  readonly descriptor: Descriptor;
  readonly reason: string;
}

/** A manifest that was not pushed, or a tag that was not set, since something below it is not at the target. */
export interface Incomplete {
  readonly descriptor: Descriptor;
  readonly tag?: string | undefined;
  /** What is not there. */
  readonly lacks: Digest;
}

/** A referrer that was taken along. */
export interface CopiedReferrer {
  readonly subject: Digest;
  /** As the source lists it. */
  readonly descriptor: Descriptor;
}

/** What a copy did. */
export interface CopyReport {
  /** What became of each content, by digest, in the order in which it was found. */
  readonly outcomes: ReadonlyMap<Digest, PushOutcome>;
  /** All that is at the target: what was sent and what was there. */
  readonly settled: readonly Descriptor[];
  /** How many of those nobody asked for, since the target vouches for them by the manifest that names them. */
  readonly vouched: number;
  /** Bytes of the contents that were uploaded. */
  readonly bytesSent: number;
  readonly referrers: readonly CopiedReferrer[];
  /** Tags that name something else than before. */
  readonly tagged: readonly CopyTag[];
  /** All tags that stand at the target as they were to be, cosign's too. */
  readonly tags: readonly CopyTag[];
  readonly excluded: readonly Excluded[];
  /** Listed at the source, and not there or damaged. Empty unless `keepGoing`, as the next two. */
  readonly missing: readonly Shortfall[];
  readonly refused: readonly Shortfall[];
  readonly incomplete: readonly Incomplete[];
}

/**
 * Copies artifacts from one repository to another, the one way by which bytes move: blobs before the manifests that
 * name them, subjects before their referrers, tags last. Everything that a root needs is looked at, also where the
 * root itself is at the target already, so a copy that was broken off is completed by the next. Only a target that
 * vouches (Repository.vouches) is not asked for the blobs of a manifest that it holds, unless `checkAll`.
 *
 * After a failure nothing more is begun, what is under way is waited for, and no tag has moved. With `keepGoing`, what
 * concerns one content only is no failure: the rest is copied, and tags of what is not whole stay as they are.
 *
 * @throws CodedError with `side` (`source` or `target`) and `digest` in its details
 */
export async function copy(
  source: Repository,
  target: Repository,
  roots: readonly Descriptor[],
  options: CopyOptions = {},
): Promise<CopyReport> {
  const run = new CopyRun(source, target, options);
  await run.copyAll(roots);
  await run.setTags(options.tags ?? []);
  return run.report();
}

class CopyRun {
  readonly #source: Repository;
  readonly #target: Repository;
  readonly #options: CopyOptions;
  readonly #slots: Slots;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #limits = new CopyLimits();
  readonly #transfer: Transfer;
  readonly #tags: TagSetter;
  /** One task for each content, whoever names it; it gives the content that is lacking, itself or below. */
  readonly #tasks = new Map<Digest, Promise<Digest | undefined>>();
  /** Manifests whose referrers and cosign tags have not been looked for yet. */
  #fresh: Descriptor[] = [];
  readonly #referrers: CopiedReferrer[] = [];
  readonly #cosignTags: CopyTag[] = [];
  readonly #excluded: Excluded[] = [];
  readonly #shortfalls: Record<ShortfallKind, Shortfall[]> = { missing: [], refused: [] };
  readonly #incomplete: Incomplete[] = [];
  readonly #vouched = new Set<Digest>();
  /** What an index lists under a type that is not known, be it a manifest or a blob. */
  readonly #opaque = new Set<Digest>();

  constructor(source: Repository, target: Repository, options: CopyOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#slots = new Slots(options.concurrency ?? 8);
    const { signal, onProgress } = options;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    this.#transfer = new Transfer(source, target, { signal: this.#signal, onProgress });
    this.#tags = new TagSetter(source, target, { signal });
  }

  async copyAll(roots: readonly Descriptor[]): Promise<void> {
    try {
      await this.#copyEach(roots, 0);
      while (this.#fresh.length > 0) {
        const manifests = this.#fresh;
        this.#fresh = [];
        if (this.#options.referrers) await this.#copyReferrers(manifests);
        if (this.#options.cosignTags) await this.#copyCosignTags(manifests);
      }
    } catch (error) {
      this.#stop.abort(error);
      await Promise.allSettled(this.#tasks.values());
      throw error;
    }
  }

  async setTags(tags: readonly CopyTag[]): Promise<void> {
    await Promise.all(this.#cosignTags.map((tag) => this.#setTag(tag)));
    for (const tag of tags) await this.#setTag(tag);
  }

  report(): CopyReport {
    return {
      outcomes: this.#transfer.outcomes(),
      settled: this.#transfer.settled(),
      vouched: this.#vouched.size,
      bytesSent: this.#transfer.bytesSent,
      referrers: this.#referrers,
      tagged: this.#tags.moved,
      tags: this.#tags.standing,
      excluded: [...this.#excluded, ...this.#tags.excluded],
      ...this.#shortfalls,
      incomplete: this.#incomplete,
    };
  }

  /** @returns the first content that is lacking */
  async #copyEach(descriptors: readonly Descriptor[], depth: number, namedBy?: Digest): Promise<Digest | undefined> {
    const lacking = await Promise.all(descriptors.map((descriptor) => this.#copyOnce(descriptor, depth, namedBy)));
    return lacking.find((digest) => digest !== undefined);
  }

  #copyOnce(descriptor: Descriptor, depth: number, namedBy?: Digest): Promise<Digest | undefined> {
    let task = this.#tasks.get(descriptor.digest);
    if (task === undefined) {
      this.#limits.count(descriptor, depth);
      this.#vouched.delete(descriptor.digest);
      this.#transfer.find(descriptor);
      task = this.#orShortfall(descriptor, namedBy, () => {
        if (isManifestType(descriptor.mediaType)) return this.#copyManifest(descriptor, depth);
        return this.#opaque.has(descriptor.digest) ? this.#copyOpaque(descriptor) : this.#copyBlob(descriptor);
      });
      // Whoever waits for it hears of its failure; if nobody does any more, a first failure was heard of before.
      task.catch(() => undefined);
      this.#tasks.set(descriptor.digest, task);
    }
    return task;
  }

  /** Runs the copying of one content, and where that is wanted lets a failure that concerns it alone be a shortfall. */
  async #orShortfall(
    descriptor: Descriptor,
    namedBy: Digest | undefined,
    work: () => Promise<Digest | undefined>,
  ): Promise<Digest | undefined> {
    try {
      return await work();
    } catch (error) {
      const kind = this.#options.keepGoing ? kindOfFailure(error) : undefined;
      if (kind === undefined) throw error;
      this.#shortfalls[kind].push(shortfallOf(error, { descriptor: bareDescriptor(descriptor), namedBy }));
      return descriptor.digest;
    }
  }

  async #copyManifest(descriptor: Descriptor, depth: number): Promise<Digest | undefined> {
    const { bytes, manifest } = await this.#slots.run(() => this.#transfer.readManifest(descriptor));
    // Referrers go along even where it is not whole itself: the source has them.
    this.#fresh.push(descriptor);
    const successors = successorsOf(manifest).filter((successor) => this.#isWanted(successor));
    if (manifest.kind === 'index') {
      for (const { mediaType, digest } of successors) if (!isManifestType(mediaType)) this.#opaque.add(digest);
    }
    const found = await this.#isVouched(descriptor, manifest);
    if (found === true) this.#trust(successors);
    else {
      const lacks = await this.#copyEach(successors, depth + 1, descriptor.digest);
      if (lacks !== undefined) {
        this.#incomplete.push({ descriptor: bareDescriptor(descriptor), lacks });
        return lacks;
      }
    }
    // A registry without referrers of its own lists this one when it is pushed: its subject should be there by then.
    if (manifest.subject !== undefined) await this.#tasks.get(manifest.subject.digest);
    await this.#slots.run(() => this.#transfer.pushManifest(descriptor, bytes, found));
    return undefined;
  }

  async #copyBlob(descriptor: Descriptor): Promise<undefined> {
    await this.#slots.run(() => this.#transfer.pushBlob(descriptor));
  }

  async #copyOpaque(descriptor: Descriptor): Promise<undefined> {
    const options = { signal: this.#signal };
    const reason = await this.#slots.run(() => copyOpaque(this.#transfer, descriptor, options));
    if (reason !== undefined) this.#excluded.push({ descriptor: bareDescriptor(descriptor), reason });
  }

  /** Whether the target holds this manifest and vouches for its blobs; undefined where it was not asked. */
  async #isVouched(descriptor: Descriptor, manifest: Manifest): Promise<boolean | undefined> {
    // Of an index registries may hold less than it lists.
    if (this.#options.checkAll || this.#target.vouches !== true || manifest.kind === 'index') return undefined;
    const ask = () => this.#target.exists(bareDescriptor(descriptor), { signal: this.#signal });
    return this.#slots.run(() => atSide('target', descriptor, ask));
  }

  #trust(successors: readonly Descriptor[]): void {
    for (const successor of successors) {
      if (this.#tasks.has(successor.digest)) continue;
      this.#transfer.settle(successor, 'present');
      this.#vouched.add(successor.digest);
    }
  }

  #isWanted(descriptor: Descriptor): boolean {
    if (!isForeign(descriptor)) return true;
    this.#excluded.push({ descriptor, reason: 'its maker does not let it be distributed; it stays at its URL' });
    return false;
  }

  async #copyReferrers(manifests: readonly Descriptor[]): Promise<void> {
    await Promise.all(manifests.map((manifest) => this.#copyReferrersOf(manifest)));
  }

  async #copyReferrersOf(subject: Descriptor): Promise<void> {
    const listed = await this.#slots.run(() => atSide('source', subject, () => this.#list(subject)));
    for (const referrer of listed) {
      // What is lacking was found so before.
      if ((await this.#tasks.get(referrer.digest)) !== undefined) continue;
      if (!(await this.#refersTo(referrer, subject))) continue;
      const lacks = await this.#copyOnce(bareDescriptor(referrer), 0);
      if (lacks === undefined) this.#referrers.push({ subject: subject.digest, descriptor: referrer });
    }
  }

  async #refersTo(referrer: Descriptor, subject: Descriptor): Promise<boolean> {
    let refers = false;
    const lacks = await this.#orShortfall(referrer, undefined, async () => {
      if (!isManifestType(referrer.mediaType)) return undefined;
      const { manifest } = await this.#slots.run(() => this.#transfer.readManifest(referrer));
      refers = manifest.subject?.digest === subject.digest;
      return undefined;
    });
    if (lacks !== undefined || refers) return refers;
    this.#excluded.push({
      descriptor: referrer,
      reason: `listed as a referrer of ${subject.digest}, which it is not`,
    });
    return false;
  }

  async #list(subject: Descriptor): Promise<Descriptor[]> {
    const listed: Descriptor[] = [];
    for await (const referrer of this.#source.referrers(subject.digest, { signal: this.#signal })) {
      if (listed.push(referrer) > this.#limits.maxReferrers) throw limitReached(subject, 'referrers');
    }
    return listed;
  }

  async #copyCosignTags(manifests: readonly Descriptor[]): Promise<void> {
    const tags = manifests.flatMap(({ digest }) => cosignTagsOf(digest));
    await Promise.all(
      tags.map(async (tag) => {
        const resolve = () => this.#source.resolve(tag, { signal: this.#signal });
        const descriptor = await this.#slots.run(resolve);
        if (descriptor === undefined) return;
        await this.#copyOnce(descriptor, 0);
        this.#cosignTags.push({ tag, descriptor });
      }),
    );
  }

  async #setTag({ tag, descriptor }: CopyTag): Promise<void> {
    const lacks = await this.#tasks.get(descriptor.digest);
    if (lacks !== undefined) {
      this.#incomplete.push({ descriptor: bareDescriptor(descriptor), tag, lacks });
      return;
    }
    try {
      await this.#slots.run(() => this.#tags.set({ tag, descriptor }));
    } catch (error) {
      const kind = this.#options.keepGoing ? kindOfFailure(error) : undefined;
      if (kind === undefined) throw error;
      this.#shortfalls[kind].push(shortfallOf(error, { descriptor: bareDescriptor(descriptor), tag }));
    }
  }
}
