import { CodedError, type Digest, isCoded } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { type CopyOptions, type CopyReport, copy } from '#oci/transfer';
import { memoryState, type WaivedExpiry } from '#tuf';
import { kitFault } from '../faults.ts';
import {
  descriptorOf,
  type OpenKit,
  openKit,
  type ProveOptions,
  proveKit,
  repositoriesOf,
  splitContents,
  type TrustedKit,
  type TrustOptions,
  trustKit,
} from '../kit.ts';
import type { RepositoryState } from '../snapshot.ts';
import { requireBase } from './base-presence.ts';
import { DeltaSource } from './delta-source.ts';
import { type Fidelity, fidelityOf, findLacking, type Lacking } from './fidelity.ts';
import type { ZonePlace } from './place.ts';
import {
  type Imported,
  readStateCopy,
  requireSuccessor,
  type StateName,
  stateTag,
  writeStateCopy,
  type ZoneState,
} from './state.ts';
import { findTombstones, type PruneReport, pruneTags, type Tombstone } from './tombstones.ts';

/** How a kit is imported. */
export interface ImportOptions extends OperationOptions, Omit<TrustOptions, 'state'> {
  /** Accept a kit although the target has content of the mirror and nobody knows which snapshot that was. */
  readonly resetBaseline?: boolean | undefined;
  /** Remove tags that earlier snapshots had and this one has not. */
  readonly prune?: boolean | undefined;
  readonly onProve?: ProveOptions['onBytes'];
  readonly onCopy?: CopyOptions['onProgress'];
}

/** What an import did. */
export interface ImportReport {
  readonly kit: Digest;
  readonly stream: string;
  readonly sequence: number;
  readonly snapshot: Digest;
  readonly target: string;
  readonly rootVersion: number;
  readonly isSigned: boolean;
  readonly waived: readonly WaivedExpiry[];
  /** Bytes of contents that were sent to the target. */
  readonly bytesSent: number;
  /** Tags that name something else than before, as `REPOSITORY:TAG`. */
  readonly tagged: readonly string[];
  /** Tags that earlier snapshots had and this one has not. */
  readonly tombstones: PruneReport;
  readonly fidelity: Fidelity;
}

/**
 * Imports a kit: trust, freshness and completeness are proven before anything is written, that of a delta together with
 * the target; then contents and tags of each repository, the copy of the state, the state. It can be killed at any moment
 * and run again; run again it writes nothing.
 *
 * @throws CodedError those of trustKit and proveKit, ERR_EXPORT_BASE_MISSING, ERR_EXPORT_BASELINE_MISSING, ERR_EXPORT_STREAM_MISMATCH,
 *   ERR_EXPORT_TUF_ROLLBACK, ERR_EXPORT_LOCKED, and those of copies
 */
export function importKit(
  paths: string | readonly string[],
  place: ZonePlace,
  state: ZoneState,
  options: ImportOptions,
): Promise<ImportReport> {
  return state.exclusively(async () => {
    const open = await openKit(paths, { signal: options.signal });
    try {
      return await new KitImport(open, place, state, options).run();
    } finally {
      await open.close();
    }
  });
}

class KitImport {
  readonly #open: OpenKit;
  readonly #place: ZonePlace;
  readonly #state: ZoneState;
  readonly #options: ImportOptions;
  readonly #lacking: Lacking[] = [];
  readonly #tagged: string[] = [];
  /** The first repository of the target's registry that got each blob, by its name there. */
  readonly #holders = new Map<Digest, string>();
  #bytesSent = 0;

  constructor(open: OpenKit, place: ZonePlace, state: ZoneState, options: ImportOptions) {
    this.#open = open;
    this.#place = place;
    this.#state = state;
    this.#options = options;
  }

  async run(): Promise<ImportReport> {
    const { kit, path, id } = this.#open;
    const { stream, sequence, snapshot } = kit;
    const next = { stream, sequence, snapshot: snapshot.digest };
    const complete = (await this.#state.read()) ?? (await this.#recover());
    const before = complete ?? (await this.#state.readBegun());
    requireSuccessor(before, next, path);
    const trusted = await trustKit(this.#open, { ...this.#options, state: this.#state.tuf });
    const states = repositoriesOf(trusted.snapshot);
    if (before === undefined && this.#options.resetBaseline !== true) await this.#requireVacant(states);
    const contents = await splitContents(this.#open, trusted.snapshot);
    const facts = { path, place: this.#place, snapshot: trusted.snapshot, before: complete };
    const held = await requireBase(facts, contents.reliedOn, this.#options);
    await proveKit(this.#open, trusted.snapshot, contents, {
      signal: this.#options.signal,
      onBytes: this.#options.onProve,
    });
    const imported = { ...next, kit: id, latestTime: this.#options.at };
    if (before?.kit !== id) await this.#state.writeBegun(imported);
    const expected = await this.#copyAll(states, held);
    const tombstones = await this.#prune(trusted, complete, expected);
    const isPruned = this.#options.prune === true && !tombstones.left.some(({ isRefused }) => isRefused);
    const pruned = isPruned ? sequence : complete?.pruned;
    await this.#writeState({ ...imported, ...(pruned === undefined ? {} : { pruned }) }, isSame(complete, id, pruned));
    return this.#report(trusted, states, tombstones);
  }

  /** @param expected what each repository of the target is to have, by its name */
  async #prune(
    trusted: TrustedKit,
    complete: Imported | undefined,
    expected: ReadonlyMap<string, RepositoryState>,
  ): Promise<PruneReport> {
    const { prune = false, signal } = this.#options;
    const tombstones = await findTombstones(this.#place, trusted, { prune, since: complete?.pruned ?? 0, signal });
    const digestsIn = new Map(
      [...expected].map(([name, { manifests }]) => [name, new Set(manifests.map(({ digest }) => digest))]),
    );
    const isNeeded = (name: string, digest: Digest) => digestsIn.get(name)?.has(digest) === true;
    const report = await pruneTags(this.#place, tombstones, { prune, isNeeded, signal });
    const pruned = new Set(report.pruned);
    const shared = tombstones.filter(({ repository, tag, digest }) => {
      return pruned.has(`${repository}:${tag}`) && isNeeded(repository, digest);
    });
    await this.#checkAfter(shared, expected);
    return report;
  }

  /** A registry may have removed more than the tags that it was asked to remove, and the receipt must not say otherwise. */
  async #checkAfter(pruned: readonly Tombstone[], expected: ReadonlyMap<string, RepositoryState>): Promise<void> {
    for (const [name, group] of Map.groupBy(pruned, ({ repository }) => repository)) {
      const state = expected.get(name);
      if (state === undefined) continue;
      const digests = new Set(group.map(({ digest }) => digest));
      const tags = state.tags.filter(({ digest }) => digests.has(digest));
      const referrers = state.referrers.filter(({ subject, digest }) => digests.has(subject) || digests.has(digest));
      await this.#reading(name, async (target) => {
        const tagName = (tag: string) => this.#place.tagName(name, tag);
        const found = await findLacking(target, { ...state, tags, referrers }, tagName, this.#options);
        for (const digest of digests) {
          if ((await target.resolve(digest, this.#options)) !== undefined) continue;
          found.push({ name: `${name}@${digest}`, problem: 'the target removed it together with one of its tags' });
        }
        const known = new Set(this.#lacking.map((each) => each.name));
        this.#lacking.push(...found.filter((each) => !known.has(each.name)));
      });
    }
  }

  /**
   * Where the directory is lost, the copy in the target is the state. A stranger's kit could name any repository, such as
   * one with an older state, so the kit proves first that it is of this mirror.
   */
  async #recover() {
    if (this.#options.resetBaseline === true) return undefined;
    const { kit } = this.#open;
    await trustKit(this.#open, { ...this.#options, state: memoryState() });
    const copied = await this.#reading(kit.snapshot.repository, (target) =>
      readStateCopy(target, this.#stateName(), this.#options),
    );
    if (copied === undefined) return undefined;
    await this.#state.restore(copied);
    return this.#state.read();
  }

  #stateName(): StateName {
    const { kit } = this.#open;
    const { repository } = kit.snapshot;
    const tag = stateTag(kit.stream);
    return { tag, name: this.#place.tagName(repository, tag), options: this.#place.tagOptions(repository) };
  }

  /** Without a state, what is there may be newer than the kit. */
  async #requireVacant(states: readonly RepositoryState[]): Promise<void> {
    for (const { name, tags } of states) {
      const found = await this.#reading(name, async (target) => {
        for (const { tag } of tags) {
          if ((await target.resolve(this.#place.tagName(name, tag), this.#options)) !== undefined) return tag;
        }
        return undefined;
      });
      if (found === undefined) continue;
      const what = `${this.#place.name} has ${name}:${found}, but neither ${this.#state.dir} nor the target knows which snapshot was imported`;
      throw new CodedError('ERR_EXPORT_BASELINE_MISSING', what, {
        hint: 'restore the state directory; or, if this kit may replace what is there, add --reset-baseline',
        details: { target: this.#place.name, state: this.#state.dir },
      });
    }
  }

  /**
   * @param held which repository of the zone has what the kit does not carry
   * @returns what each repository of the target is to have, by its name
   */
  async #copyAll(
    states: readonly RepositoryState[],
    held: ReadonlyMap<Digest, string>,
  ): Promise<Map<string, RepositoryState>> {
    for (const [name, digests] of Map.groupBy(held.keys(), (digest) => held.get(digest) as string)) {
      const holder = await this.#reading(name, async (target) => target.mountable?.repository);
      for (const digest of holder === undefined ? [] : digests) this.#holders.set(digest, holder as string);
    }
    const kit = await this.#open.openLayout();
    const source = held.size === 0 ? kit : new DeltaSource(kit, this.#place, held, states);
    const expected = new Map<string, RepositoryState>();
    try {
      for (const state of states) expected.set(state.name, await this.#copyRepository(source, state, held));
      return expected;
    } finally {
      await source.close();
    }
  }

  async #copyRepository(
    source: Repository,
    state: RepositoryState,
    held: ReadonlyMap<Digest, string>,
  ): Promise<RepositoryState> {
    const { name, manifests, tags } = state;
    const { signal, onCopy } = this.#options;
    const described = new Map(manifests.map((manifest) => [manifest.digest, descriptorOf(manifest)]));
    return await this.#within(name, async (target) => {
      const report = await copy(source, target, [...described.values()], {
        signal,
        checkAll: true,
        // What the target refuses is no reason to keep the rest from it.
        keepGoing: true,
        onProgress: onCopy,
        isPresent: (digest) => held.get(digest) === name,
        mountFrom: (digest) => this.#holders.get(digest),
        tags: tags.map(({ tag, digest }) => {
          return {
            tag,
            descriptor: described.get(digest) as NonNullable<ReturnType<typeof described.get>>,
            ...this.#place.tagOptions(name),
          };
        }),
      });
      await target.flush?.({ signal });
      this.#noteFailures(name, report, held);
      const holder = target.mountable?.repository;
      for (const { digest } of holder === undefined ? [] : state.blobs) {
        if (!this.#holders.has(digest)) this.#holders.set(digest, holder as string);
      }
      this.#bytesSent += report.bytesSent;
      this.#tagged.push(...report.tagged.map(({ tag }) => `${name}:${tag}`));
      const merged = new Set(report.tagged.filter(({ isMerged }) => isMerged).map(({ tag }) => tag));
      const expected = { ...state, tags: tags.filter(({ tag }) => !merged.has(tag)) };
      this.#lacking.push(...(await findLacking(target, expected, (tag) => this.#place.tagName(name, tag), { signal })));
      return expected;
    });
  }

  /** @throws CodedError ERR_EXPORT_KIT_INVALID, ERR_EXPORT_BASE_MISSING where kit or target changed since they were proven */
  #noteFailures(name: string, { missing, unsupported, refused }: CopyReport, held: ReadonlyMap<Digest, string>): void {
    const [gone] = missing;
    if (gone?.descriptor !== undefined && held.has(gone.descriptor.digest)) {
      const what = `${this.#place.name} lost content while it was imported: ${gone.message}`;
      const hint = 'run it again, while nobody deletes from the target or collects its garbage';
      throw kitFault('ERR_EXPORT_BASE_MISSING', this.#open.path, what, hint);
    }
    if (gone !== undefined) {
      const hint = 'keep the medium as it is until the import has ended, then run it again';
      throw kitFault('ERR_EXPORT_KIT_INVALID', this.#open.path, `changed while it was imported: ${gone.message}`, hint);
    }
    for (const { descriptor, tag, message } of [...unsupported, ...refused]) {
      const what = descriptor === undefined ? `${name}:${tag}` : `${name}@${descriptor.digest}`;
      this.#lacking.push({ name: what, problem: message });
    }
  }

  async #writeState(imported: Imported, isSame: boolean): Promise<void> {
    const { repository } = this.#open.kit.snapshot;
    await this.#within(repository, async (target) => {
      if (isSame && (await this.#hasStateCopy(target))) return;
      const bytes = await this.#state.export(imported);
      await writeStateCopy(target, this.#stateName(), bytes, this.#options);
    });
    await this.#state.write(imported);
  }

  /** Whether the target has a copy of a state; what else has its tag is replaced. */
  async #hasStateCopy(target: Repository): Promise<boolean> {
    try {
      return (await readStateCopy(target, this.#stateName(), this.#options)) !== undefined;
    } catch (error) {
      if (!isCoded(error, 'ERR_EXPORT_TUF_STATE')) throw error;
      return false;
    }
  }

  #report(
    { repository, isSigned }: TrustedKit,
    states: readonly RepositoryState[],
    tombstones: PruneReport,
  ): ImportReport {
    const { kit, id } = this.#open;
    return {
      kit: id,
      stream: kit.stream,
      sequence: kit.sequence,
      snapshot: kit.snapshot.digest,
      target: this.#place.name,
      rootVersion: repository.root.signed.version,
      isSigned,
      waived: repository.waived,
      bytesSent: this.#bytesSent,
      tagged: this.#tagged,
      tombstones,
      fidelity: fidelityOf(states, this.#lacking),
    };
  }

  /** @returns undefined where the target does not exist */
  async #reading<T>(name: string, use: (target: Repository) => Promise<T>): Promise<T | undefined> {
    const target = await this.#place.find(name);
    try {
      return target === undefined ? undefined : await use(target);
    } finally {
      await target?.close();
    }
  }

  async #within<T>(name: string, use: (target: Repository) => Promise<T>): Promise<T> {
    const target = await this.#place.open(name);
    try {
      return await use(target);
    } finally {
      await target.close();
    }
  }
}

/** Whether a state says already that this kit was imported, and what was pruned. */
function isSame(complete: Imported | undefined, kit: Digest, pruned: number | undefined): boolean {
  return complete?.kit === kit && complete.pruned === pruned;
}
