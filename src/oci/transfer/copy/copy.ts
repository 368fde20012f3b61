import { CodedError, type Descriptor, type Digest, isManifestType } from '#core';
import type { OperationOptions, PushOutcome, Repository } from '#oci/image';
import { bareDescriptor, cosignTagsOf, isForeign, type Manifest, successorsOf } from '#oci/image';
import { type CopyFailure, type CopyFailureKind, copyFailureOf, kindOfFailure } from './copy-failure.ts';
import { CopyLimits, limitReached, withOrigin } from './rules.ts';
import { Semaphore } from './semaphore.ts';
import { type CopyTag, type MovedTag, type TagConflict, TagSetter } from './tags.ts';
import { type CopyProgress, Transfer } from './transfer.ts';
import { copyUnknown, readUnknown, type UnknownPlace } from './unknown.ts';

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
  /** Look for each content at the target, also where the target has the manifest that names it. */
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
  readonly completed: readonly Descriptor[];
  /** How many of those nobody asked for, because the target has the manifest that names them. */
  readonly assumed: number;
  /** Bytes of the contents that were uploaded. */
  readonly bytesSent: number;
  readonly referrers: readonly CopiedReferrer[];
  /** Tags that name something else than before. */
  readonly tagged: readonly MovedTag[];
  /** Tags that were left as they are, since to set them would lose what they lead to at the target. */
  readonly conflicts: readonly TagConflict[];
  /** All tags that stand at the target as they were to be, cosign's too. */
  readonly tags: readonly CopyTag[];
  readonly excluded: readonly Excluded[];
  /** Listed at the source, and not there or damaged. Empty unless `keepGoing`, as the next. */
  readonly missing: readonly CopyFailure[];
  /** Manifests of types that cannot be followed, so that what they need is not known. */
  readonly unsupported: readonly CopyFailure[];
  /** Not taken by the target: without `keepGoing` only manifests that it has as blobs. */
  readonly refused: readonly CopyFailure[];
  readonly incomplete: readonly Incomplete[];
}

/**
 * Copies artifacts from one repository to another, the one way by which bytes move: blobs before the manifests that
 * name them, subjects before their referrers, tags last. Everything that a root needs is looked at, also where the
 * root itself is at the target already, so a copy that was broken off is completed by the next. Only a target that
 * can be assumed to have the blobs of its manifests (Repository.assumesBlobs) is not asked for them, unless `checkAll`.
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
  const tags = await run.settableTags(options.tags ?? []);
  await run.copyAll(roots);
  await run.setTags(tags);
  return run.report();
}

class CopyRun {
  readonly #source: Repository;
  readonly #target: Repository;
  readonly #options: CopyOptions;
  readonly #semaphore: Semaphore;
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
  /** Referrers that the target lists together, once they are pushed. */
  readonly #unlisted = new Set<Digest>();
  readonly #cosignTags: CopyTag[] = [];
  readonly #excluded: Excluded[] = [];
  readonly #failures: Record<CopyFailureKind, CopyFailure[]> = { missing: [], unsupported: [], refused: [] };
  readonly #incomplete: Incomplete[] = [];
  readonly #assumed = new Set<Digest>();
  /** What is there as a manifest, or listed by an index, under a type that is not known. */
  readonly #unknown = new Map<Digest, UnknownPlace>();

  constructor(source: Repository, target: Repository, options: CopyOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#semaphore = new Semaphore(options.concurrency ?? 8);
    const { signal, onProgress } = options;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    this.#transfer = new Transfer(source, target, { signal: this.#signal, onProgress });
    this.#tags = new TagSetter(source, target, { signal });
  }

  /**
   * The tags that may be set, as far as can be told before anything is copied; the others are conflicts.
   *
   * @throws CodedError ERR_EXPORT_TAG_CONFLICT where none may be set, or without `keepGoing`
   */
  async settableTags(tags: readonly CopyTag[]): Promise<readonly CopyTag[]> {
    const conflicts = await Promise.all(tags.map((tag) => this.#semaphore.run(() => this.#tags.conflictOf(tag))));
    const found = conflicts.filter((conflict) => conflict !== undefined);
    const first = found[0];
    if (first === undefined) return tags;
    if (!this.#options.keepGoing || found.length === tags.length) throw tagConflict(this.#target, first);
    this.#tags.conflicts.push(...found);
    return tags.filter((_, i) => conflicts[i] === undefined);
  }

  async copyAll(roots: readonly Descriptor[]): Promise<void> {
    try {
      // What cannot be copied whole is told before anything is sent.
      const [known, unknown] = [true, false].map((is) =>
        roots.filter(({ mediaType }) => isManifestType(mediaType) === is),
      );
      await this.#copyEach(unknown ?? [], 0);
      await this.#copyEach(known ?? [], 0);
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

  /** Those that belong to a manifest first, then the others in their order; a layout writes its index once. */
  async setTags(tags: readonly CopyTag[]): Promise<void> {
    const all = [...this.#cosignTags, ...tags];
    const whole = (await Promise.all(all.map((tag) => this.#isWhole(tag)))).map((is, i) => (is ? all[i] : undefined));
    const before = await Promise.all(
      whole.map(
        (tag) =>
          tag &&
          this.#orTagFailure(tag, async () => ({ tag, before: await this.#semaphore.run(() => this.#tags.find(tag)) })),
      ),
    );
    const count = this.#cosignTags.length;
    await Promise.all(before.slice(0, count).map((each) => each && this.#setTag(each.tag, each.before)));
    for (const each of before.slice(count)) if (each !== undefined) await this.#setTag(each.tag, each.before);
    await this.#target.flush?.({ signal: this.#options.signal });
  }

  report(): CopyReport {
    return {
      outcomes: this.#transfer.outcomes(),
      completed: this.#transfer.completed(),
      assumed: this.#assumed.size,
      bytesSent: this.#transfer.bytesSent,
      referrers: this.#referrers,
      tagged: this.#tags.moved,
      tags: this.#tags.standing,
      conflicts: this.#tags.conflicts,
      excluded: this.#excluded,
      ...this.#failures,
      incomplete: this.#incomplete,
    };
  }

  /** @returns the first content that is lacking */
  async #copyEach(descriptors: readonly Descriptor[], depth: number, namedBy?: Digest): Promise<Digest | undefined> {
    const lacking = await Promise.all(descriptors.map((descriptor) => this.#copyOnce(descriptor, depth, namedBy)));
    return lacking.find((digest) => digest !== undefined);
  }

  #copyOnce(descriptor: Descriptor, depth: number, namedBy?: Digest): Promise<Digest | undefined> {
    // What nothing names is a root, a referrer or what a tag leads to, so a manifest.
    if (namedBy === undefined && !isManifestType(descriptor.mediaType))
      this.#unknown.set(descriptor.digest, 'manifest');
    let task = this.#tasks.get(descriptor.digest);
    if (task === undefined) {
      this.#limits.count(descriptor, depth);
      this.#assumed.delete(descriptor.digest);
      this.#transfer.find(descriptor);
      task = this.#orFailure(descriptor, namedBy, () => {
        if (isManifestType(descriptor.mediaType)) return this.#copyManifest(descriptor, depth);
        const place = this.#unknown.get(descriptor.digest);
        return place === undefined ? this.#copyBlob(descriptor) : this.#copyUnknown(descriptor, place);
      });
      // Whoever waits for it hears of its failure; if nobody does any more, a first failure was heard of before.
      task.catch(() => undefined);
      this.#tasks.set(descriptor.digest, task);
    }
    return task;
  }

  /** Runs the copying of one content, and where that is wanted records a failure that concerns it alone. */
  async #orFailure(
    descriptor: Descriptor,
    namedBy: Digest | undefined,
    work: () => Promise<Digest | undefined>,
  ): Promise<Digest | undefined> {
    try {
      return await work();
    } catch (error) {
      const kind = this.#options.keepGoing ? kindOfFailure(error) : undefined;
      if (kind === undefined) throw error;
      this.#failures[kind].push(copyFailureOf(error, { descriptor: bareDescriptor(descriptor), namedBy }));
      return descriptor.digest;
    }
  }

  async #copyManifest(descriptor: Descriptor, depth: number): Promise<Digest | undefined> {
    const { bytes, manifest } = await this.#semaphore.run(() => this.#transfer.readManifest(descriptor));
    // Referrers go along even where it is not whole itself: the source has them.
    this.#fresh.push(descriptor);
    const successors = successorsOf(manifest).filter((successor) => this.#isWanted(successor));
    const listed = manifest.kind !== 'index' ? [] : successors.filter(({ mediaType }) => !isManifestType(mediaType));
    for (const { digest } of listed) if (!this.#unknown.has(digest)) this.#unknown.set(digest, 'listed');
    // Of a manifest among them that cannot be copied whole is told before more is sent.
    await this.#copyEach(listed, depth + 1, descriptor.digest);
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
    const options = { found, unlisted: this.#unlisted.has(descriptor.digest) };
    await this.#semaphore.run(() => this.#transfer.pushManifest(descriptor, bytes, options));
    return undefined;
  }

  async #copyBlob(descriptor: Descriptor): Promise<undefined> {
    await this.#semaphore.run(() => this.#transfer.pushBlob(descriptor));
  }

  async #copyUnknown(descriptor: Descriptor, place: UnknownPlace): Promise<undefined> {
    const options = { signal: this.#signal };
    const refusal = await this.#semaphore.run(() => copyUnknown(this.#transfer, descriptor, place, options));
    if (place === 'manifest') this.#fresh.push(descriptor);
    if (refusal === undefined) return;
    const failure = copyFailureOf(refusal, { descriptor: bareDescriptor(descriptor) });
    const message = `${failure.message} (as a manifest; it exists as a blob)`;
    this.#failures.refused.push({ ...failure, message });
  }

  /** Whether the target holds this manifest and so is assumed to have its blobs; undefined where it was not asked. */
  async #isVouched(descriptor: Descriptor, manifest: Manifest): Promise<boolean | undefined> {
    // Of an index registries may hold less than it lists.
    if (this.#options.checkAll || this.#target.assumesBlobs !== true || manifest.kind === 'index') return undefined;
    const ask = () => this.#target.exists(bareDescriptor(descriptor), { signal: this.#signal });
    return this.#semaphore.run(() => withOrigin('target', descriptor, ask));
  }

  #trust(successors: readonly Descriptor[]): void {
    for (const successor of successors) {
      if (this.#tasks.has(successor.digest)) continue;
      this.#transfer.complete(successor, 'present');
      this.#assumed.add(successor.digest);
    }
  }

  #isWanted(descriptor: Descriptor): boolean {
    if (!isForeign(descriptor)) return true;
    this.#excluded.push({ descriptor, reason: 'not distributable (foreign layer): stays at its URL' });
    return false;
  }

  async #copyReferrers(manifests: readonly Descriptor[]): Promise<void> {
    await Promise.all(manifests.map((manifest) => this.#copyReferrersOf(manifest)));
  }

  async #copyReferrersOf(subject: Descriptor): Promise<void> {
    const listed = await this.#semaphore.run(() => withOrigin('source', subject, () => this.#list(subject)));
    const copied: Descriptor[] = [];
    for (const referrer of listed) {
      // What is lacking was found so before.
      if ((await this.#tasks.get(referrer.digest)) !== undefined) continue;
      if (!(await this.#refersTo(referrer, subject))) continue;
      if (this.#target.listReferrers !== undefined) this.#unlisted.add(referrer.digest);
      if ((await this.#copyOnce(bareDescriptor(referrer), 0)) === undefined) copied.push(referrer);
    }
    const whole = await this.#listCopied(subject, copied);
    this.#referrers.push(...whole.map((descriptor) => ({ subject: subject.digest, descriptor })));
  }

  /**
   * Has the target list referrers that were pushed to it, all at once: for each alone, a registry that lists them under
   * a tag would write its list anew.
   *
   * @returns those that it lists
   */
  async #listCopied(subject: Descriptor, copied: readonly Descriptor[]): Promise<readonly Descriptor[]> {
    const list = () => this.#target.listReferrers?.(subject.digest, { signal: this.#signal });
    const listing = this.#semaphore.run(async () => withOrigin('target', subject, async () => list()));
    const lacking: (Digest | undefined)[] = [];
    for (const referrer of copied) {
      const lacks = this.#orFailure(referrer, undefined, () => listing.then(() => undefined));
      this.#tasks.set(referrer.digest, lacks);
      lacking.push(await lacks);
    }
    await listing.catch(() => undefined);
    return copied.filter((_, i) => lacking[i] === undefined);
  }

  async #refersTo(referrer: Descriptor, subject: Descriptor): Promise<boolean> {
    let refers = false;
    const lacks = await this.#orFailure(referrer, undefined, async () => {
      refers = (await this.#semaphore.run(() => this.#subjectOf(referrer))) === subject.digest;
      return undefined;
    });
    if (lacks !== undefined || refers) return refers;
    this.#excluded.push({
      descriptor: referrer,
      reason: `listed as a referrer of ${subject.digest}, but has another subject`,
    });
    return false;
  }

  async #subjectOf(referrer: Descriptor): Promise<Digest | undefined> {
    if (isManifestType(referrer.mediaType))
      return (await this.#transfer.readManifest(referrer)).manifest.subject?.digest;
    const read = () => readUnknown(this.#source, referrer, { signal: this.#signal });
    return (await withOrigin('source', referrer, read)).subject;
  }

  async #list(subject: Descriptor): Promise<Descriptor[]> {
    const listed: Descriptor[] = [];
    for await (const referrer of this.#source.referrers(subject.digest, { signal: this.#signal })) {
      if (listed.push(referrer) > this.#limits.maxReferrers)
        throw limitReached(subject, this.#limits.maxReferrers, 'referrers');
    }
    return listed;
  }

  async #copyCosignTags(manifests: readonly Descriptor[]): Promise<void> {
    const tags = manifests.flatMap(({ digest }) => cosignTagsOf(digest));
    await Promise.all(
      tags.map(async (tag) => {
        const resolve = () => this.#source.resolve(tag, { signal: this.#signal });
        const descriptor = await this.#semaphore.run(resolve);
        if (descriptor === undefined) return;
        await this.#copyOnce(descriptor, 0);
        this.#cosignTags.push({ tag, descriptor });
      }),
    );
  }

  /** Whether all that a tag names is at the target; notes it where not. */
  async #isWhole({ tag, descriptor }: CopyTag): Promise<boolean> {
    const lacks = await this.#tasks.get(descriptor.digest);
    if (lacks !== undefined) this.#incomplete.push({ descriptor: bareDescriptor(descriptor), tag, lacks });
    return lacks === undefined;
  }

  async #setTag(wanted: CopyTag, before: Descriptor | undefined): Promise<void> {
    await this.#orTagFailure(wanted, () => this.#semaphore.run(() => this.#tags.set(wanted, before)));
  }

  /** As #orFailure, for a tag. */
  async #orTagFailure<T>({ tag, descriptor }: CopyTag, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const kind = this.#options.keepGoing ? kindOfFailure(error) : undefined;
      if (kind === undefined) throw error;
      this.#failures[kind].push(copyFailureOf(error, { descriptor: bareDescriptor(descriptor), tag }));
      return undefined;
    }
  }
}

function tagConflict(target: Repository, { tag, existing, reason }: TagConflict): CodedError {
  return new CodedError('ERR_EXPORT_TAG_CONFLICT', `${target.name}:${tag}: ${reason}`, {
    hint: `specify the target in full to keep both: ${target.name}:HOST/REPO:${tag}; or delete the tag there first`,
    details: { tag, existing },
  });
}
