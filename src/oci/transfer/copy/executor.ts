import type { Descriptor, Digest } from '#core';
import { bareDescriptor, type GraphNodeKey, nodeKey } from '#oci/image';
import { copyFailureOf } from './copy-failure.ts';
import type { CopyStep, ListedReferrers, PlannedContent } from './planner.ts';
import { withOrigin } from './rules.ts';
import type { CopyRun } from './run.ts';
import { copyUnknown, type UnknownPlace } from './unknown.ts';

/** Whether all of a content is at the target, itself and what it names. */
export type Completion = { readonly isComplete: true } | { readonly isComplete: false; readonly lacks: Digest };

type ManifestStep = Extract<CopyStep, { readonly action: 'pushManifest' }>;

const COMPLETE: Completion = { isComplete: true };
/** Bytes of manifests that wait for what they name, beyond which no more is planned while anything is under way. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Contents that wait for their turn or are under way, beyond which no more is planned. */
const MAX_TRANSFERS = 10_000;

/**
 * Carries out a plan as it comes: blobs at once, a manifest as soon as all that it names is at the target, and after its
 * subject where that is copied too.
 */
export class CopyExecutor {
  readonly #run: CopyRun;
  readonly #done = new Map<GraphNodeKey, Completion>();
  /** One for each content that is planned or named by what is, and not done. */
  readonly #pending = new Map<GraphNodeKey, PromiseWithResolvers<Completion>>();
  readonly #tasks = new Set<Promise<void>>();
  #heldBytes = 0;
  #transfers = 0;
  #wake: () => void = () => undefined;

  constructor(run: CopyRun) {
    this.#run = run;
  }

  /**
   * Carries out a part of a plan, and waits until it is done.
   *
   * @throws whatever ends the copy
   */
  async execute(plan: AsyncIterable<PlannedContent>): Promise<void> {
    for await (const planned of plan) {
      this.#begin(planned);
      await this.#room();
    }
    await Promise.all(this.#tasks);
    this.#run.signal.throwIfAborted();
  }

  /** Whether a manifest is at the target; one that was never planned is. */
  async completionOf(digest: Digest): Promise<Completion> {
    return this.#done.get(digest) ?? this.#pending.get(digest)?.promise ?? COMPLETE;
  }

  /**
   * Has the target list referrers that were pushed to it, all at once: for each alone, a registry that lists them under
   * a tag would write its list anew.
   */
  async listReferrers({ subject, referrers }: ListedReferrers): Promise<void> {
    const { target, semaphore, signal, log } = this.#run;
    const completions = await Promise.all(referrers.map(({ digest }) => this.completionOf(digest)));
    const copied = referrers.filter((_, i) => completions[i]?.isComplete);
    try {
      const list = async () => target.listReferrers?.(subject.digest, { signal });
      await semaphore.run(() => withOrigin('target', subject, list));
    } catch (error) {
      for (const referrer of copied) {
        log.note(error, { descriptor: bareDescriptor(referrer) });
        this.#done.set(referrer.digest, lacking(referrer));
      }
      return;
    }
    log.referrers.push(...copied.map((descriptor) => ({ subject: subject.digest, descriptor })));
  }

  /** Waits for what is under way, after a failure; nobody is told any more that a content is complete. */
  async end(): Promise<void> {
    for (const [key, { resolve }] of this.#pending) resolve({ isComplete: false, lacks: digestIn(key) });
    await Promise.all(this.#tasks);
  }

  #begin({ node, value: step }: PlannedContent): void {
    const { descriptor, reason } = node;
    const key = nodeKey(node);
    const { resolve } = this.#pendingOf(key);
    const heldBytes = step.action === 'pushManifest' ? step.bytes.byteLength : 0;
    this.#heldBytes += heldBytes;
    const task = this.#carryOut(descriptor, step, reason.kind === 'child' ? reason.of : undefined).then(
      (completion) => {
        this.#done.set(key, completion);
        this.#pending.delete(key);
        resolve(completion);
        this.#heldBytes -= heldBytes;
        this.#tasks.delete(task);
        this.#wake();
      },
    );
    this.#tasks.add(task);
  }

  /** Never fails: what ends the copy is told to the run. */
  async #carryOut(descriptor: Descriptor, step: CopyStep, namedBy: Digest | undefined): Promise<Completion> {
    try {
      return await this.#push(descriptor, step);
    } catch (error) {
      try {
        this.#run.log.note(error, { descriptor: bareDescriptor(descriptor), namedBy });
      } catch (fatal) {
        this.#run.fail(fatal);
      }
      return lacking(descriptor);
    }
  }

  async #push(descriptor: Descriptor, step: CopyStep): Promise<Completion> {
    const { transfer } = this.#run;
    if (step.action === 'none') return lacking(descriptor);
    if (step.action === 'pushManifest') return this.#pushManifest(descriptor, step);
    await this.#transferring(() =>
      step.action === 'pushBlob' ? transfer.pushBlob(descriptor) : this.#pushUnknown(descriptor, step.place),
    );
    return COMPLETE;
  }

  async #pushManifest(
    descriptor: Descriptor,
    { bytes, children, subject, options }: ManifestStep,
  ): Promise<Completion> {
    const completions = await Promise.all(children.map((key) => this.#done.get(key) ?? this.#pendingOf(key).promise));
    const incomplete = completions.find(({ isComplete }) => !isComplete);
    if (incomplete !== undefined && !incomplete.isComplete) {
      this.#run.log.incomplete.push({ descriptor: bareDescriptor(descriptor), lacks: incomplete.lacks });
      return incomplete;
    }
    // A registry without referrers of its own lists this one when it is pushed: its subject should be there by then.
    if (subject !== undefined) await this.completionOf(subject);
    await this.#transferring(() => this.#run.transfer.pushBytes(descriptor, bytes, options));
    return COMPLETE;
  }

  async #pushUnknown(descriptor: Descriptor, place: UnknownPlace): Promise<void> {
    const { transfer, signal, log } = this.#run;
    const refusal = await copyUnknown(transfer, descriptor, place, { signal });
    if (refusal === undefined) return;
    const failure = copyFailureOf(refusal, { descriptor: bareDescriptor(descriptor) });
    log.failures.refused.push({ ...failure, message: `${failure.message} (as a manifest; it exists as a blob)` });
  }

  async #transferring(work: () => Promise<void>): Promise<void> {
    this.#transfers++;
    try {
      await this.#run.semaphore.run(work);
    } finally {
      this.#transfers--;
      this.#wake();
    }
  }

  /** Waits while too much is held; what is under way makes room, or lets the plan go on where it alone can. */
  async #room(): Promise<void> {
    while (this.#transfers > MAX_TRANSFERS || (this.#heldBytes > MAX_HELD_BYTES && this.#transfers > 0)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #pendingOf(key: GraphNodeKey): PromiseWithResolvers<Completion> {
    const known = this.#pending.get(key);
    if (known !== undefined) return known;
    const pending = Promise.withResolvers<Completion>();
    this.#pending.set(key, pending);
    return pending;
  }
}

function digestIn(key: GraphNodeKey): Digest {
  return key.replace(/^blob /, '') as Digest;
}

function lacking({ digest }: Descriptor): Completion {
  return { isComplete: false, lacks: digest };
}
