import { type Descriptor, type Digest, isManifestType } from '#core';
import { bareDescriptor, contentOf, fetchBytes, inlineData } from './content.ts';
import { atSide, CopyLimits, isForeign, limitReached, streamAtSide } from './copy-rules.ts';
import { cosignTagsOf } from './cosign-tags.ts';
import { type Manifest, parseManifest, successorsOf } from './manifest.ts';
import type { ByteStream, ContentReader, OperationOptions, PushOutcome, Repository } from './ports.ts';
import { Slots } from './slots.ts';
import { keepVerified } from './verify-stream.ts';

/** A tag to set at the target. */
export interface CopyTag {
  readonly tag: string;
  readonly descriptor: Descriptor;
}

/** How far a copy has come, in bytes of content. */
export interface CopyProgress {
  /** Of all that was found so far; grows as manifests are read. */
  readonly knownBytes: number;
  /** Of what is at the target, sent or found there. */
  readonly settledBytes: number;
}

/** What a copy takes along and how it may be watched. */
export interface CopyOptions extends OperationOptions {
  /** Take along the referrers of every manifest, and theirs. */
  readonly referrers?: boolean | undefined;
  /** Take along cosign's tags `sha256-<hex>.sig`, `.att` and `.sbom` of every manifest. */
  readonly cosignTags?: boolean | undefined;
  /** Tags to set at the target, after all else and in this order. */
  readonly tags?: readonly CopyTag[] | undefined;
  /** Transfers at a time; 5 unless told. */
  readonly concurrency?: number | undefined;
  /** Called with the bytes that have just been sent. */
  readonly onProgress?: ((sentBytes: number, progress: CopyProgress) => void) | undefined;
}

/** Content that was left out on purpose. */
export interface Excluded {
  readonly descriptor: Descriptor;
  readonly reason: string;
}

/** What a copy did. */
export interface CopyReport {
  /** What became of each content, by digest, in the order in which it was found. */
  readonly outcomes: ReadonlyMap<Digest, PushOutcome>;
  /** Bytes of the contents that were uploaded. */
  readonly bytesSent: number;
  /** The referrers that were taken along. */
  readonly referrers: readonly Descriptor[];
  /** Tags that name something else than before. */
  readonly tagged: readonly CopyTag[];
  readonly excluded: readonly Excluded[];
}

/**
 * Copies artifacts from one repository to another, the one way by which bytes move: blobs before the manifests that
 * name them, subjects before their referrers, tags last. Everything that a root needs is looked at, also where the
 * root itself is at the target already, so a copy that was broken off is completed by the next.
 *
 * After a failure nothing more is begun, what is under way is waited for, and no tag has moved.
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
  /** One task for each content, whoever names it. */
  readonly #tasks = new Map<Digest, Promise<void>>();
  readonly #outcomes = new Map<Digest, PushOutcome | undefined>();
  /** Manifests whose referrers and cosign tags have not been looked for yet. */
  #fresh: Descriptor[] = [];
  readonly #referrers: Descriptor[] = [];
  readonly #cosignTags: CopyTag[] = [];
  readonly #tagged: CopyTag[] = [];
  readonly #excluded: Excluded[] = [];
  #bytesSent = 0;
  #knownBytes = 0;
  #settledBytes = 0;

  constructor(source: Repository, target: Repository, options: CopyOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#slots = new Slots(options.concurrency ?? 5);
    const { signal } = options;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
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
    const outcomes = new Map<Digest, PushOutcome>();
    for (const [digest, outcome] of this.#outcomes) if (outcome !== undefined) outcomes.set(digest, outcome);
    return {
      outcomes,
      bytesSent: this.#bytesSent,
      referrers: this.#referrers,
      tagged: this.#tagged,
      excluded: this.#excluded,
    };
  }

  async #copyEach(descriptors: readonly Descriptor[], depth: number): Promise<void> {
    await Promise.all(descriptors.map((descriptor) => this.#copyOnce(descriptor, depth)));
  }

  #copyOnce(descriptor: Descriptor, depth: number): Promise<void> {
    let task = this.#tasks.get(descriptor.digest);
    if (task === undefined) {
      this.#limits.count(descriptor, depth);
      this.#outcomes.set(descriptor.digest, undefined);
      this.#knownBytes += descriptor.size;
      task = isManifestType(descriptor.mediaType) ? this.#copyManifest(descriptor, depth) : this.#copyBlob(descriptor);
      // Whoever waits for it hears of its failure; if nobody does any more, a first failure was heard of before.
      task.catch(() => undefined);
      this.#tasks.set(descriptor.digest, task);
    }
    return task;
  }

  async #copyManifest(descriptor: Descriptor, depth: number): Promise<void> {
    const bytes = await this.#slots.run(() => this.#read(descriptor));
    const name = `${this.#source.name}: ${descriptor.digest}`;
    const manifest = await atSide('source', descriptor, () => parseManifest(bytes, descriptor.mediaType, name));
    const successors = successorsOf(manifest).filter((successor) => this.#isWanted(successor));
    await this.#copyEach(successors, depth + 1);
    // A registry without referrers of its own lists this one when it is pushed: its subject should be there by then.
    if (manifest.subject !== undefined) await this.#tasks.get(manifest.subject.digest);
    await this.#slots.run(() => this.#push(descriptor, contentOf(bytes)));
    this.#fresh.push(descriptor);
  }

  async #copyBlob(descriptor: Descriptor): Promise<void> {
    const inline = await atSide('source', descriptor, () => inlineData(descriptor, this.#source.name));
    const content: ContentReader =
      inline === undefined ? (offset) => this.#readFrom(descriptor, offset) : contentOf(inline);
    await this.#slots.run(() => this.#push(descriptor, content));
  }

  async #push(descriptor: Descriptor, content: ContentReader): Promise<void> {
    this.#signal.throwIfAborted();
    const [from, to] = [this.#source.mountable, this.#target.mountable];
    const mountFrom = from !== undefined && from.origin === to?.origin ? from.repository : undefined;
    const options = { signal: this.#signal, mountFrom, onBytes: (sizeBytes: number) => this.#sent(sizeBytes) };
    const bare = bareDescriptor(descriptor);
    const outcome = await atSide('target', descriptor, () => this.#target.push(bare, content, options));
    this.#outcomes.set(descriptor.digest, outcome);
    this.#settledBytes += descriptor.size;
    if (outcome === 'uploaded') this.#bytesSent += descriptor.size;
    this.#sent(0);
  }

  #sent(sizeBytes: number): void {
    const progress = { knownBytes: this.#knownBytes, settledBytes: this.#settledBytes };
    this.#options.onProgress?.(sizeBytes, progress);
  }

  async #read(descriptor: Descriptor): Promise<Uint8Array> {
    this.#signal.throwIfAborted();
    return atSide('source', descriptor, () => fetchBytes(this.#source, descriptor, { signal: this.#signal }));
  }

  async #readFrom(descriptor: Descriptor, offset: number): Promise<ByteStream> {
    const range = offset === 0 ? undefined : { start: offset, end: descriptor.size - 1 };
    const options = { signal: this.#signal, range };
    const stream = await atSide('source', descriptor, () => this.#source.fetch(bareDescriptor(descriptor), options));
    return keepVerified(stream, streamAtSide('source', descriptor, stream));
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
      if (this.#tasks.has(referrer.digest)) continue;
      const manifest = isManifestType(referrer.mediaType)
        ? await this.#slots.run(() => this.#parse(referrer))
        : undefined;
      if (manifest?.subject?.digest !== subject.digest) {
        this.#excluded.push({
          descriptor: referrer,
          reason: `listed as a referrer of ${subject.digest}, which it is not`,
        });
        continue;
      }
      await this.#copyOnce(bareDescriptor(referrer), 0);
      this.#referrers.push(referrer);
    }
  }

  async #list(subject: Descriptor): Promise<Descriptor[]> {
    const listed: Descriptor[] = [];
    for await (const referrer of this.#source.referrers(subject.digest, { signal: this.#signal })) {
      if (listed.push(referrer) > this.#limits.maxReferrers) throw limitReached(subject, 'referrers');
    }
    return listed;
  }

  async #parse(descriptor: Descriptor): Promise<Manifest> {
    const bytes = await this.#read(descriptor);
    const name = `${this.#source.name}: ${descriptor.digest}`;
    return atSide('source', descriptor, () => parseManifest(bytes, descriptor.mediaType, name));
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

  /** Leaves a tag alone that says so already: a copy that changes nothing writes nothing. */
  async #setTag({ tag, descriptor }: CopyTag): Promise<void> {
    const { signal } = this.#options;
    const set = async () => {
      const before = await this.#target.resolve(tag, { signal });
      if (before?.digest === descriptor.digest) return;
      await this.#target.tag(descriptor, tag, { signal });
      this.#tagged.push({ tag, descriptor });
    };
    await this.#slots.run(() => atSide('target', descriptor, set));
  }
}
