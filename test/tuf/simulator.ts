import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Instant } from '#core';
import { refreshRepository } from '../../src/tuf/client/refresh.ts';
import type { TufSource } from '../../src/tuf/client/source.ts';
import { memoryState } from '../../src/tuf/client/state.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Members = Record<string, Json>;

/** A key as a role of the simulator has it. */
export interface SimulatedKey {
  readonly keyid: string;
  readonly json: Members;
  readonly privateKey: KeyObject;
}

/** Canonical JSON written a second time, so that a fault in ours does not hide itself. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') {
    return typeof value === 'string' ? `"${value.replace(/[\\"]/g, (char) => `\\${char}`)}"` : String(value);
  }
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${canonical(key)}:${canonical(value[key] as Json)}`).join(',')}}`;
}

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** A new key; `extra` are members beside those of the specification, which change the keyid of the same key. */
export function newKey(kind: 'ed25519' | 'p256' = 'ed25519', of?: KeyObject, extra: Members = {}): SimulatedKey {
  const pair = of === undefined ? generate(kind) : of;
  const publicJwk = pair.export({ format: 'jwk' });
  const json: Members =
    kind === 'ed25519'
      ? { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: hexOf(publicJwk.x) }, ...extra }
      : { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: spkiOf(pair) }, ...extra };
  return { keyid: sha256(canonical(json)), json, privateKey: pair };
}

function generate(kind: 'ed25519' | 'p256'): KeyObject {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function hexOf(base64url: string | undefined): string {
  return Buffer.from(base64url ?? '', 'base64url').toString('hex');
}

function spkiOf(privateKey: KeyObject): string {
  const { d: _, ...jwk } = privateKey.export({ format: 'jwk' });
  const key = { key: jwk, format: 'jwk' } as const;
  return createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string;
}

export function signatureOf(key: SimulatedKey, signed: Json): { keyid: string; sig: string } {
  const algorithm = key.privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return { keyid: key.keyid, sig: sign(algorithm, Buffer.from(canonical(signed)), key.privateKey).toString('hex') };
}

interface SimulatedRole {
  keys: SimulatedKey[];
  threshold: number;
}

interface SimulatedDelegation extends SimulatedRole {
  name: string;
  terminating: boolean;
  paths: string[];
}

/** The `signed` part of a targets role, and the roles to which it delegates. */
interface SimulatedTargets {
  version: number;
  expires: string;
  targets: Members;
  delegations: SimulatedDelegation[];
}

export const NOW = '2026-08-22T00:00:00Z' as Instant;
export const LATER = '2026-09-22T00:00:00Z' as Instant;
const EXPIRES = '2027-01-01T00:00:00Z';

/** Changes what is about to be signed, or the signed document before it is written. */
export interface Tampering {
  readonly signed?: (signed: Members) => void;
  readonly document?: (document: { signatures: Members[]; signed: Members }) => void;
  readonly bytes?: (bytes: Buffer) => Buffer;
}

/**
 * A repository in memory that publishes whatever a test wants, also what no repository should: it does not use the code
 * that it judges.
 */
export class Simulator implements TufSource {
  readonly files = new Map<string, Uint8Array>();
  readonly requests: string[] = [];
  readonly roles: Record<'root' | 'targets' | 'snapshot' | 'timestamp', SimulatedRole>;
  readonly delegated = new Map<string, SimulatedTargets>();
  readonly versions = { root: 0, snapshot: 0, timestamp: 0 };
  readonly expires = { root: EXPIRES, snapshot: EXPIRES, timestamp: EXPIRES };
  /** By role: what to do to the next document. */
  readonly tamper = new Map<string, Tampering>();

  constructor() {
    const role = (): SimulatedRole => ({ keys: [newKey()], threshold: 1 });
    this.roles = { root: role(), targets: role(), snapshot: role(), timestamp: role() };
    this.delegated.set('targets', { version: 1, expires: EXPIRES, targets: {}, delegations: [] });
    this.publishRoot();
    this.publish();
  }

  async read(folder: string, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    this.requests.push(path);
    const bytes = this.files.get(`${folder}/${path}`);
    if (bytes !== undefined && bytes.length > maxBytes) throw new Error(`${path}: endless`);
    return bytes;
  }

  file(name: string): Uint8Array {
    const bytes = this.files.get(`metadata/${name}`);
    if (bytes === undefined) throw new Error(`no ${name}`);
    return bytes;
  }

  get targets(): SimulatedTargets {
    return this.delegated.get('targets') as SimulatedTargets;
  }

  delegate(name: string, paths: string[], from = 'targets', terminating = false): SimulatedDelegation {
    const delegation = { name, paths, terminating, keys: [newKey()], threshold: 1 };
    this.delegated.get(from)?.delegations.push(delegation);
    if (!this.delegated.has(name)) {
      this.delegated.set(name, { version: 1, expires: EXPIRES, targets: {}, delegations: [] });
    }
    return delegation;
  }

  addTarget(role: string, path: string, content: string, custom?: Members): void {
    const targets = this.delegated.get(role) as SimulatedTargets;
    const hash = sha256(content);
    targets.targets[path] = { length: content.length, hashes: { sha256: hash }, ...(custom && { custom }) };
    const cut = path.lastIndexOf('/') + 1;
    this.files.set(`targets/${path.slice(0, cut)}${hash}.${path.slice(cut)}`, Buffer.from(content));
  }

  /** The next root, signed by its own keys and by those given. */
  publishRoot(others: readonly SimulatedKey[] = [], version = ++this.versions.root): Uint8Array {
    const keys: Members = {};
    const roles: Members = {};
    for (const [name, role] of Object.entries(this.roles)) {
      for (const key of role.keys) keys[key.keyid] = key.json;
      roles[name] = { keyids: role.keys.map(({ keyid }) => keyid), threshold: role.threshold };
    }
    const signed = this.#signed('root', version, this.expires.root, { consistent_snapshot: true, keys, roles });
    return this.#write('root', `${version}.root.json`, signed, [...this.roles.root.keys, ...others]);
  }

  /** New versions of everything but the root; `only` leaves the targets roles as they are. */
  publish(only?: 'online'): void {
    const meta: Members = {};
    for (const [name, targets] of this.delegated) {
      if (only !== 'online') this.publishTargets(name);
      const bytes = this.file(`${targets.version}.${name}.json`);
      meta[`${name}.json`] = { version: targets.version, length: bytes.length, hashes: { sha256: sha256(bytes) } };
    }
    this.publishSnapshot(meta);
    this.publishTimestamp();
  }

  publishTargets(name: string): void {
    const { version, expires, targets, delegations } = this.delegated.get(name) as SimulatedTargets;
    const keys: Members = {};
    for (const each of delegations) for (const key of each.keys) keys[key.keyid] = key.json;
    const roles = delegations.map(({ keys: own, ...rest }) => ({ ...rest, keyids: own.map(({ keyid }) => keyid) }));
    const parts = { targets, ...(roles.length > 0 && { delegations: { keys, roles } }) } as Members;
    const signed = this.#signed('targets', version, expires, parts);
    this.#write(name, `${version}.${name}.json`, signed, this.#signersOf(name));
  }

  publishSnapshot(meta: Members): void {
    const signed = this.#signed('snapshot', ++this.versions.snapshot, this.expires.snapshot, { meta });
    this.#write('snapshot', `${this.versions.snapshot}.snapshot.json`, signed, this.roles.snapshot.keys);
  }

  publishTimestamp(): void {
    const bytes = this.file(`${this.versions.snapshot}.snapshot.json`);
    const facts = { version: this.versions.snapshot, length: bytes.length, hashes: { sha256: sha256(bytes) } };
    const parts = { meta: { 'snapshot.json': facts } };
    const signed = this.#signed('timestamp', ++this.versions.timestamp, this.expires.timestamp, parts);
    this.#write('timestamp', 'timestamp.json', signed, this.roles.timestamp.keys);
  }

  #signersOf(name: string): SimulatedKey[] {
    if (name === 'targets') return this.roles.targets.keys;
    const found = [...this.delegated.values()].flatMap(({ delegations }) => delegations);
    const keys = found.filter((each) => each.name === name).flatMap((each) => each.keys);
    return [...new Map(keys.map((key) => [key.keyid, key])).values()];
  }

  #signed(type: string, version: number, expires: string, parts: Members): Members {
    return { _type: type, spec_version: '1.0.34', version, expires, ...parts };
  }

  #write(role: string, file: string, signed: Members, keys: readonly SimulatedKey[]): Uint8Array {
    const tampering = this.tamper.get(role) ?? {};
    tampering.signed?.(signed);
    const unique = [...new Map(keys.map((key) => [key.keyid, key])).values()];
    const document = { signatures: unique.map((key): Members => signatureOf(key, signed)), signed };
    tampering.document?.(document);
    const bytes = Buffer.from(JSON.stringify(document, null, 1));
    const written = tampering.bytes?.(bytes) ?? bytes;
    this.files.set(`metadata/${file}`, written);
    return written;
  }
}

/** A client of the simulator with a state of its own, which trusts its first root. */
export function clientOf(simulator: Simulator, state = memoryState()) {
  const trustedRoot = simulator.file('1.root.json');
  const refresh = (at: Instant = NOW, acceptExpired = 0) =>
    refreshRepository({ trustedRoot, source: simulator, state, at, acceptExpired });
  return { state, refresh };
}
