import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import { addSeconds, type Instant, type JsonObject } from '#core';
import {
  type Delegation,
  type Envelope,
  encodeTufKey,
  type RoleKeys,
  specVersion,
  streamPattern,
  type Targets,
  type TufKey,
  tufKeyidOf,
} from '../metadata.ts';

/** What begins every document; `expires` is to the second, since python-tuf refuses milliseconds. */
export function headOf(type: string, version: number, at: Instant, lifetime: number): JsonObject {
  const expires = addSeconds(`${at.slice(0, 19)}Z` as Instant, lifetime);
  return { _type: type, spec_version: specVersion, version, expires };
}

/** Public keys as a root or delegations hold them, by keyid. */
export function keysToJson(keys: readonly KeyObject[]): Record<string, JsonObject> {
  return Object.fromEntries(keys.map(encodeTufKey).map((json) => [tufKeyidOf(json), json]));
}

/** The keys of several roles, each once. */
export function mergeKeys(roles: readonly RoleKeys[]): Record<string, JsonObject> {
  const keys = roles.flatMap((role) => [...role.keys.values()]).map((key: TufKey) => [key.keyid, key.json] as const);
  return Object.fromEntries(keys);
}

/** The `keyids` and `threshold` of a role. */
export function roleToJson({ keys, threshold }: RoleKeys): JsonObject {
  return { keyids: [...keys.keys()], threshold };
}

/** A top-level targets document without targets, which delegates to streams. */
export function targetsToJson(delegations: readonly Pick<Delegation, 'name' | 'keys' | 'threshold'>[]): JsonObject {
  if (delegations.length === 0) return { targets: {} };
  const roles = delegations.map((stream) => ({
    name: stream.name,
    ...roleToJson(stream),
    paths: [streamPattern(stream.name)],
    terminating: true,
  }));
  return { targets: {}, delegations: { keys: mergeKeys(delegations), roles } };
}

/** What a snapshot or a timestamp says of a document. */
export function metaOf(envelope: Envelope): JsonObject {
  const { bytes, signed } = envelope;
  return { version: signed.version, length: bytes.length, hashes: { sha256: sha256(bytes) } };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The delegation of a stream, if targets have one. */
export function delegationOf(targets: Envelope<Targets> | undefined, stream: string): Delegation | undefined {
  return targets?.signed.delegations.find(({ name }) => name === stream);
}
