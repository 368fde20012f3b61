import { isDeepStrictEqual } from 'node:util';
import { CodedError, type Descriptor, type Digest, digestOf, isCoded } from '#core';
import type { OperationOptions, RegistryReference, Repository } from '#oci/image';
import { Semaphore } from '#oci/transfer';
import type { Verifier } from '#signing';
import type { MirrorSpec } from '../spec.ts';
import { encodeSnapshot, stateOf } from './document.ts';
import type { MirrorSnapshot, Repository as RepositoryState } from './mirror-snapshot.generated.ts';
import { requireSigned, requireUnmoved } from './policy.ts';
import { isBundleOf } from './profile.ts';
import { type MirroredRepository, resolveRepositories } from './repositories.ts';
import { type LeftOut, type ResolvedTag, type WalkedRepository, type WalkOptions, walkRepository } from './walk.ts';

/** How a snapshot reaches its sources. */
export interface SnapshotPorts {
  open(reference: RegistryReference): Promise<Repository>;
  /** All repositories of a registry. */
  list(registry: string): Promise<readonly string[]>;
}

/** What a snapshot is taken with. */
export interface TakeOptions extends OperationOptions {
  /** The newest snapshot of the stream: what it has is not read again, and its immutable tags must not have moved. */
  readonly previous?: MirrorSnapshot | undefined;
  /** By the file of the key, as the spec names it. */
  readonly verifiers: ReadonlyMap<string, Verifier>;
}

/** A snapshot that was taken and is not published yet. */
export interface TakenSnapshot {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly repositories: readonly RepositoryState[];
  /** Tags at the source and what they led to, for the provenance. */
  readonly resolved: readonly { readonly uri: string; readonly digest: Digest }[];
  readonly leftOut: readonly LeftOut[];
}

const REPOSITORIES_AT_A_TIME = 4;
const TAGS_AT_A_TIME = 8;

/**
 * Takes a snapshot of what a spec means. Where something was read that the snapshot before does not have, all tags are
 * resolved once more in the end, so that the snapshot is one state of the source.
 *
 * @throws CodedError ERR_EXPORT_SOURCE_MOVED where tags moved meanwhile, ERR_EXPORT_SELECTION_EMPTY,
 *   ERR_EXPORT_SIGNATURE_MISSING, ERR_EXPORT_TAG_MOVED, and those of walks and requests
 */
export async function takeSnapshot(
  spec: MirrorSpec,
  ports: SnapshotPorts,
  options: TakeOptions,
): Promise<TakenSnapshot> {
  const mirrored = await resolveRepositories(spec, () => ports.list(spec.source.registry));
  await using resources = new AsyncDisposableStack();
  const taken = await allOrFirstFailure(mirrored, options.signal, async (each, signal) => {
    const source = await ports.open(referenceOf(spec, each));
    resources.defer(() => source.close());
    return new RepositoryTaking(source, each, { ...options, signal }).take();
  });
  if (taken.some(({ isFresh }) => isFresh)) await requireStill(taken, options);
  const kept = taken.filter(({ state }) => state.tags.length > 0);
  const repositories = kept.map(({ state }) => state);
  const bytes = encodeSnapshot(spec, repositories);
  return {
    bytes,
    digest: digestOf(bytes),
    repositories,
    resolved: kept.flatMap(({ source, tags }) =>
      tags.map(({ tag, descriptor }) => ({ uri: `${source.name}:${tag}`, digest: descriptor.digest })),
    ),
    leftOut: taken.flatMap(({ leftOut }) => leftOut),
  };
}

/** Runs `work` on each, a few at a time. The first failure ends the others, and all have ended before it is thrown. */
async function allOrFirstFailure<T, R>(
  items: readonly T[],
  outer: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal]);
  const semaphore = new Semaphore(REPOSITORIES_AT_A_TIME);
  const failures: unknown[] = [];
  const running = items.map((item) =>
    semaphore.run(async () => {
      signal.throwIfAborted();
      try {
        return await work(item, signal);
      } catch (error) {
        failures.push(error);
        stop.abort(error);
        throw error;
      }
    }),
  );
  const ended = await Promise.allSettled(running);
  outer?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
  return ended.map((each) => (each as PromiseFulfilledResult<R>).value);
}

function referenceOf({ source }: MirrorSpec, { sourceName }: MirroredRepository): RegistryReference {
  return { kind: 'registry', registry: source.registry, repository: `${source.prefix}${sourceName}` };
}

interface TakenRepository {
  readonly source: Repository;
  readonly state: RepositoryState;
  readonly tags: readonly ResolvedTag[];
  readonly leftOut: readonly LeftOut[];
  readonly isFresh: boolean;
}

/** Takes the state of one repository. */
class RepositoryTaking {
  readonly #source: Repository;
  readonly #mirrored: MirroredRepository;
  readonly #options: TakeOptions;
  readonly #leftOut: LeftOut[] = [];

  constructor(source: Repository, mirrored: MirroredRepository, options: TakeOptions) {
    this.#source = source;
    this.#mirrored = mirrored;
    this.#options = options;
  }

  async take(): Promise<TakenRepository> {
    const { rule, name } = this.#mirrored;
    const { previous, signal } = this.#options;
    const known = previous?.repositories.find((each) => each.name === name);
    const listed = await this.#listTags();
    const roots = await this.#selectTags(listed, known);
    requireUnmoved(this.#source, roots, rule.immutable, known);
    const walked = await this.#walk(roots, { rule, listed, known, signal });
    const verifiers = rule.keys?.map((path) => this.#options.verifiers.get(path) as Verifier);
    const signedBy = verifiers?.map(({ keyid }) => keyid);
    const state = stateOf({ name, profile: rule.profile, signedBy }, walked);
    const isUnchanged = isDeepStrictEqual(state, known);
    if (verifiers !== undefined && !isUnchanged) await requireSigned(this.#source, roots, verifiers, { signal });
    const leftOut = [...this.#leftOut, ...walked.leftOut];
    return { source: this.#source, state, tags: walked.tags, leftOut, isFresh: !isUnchanged };
  }

  async #walk(roots: readonly ResolvedTag[], options: WalkOptions): Promise<WalkedRepository> {
    try {
      return await walkRepository(this.#source, roots, options);
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND')) throw error;
      // What a tag led to may have been deleted since it was resolved.
      const moved = await movedTags(this.#source, roots, options);
      throw moved.length > 0 ? sourceMoved(moved, error) : error;
    }
  }

  async #listTags(): Promise<ReadonlySet<string>> {
    const listed = new Set<string>();
    const onInvalid = (tag: string) => this.#leaveOut(tag, 'not a valid tag');
    for await (const tag of this.#source.tags({ signal: this.#options.signal, onInvalid })) listed.add(tag);
    return listed;
  }

  async #selectTags(listed: ReadonlySet<string>, known: RepositoryState | undefined): Promise<ResolvedTag[]> {
    const { rule, sourceName } = this.#mirrored;
    const { signal } = this.#options;
    const wanted = [...rule.tags([...listed])];
    const resolved = await resolveAll(this.#source, wanted, signal);
    const roots: ResolvedTag[] = [];
    for (const { tag, descriptor } of resolved) {
      if (descriptor === undefined) this.#leaveOut(tag, 'listed but not found');
      else if (await this.#fits({ tag, descriptor }, known)) roots.push({ tag, descriptor });
      else this.#leaveOut(tag, `not a bundle of ${rule.profile}`);
    }
    if (roots.length > 0) return roots;
    // Of many that a glob means, some may have nothing to offer.
    if (rule.name !== sourceName) this.#leaveOut('*', 'no tag is selected');
    else throw nothingSelected(this.#source);
    return roots;
  }

  /** Whether a tag is of the profile that is wanted; one that was before is not read again. */
  async #fits(tag: ResolvedTag, known: RepositoryState | undefined): Promise<boolean> {
    const { profile } = this.#mirrored.rule;
    if (profile === undefined) return true;
    const { digest } = tag.descriptor;
    if (known?.profile === profile && known.tags.some((each) => each.tag === tag.tag && each.digest === digest))
      return true;
    return isBundleOf(this.#source, tag, profile, { signal: this.#options.signal });
  }

  #leaveOut(tag: string, reason: string): void {
    this.#leftOut.push({ name: `${this.#source.name}:${tag}`, reason });
  }
}

function resolveAll(
  source: Repository,
  tags: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ readonly tag: string; readonly descriptor: Descriptor | undefined }[]> {
  const semaphore = new Semaphore(TAGS_AT_A_TIME);
  const resolve = (tag: string) => semaphore.run(() => source.resolve(tag, { signal }));
  return Promise.all(tags.map(async (tag) => ({ tag, descriptor: await resolve(tag) })));
}

async function requireStill(taken: readonly TakenRepository[], options: OperationOptions): Promise<void> {
  const moved: string[] = [];
  for (const { source, tags } of taken) moved.push(...(await movedTags(source, tags, options)));
  if (moved.length > 0) throw sourceMoved(moved);
}

/** Which of these tags lead to something else now, or to nothing. */
async function movedTags(
  source: Repository,
  tags: readonly ResolvedTag[],
  { signal }: OperationOptions,
): Promise<string[]> {
  const names = tags.map(({ tag }) => tag);
  const now = await resolveAll(source, names, signal);
  return now
    .filter(({ descriptor }, i) => descriptor?.digest !== tags[i]?.descriptor.digest)
    .map(({ tag }) => `${source.name}:${tag}`);
}

function sourceMoved(moved: readonly string[], cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_SOURCE_MOVED', `tags moved while the snapshot was taken: ${moved.join(', ')}`, {
    hint: 'run it again; what was read is read again only where it changed',
    details: { tags: moved },
    ...(cause === undefined ? {} : { cause }),
  });
}

function nothingSelected(source: Repository): CodedError {
  return new CodedError('ERR_EXPORT_SELECTION_EMPTY', `${source.name}: no tag is selected`, {
    hint: `compare tags in the mirror spec with: export-center ls ${source.name}`,
    details: { repository: source.name },
  });
}
