import type { KeyObject } from 'node:crypto';
import { CodedError } from '#core';
import {
  type Envelope,
  maxTargetsBytes,
  parseTargets,
  type RoleKeys,
  type Root,
  requireCurrent,
  requireFile,
  requireThreshold,
  type Snapshot,
  type TargetFacts,
  type Targets,
} from '../metadata.ts';
import { bytesToRead, type ClientContext, readLocal, type WaivedExpiry } from './context.ts';
import { absent, requireVersion } from './freshness.ts';

/** A target that trusted metadata lists. */
export interface FoundTarget extends TargetFacts {
  readonly path: string;
  /** The role that signs for it. */
  readonly role: string;
}

/** As python-tuf, go-tuf and tuf-js. */
const MAX_ROLES_VISITED = 32;
/** The targets here are manifests: a few MiB at most. */
const MAX_TARGET_BYTES = 64 * 1024 * 1024;

/** A repository whose metadata is verified up to the top-level targets. */
export class TrustedRepository {
  readonly root: Envelope<Root>;
  readonly snapshot: Envelope<Snapshot>;
  readonly #context: ClientContext;

  constructor(context: ClientContext, root: Envelope<Root>, snapshot: Envelope<Snapshot>) {
    this.root = root;
    this.snapshot = snapshot;
    this.#context = context;
  }

  /** What was accepted although it had expired. */
  get waived(): readonly WaivedExpiry[] {
    return this.#context.waived;
  }

  /** Documents of the state that did not verify, and why. */
  get ignored(): readonly string[] {
    return this.#context.ignored;
  }

  /** The top-level targets. */
  targets(): Promise<Envelope<Targets>> {
    return this.load('targets', this.root.signed.roles.targets, `root ${this.root.signed.version}`);
  }

  /** The keys to which the top-level targets delegate a stream; none where there is no such stream. */
  async keysOf(stream: string): Promise<readonly KeyObject[]> {
    const delegation = (await this.targets()).signed.delegations.find(({ name }) => name === stream);
    return [...(delegation?.keys.values() ?? [])].map(({ publicKey }) => publicKey).filter((key) => key !== undefined);
  }

  /**
   * The metadata of a role, verified with the keys that its delegator names (specification §5.6).
   *
   * @throws CodedError ERR_EXPORT_TUF_MISMATCH, ERR_EXPORT_TUF_INVALID, ERR_EXPORT_SIGNATURE_INVALID,
   *   ERR_EXPORT_TUF_EXPIRED
   */
  async load(role: string, keys: RoleKeys, delegator: string): Promise<Envelope<Targets>> {
    const facts = this.snapshot.signed.roles.get(role);
    if (facts === undefined) throw absent(`${role}.json`, delegator);
    const verify = (bytes: Uint8Array, name: string) => {
      requireFile(bytes, facts, name);
      const targets = parseTargets(bytes, name);
      requireThreshold(targets, keys, delegator);
      requireVersion(targets, facts.version, this.snapshot.name);
      return targets;
    };
    const local = await readLocal(this.#context, role, verify);
    const targets = local ?? (await this.#fetch(role, facts.version, facts.length, verify));
    requireCurrent(targets, this.#context.at);
    if (local === undefined) await this.#context.state.write(role, targets.bytes);
    return targets;
  }

  async #fetch(
    role: string,
    version: number,
    length: number | undefined,
    verify: (bytes: Uint8Array, name: string) => Envelope<Targets>,
  ): Promise<Envelope<Targets>> {
    const name = `${version}.${role}.json`;
    const bytes = await this.#context.source.read('metadata', name, bytesToRead(name, length, maxTargetsBytes));
    if (bytes === undefined) throw absent(name, this.snapshot.name);
    return verify(bytes, name);
  }

  /**
   * A target, found depth first in the order of delegations; after a terminating one nothing else is asked
   * (specification §5.6.7).
   *
   * @returns undefined where no role that may speak of it lists it
   */
  async find(path: string): Promise<FoundTarget | undefined> {
    const visited = new Set<string>();
    const waiting = [{ name: 'targets', keys: this.root.signed.roles.targets as RoleKeys, delegator: 'the root' }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (visited.has(next.name)) continue;
      if (visited.size > MAX_ROLES_VISITED) throw tooManyRoles(path);
      visited.add(next.name);
      const { signed } = await this.load(next.name, next.keys, next.delegator);
      const facts = signed.targets.get(path);
      if (facts !== undefined) return { ...facts, path, role: next.name };
      const covering = signed.delegations.filter((delegation) => delegation.covers(path));
      const last = covering.findIndex(({ terminating }) => terminating);
      if (last >= 0) waiting.length = 0;
      const asked = last >= 0 ? covering.slice(0, last + 1) : covering;
      const delegator = next.name;
      waiting.push(...asked.map((keys) => ({ name: keys.name, keys, delegator })).reverse());
    }
    return undefined;
  }

  /**
   * The bytes of a target.
   *
   * @throws CodedError ERR_EXPORT_TUF_MISMATCH where they are missing or others than the ones signed for
   */
  async download({ path, role, length, hashes }: FoundTarget): Promise<Uint8Array> {
    const [hash = ''] = [hashes.get('sha256') ?? hashes.get('sha512')];
    const cut = path.lastIndexOf('/') + 1;
    const file = `${path.slice(0, cut)}${hash}.${path.slice(cut)}`;
    const bytes = await this.#context.source.read('targets', file, bytesToRead(path, length, MAX_TARGET_BYTES));
    if (bytes === undefined) throw absent(path, `${role}.json`);
    requireFile(bytes, { length, hashes }, path);
    return bytes;
  }
}

function tooManyRoles(path: string): CodedError {
  return new CodedError('ERR_EXPORT_TUF_INVALID', `${path}: more than ${MAX_ROLES_VISITED} roles may speak of it`, {
    hint: 'ask the publisher of the repository to delegate less deeply',
    details: { path },
  });
}
