import { createHash } from 'node:crypto';
import type { JsonObject } from '#core';
import { type Envelope, parseEnvelope, type Signed } from './envelope.ts';
import type { TufKey } from './keys.ts';
import { coversPath, isDelegatedRole, isPathPattern, isTargetPath } from './names.ts';
import type { JsonNode } from './node.ts';
import { parseKeys, parseRoleKeys, type RoleKeys } from './roles.ts';

/** What a file has to be. Hashes in hex by algorithm: at least SHA-256 or SHA-512, none that is unknown. */
export interface FileFacts {
  readonly length: number;
  readonly hashes: ReadonlyMap<'sha256' | 'sha512', string>;
}

/** A target and what its role says of it. */
export interface TargetFacts extends FileFacts {
  readonly custom: JsonObject | undefined;
}

/** A role to which another one delegates. */
export interface Delegation extends RoleKeys {
  readonly name: string;
  readonly terminating: boolean;
  /** Whether the role may speak of a target. */
  covers(path: string): boolean;
}

/** Targets, and who else speaks of targets (specification §4.5). */
export interface Targets extends Signed {
  readonly targets: ReadonlyMap<string, TargetFacts>;
  readonly keys: ReadonlyMap<string, TufKey>;
  /** In order of priority. */
  readonly delegations: readonly Delegation[];
}

/** As python-tuf, go-tuf and tuf-js. */
export const maxTargetsBytes = 5_000_000;
const MAX_TARGETS = 50_000;
const MAX_DELEGATIONS = 1024;
const MAX_PATHS = 1024;

/** @throws CodedError ERR_EXPORT_TUF_INVALID */
export function parseTargets(bytes: Uint8Array, name: string): Envelope<Targets> {
  return parseEnvelope(bytes, name, { type: 'targets', maxBytes: maxTargetsBytes, parse: readTargets });
}

function readTargets(node: JsonNode, head: Signed): Targets {
  const targets = new Map<string, TargetFacts>();
  for (const [path, target] of node.member('targets').entries(MAX_TARGETS)) {
    if (!isTargetPath(path)) throw target.fault('not a target path: relative, without empty, "." and ".." segments');
    targets.set(path, { ...parseFileFacts(target), custom: target.optional('custom')?.object() });
  }
  const delegations = node.optional('delegations');
  if (delegations === undefined) return { ...head, targets, keys: new Map(), delegations: [] };
  return { ...head, targets, ...readDelegations(delegations) };
}

/** `length` and `hashes`, both there. */
function parseFileFacts(node: JsonNode): FileFacts {
  return { length: node.member('length').integer(0), hashes: parseHashes(node.member('hashes')) };
}

/** At least one hash that can be checked. */
export function parseHashes(node: JsonNode): FileFacts['hashes'] {
  const hashes = new Map<'sha256' | 'sha512', string>();
  for (const [algorithm, value] of node.entries(16)) {
    if (algorithm === 'sha256') hashes.set(algorithm, value.text(/^[0-9a-f]{64}$/, '64 lower-case hex digits'));
    if (algorithm === 'sha512') hashes.set(algorithm, value.text(/^[0-9a-f]{128}$/, '128 lower-case hex digits'));
  }
  if (hashes.size === 0) throw node.fault('expected sha256 or sha512');
  return hashes;
}

function readDelegations(node: JsonNode): Pick<Targets, 'keys' | 'delegations'> {
  if (node.optional('succinct_roles') !== undefined) throw node.fault('succinct_roles are not supported');
  const keys = parseKeys(node.member('keys'));
  const delegations = node
    .member('roles')
    .list(MAX_DELEGATIONS)
    .map((role) => readDelegation(role, keys));
  const names = new Set(delegations.map(({ name }) => name));
  if (names.size < delegations.length) throw node.member('roles').fault('a role is named twice');
  return { keys, delegations };
}

function readDelegation(node: JsonNode, known: ReadonlyMap<string, TufKey>): Delegation {
  const name = node.member('name').text(/^/, 'the name of a role');
  if (!isDelegatedRole(name)) throw node.member('name').fault('not a name that a delegated role can have');
  const terminating = node.member('terminating').flag();
  const [paths, prefixes] = [node.optional('paths'), node.optional('path_hash_prefixes')];
  if ((paths === undefined) === (prefixes === undefined))
    throw node.fault('expected either paths or path_hash_prefixes');
  const covers = paths === undefined ? readPrefixes(prefixes as JsonNode) : readPatterns(paths);
  return { name, terminating, covers, ...parseRoleKeys(node, known) };
}

function readPatterns(node: JsonNode): Delegation['covers'] {
  const patterns = node.list(MAX_PATHS).map((item) => {
    const pattern = item.text(/^/, 'a pattern');
    if (!isPathPattern(pattern)) throw item.fault('a pattern may hold only plain characters, * and ?');
    return pattern;
  });
  return (path) => patterns.some((pattern) => coversPath(pattern, path));
}

function readPrefixes(node: JsonNode): Delegation['covers'] {
  const prefixes = node.list(MAX_PATHS).map((item) => item.text(/^[0-9a-f]{1,64}$/, 'lower-case hex digits'));
  return (path) => {
    const hash = createHash('sha256').update(path).digest('hex');
    return prefixes.some((prefix) => hash.startsWith(prefix));
  };
}
