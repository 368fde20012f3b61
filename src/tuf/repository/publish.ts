import { join } from 'node:path';
import { addSeconds, compareInstants, type Instant, type JsonObject, writeFileDurable } from '#core';
import type { Signer } from '#signing';
import { directorySource, memoryState, refreshRepository, type TufSource } from '../client.ts';
import { metadataRefused } from '../faults.ts';
import {
  type Delegation,
  type Envelope,
  encodeOlpc,
  parseSnapshot,
  parseTargets,
  parseTimestamp,
  type RoleKeys,
  type Root,
  type Snapshot,
  signersOf,
  type Targets,
  type Timestamp,
} from '../metadata.ts';
import { delegationOf, headOf, metaOf, targetsToJson } from './compose.ts';
import { metadataPath, type Repository } from './repository.ts';
import { encodeDocument, lackingSignatures, signaturesOf, signedOf } from './sign.ts';
import { deleteStaged, stagedOf, type WaitingRole, waitingRole, writeStaged } from './staged.ts';

/** What is to change. Whatever no longer verifies because of it is signed again. */
export interface Changes {
  /** A root with all its signatures. */
  readonly root?: Envelope<Root>;
  /** All streams, in the order of their delegations; a new version of the targets. */
  readonly delegations?: readonly Pick<Delegation, 'name' | 'keys' | 'threshold'>[];
  /** The targets of streams that get a new version. */
  readonly streams?: ReadonlyMap<string, JsonObject>;
  /** Files below `targets/`, by name. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** A document that was published. */
export interface PublishedRole {
  readonly role: string;
  readonly version: number;
  readonly expires: Instant;
}

/** What was published; or what waits for signatures, and then nothing was published. */
export interface PublishResult {
  readonly published: readonly PublishedRole[];
  readonly waiting: readonly WaitingRole[];
}

/** Who signs, and when. */
export interface Signing {
  readonly signers: readonly Signer[];
  readonly at: Instant;
  /** Whether a role may wait for its one key too; unless told, only a role that needs several may. */
  readonly mayWait?: boolean;
}

/** What one publication works with. */
interface Publication extends Signing {
  readonly repository: Repository;
  readonly root: Envelope<Root>;
  readonly changes: Changes;
  /** New documents by role, in the order in which they are written. */
  readonly documents: Map<string, Envelope>;
  /** Those of them with too few signatures. */
  readonly waiting: WaitingRole[];
}

/**
 * Publishes a new timestamp, and before it what has changed. Everything is verified first, as a client does that has
 * seen what is published now. Files of targets and of metadata with a version in their name are written first, then a
 * new root, and the timestamp last: it is the commit. Each step can be killed and repeated.
 *
 * Where a role needs more signatures than there are signers, all is staged instead, and nothing published: what is
 * signed in a snapshot are the bytes of the others, so that it can only be made once they are complete.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where a key is missing, or another version of a role waits already, ERR_EXPORT_DISK_FULL, ERR_EXPORT_NOT_WRITABLE, and
 *   those of a client
 */
export async function publish(repository: Repository, changes: Changes, signing: Signing): Promise<PublishResult> {
  const root = changes.root ?? repository.root;
  if (root === undefined) throw unsigned(repository.dir);
  const publication: Publication = { repository, root, changes, ...signing, documents: new Map(), waiting: [] };
  const targets = await nextTargets(publication);
  const roles = new Map<string, Envelope<Targets>>([...repository.streams, ['targets', targets]]);
  for (const stream of targets.signed.delegations) roles.set(stream.name, await nextStream(publication, stream));
  if (publication.waiting.length > 0) return stage(publication);
  const snapshot = await nextSnapshot(publication, roles);
  if (publication.waiting.length > 0) return stage(publication);
  const timestamp = await nextTimestamp(publication, snapshot);
  if (publication.waiting.length > 0) return stage(publication);
  await verifyAsClient(publication, timestamp, targets);
  await write(publication, timestamp);
  const published = [...publication.documents].map(
    ([
      role,
      {
        signed: { version, expires },
      },
    ]) => {
      return { role, version, expires };
    },
  );
  return { published, waiting: [] };
}

async function stage({ repository, changes, documents, waiting }: Publication): Promise<PublishResult> {
  // The targets after their streams: a stream without its delegation is not looked at.
  const ordered = [...documents].sort(([a], [b]) => Number(a === 'targets') - Number(b === 'targets'));
  await writeStaged(repository.dir, new Map(ordered), changes.files ?? new Map());
  return { published: [], waiting };
}

/** The next version of a role. */
interface Draft<T extends Envelope> {
  readonly role: string;
  readonly file: string;
  readonly signed: JsonObject;
  readonly keys: RoleKeys;
  readonly parse: (bytes: Uint8Array, name: string) => T;
}

/** Signs a draft, or what waits of the same content. */
async function sign<T extends Envelope>(publication: Publication, draft: Draft<T>): Promise<T> {
  const { role, file, keys, parse } = draft;
  const staged = reusable(publication, draft);
  const signed = staged === undefined ? draft.signed : signedOf(staged);
  const known = new Set(staged && signersOf(staged, keys));
  const before = new Map([...(staged?.signatures ?? [])].filter(([keyid]) => known.has(keyid)));
  const signatures = await signaturesOf({ signed, keys, signers: publication.signers, before });
  const isComplete = signatures.size >= keys.threshold;
  if (!isComplete && publication.mayWait !== true && keys.threshold === 1) {
    throw lackingSignatures(draft, keys, signatures.size);
  }
  const envelope = parse(encodeDocument(signed, signatures), file);
  publication.documents.set(role, envelope);
  if (!isComplete) publication.waiting.push(waitingRole(role, envelope, keys));
  return envelope;
}

/**
 * What waits of a role, if it says the same and has not expired. What else waits of a snapshot or timestamp is replaced:
 * they only follow from the others.
 */
function reusable({ repository, at }: Publication, { role, signed }: Draft<Envelope>): Envelope | undefined {
  const staged = stagedOf(repository.waiting, role);
  if (staged === undefined) return undefined;
  const contentOf = (document: JsonObject) => encodeOlpc({ ...document, expires: '' });
  if (Buffer.from(contentOf(signedOf(staged))).equals(contentOf(signed))) {
    return compareInstants(at, staged.signed.expires) < 0 ? staged : undefined;
  }
  if (role === 'snapshot' || role === 'timestamp') return undefined;
  const hint = `sign it with: export-center tuf sign ${repository.dir}; or delete staged/${role}.json`;
  const what = `version ${staged.signed.version} with another content waits for signatures`;
  throw metadataRefused('ERR_EXPORT_TUF_STATE', role, what, hint);
}

async function nextTargets(publication: Publication): Promise<Envelope<Targets>> {
  const { repository, root, changes } = publication;
  const role = root.signed.roles.targets;
  const before = repository.targets;
  if (changes.delegations === undefined && before !== undefined && meets(before, role)) return before;
  const delegations = changes.delegations ?? before?.signed.delegations ?? [];
  const file = `${nextVersion(before)}.targets.json`;
  const head = headOf('targets', nextVersion(before), publication.at, repository.lifetimes.targets);
  const signed = { ...head, ...targetsToJson(delegations) };
  return sign(publication, { role: 'targets', file, signed, keys: role, parse: parseTargets });
}

async function nextStream(publication: Publication, stream: Delegation): Promise<Envelope<Targets>> {
  const { repository, changes } = publication;
  const before = repository.streams.get(stream.name);
  const changed = changes.streams?.get(stream.name);
  if (changed === undefined && before !== undefined && meets(before, stream)) return before;
  const file = `${nextVersion(before)}.${stream.name}.json`;
  const head = headOf('targets', nextVersion(before), publication.at, repository.lifetimes.stream);
  const targets = changed ?? (before === undefined ? {} : (signedOf(before)['targets'] as JsonObject));
  const signed = { ...head, targets };
  return sign(publication, { role: stream.name, file, signed, keys: stream, parse: parseTargets });
}

/** A new snapshot where a role has changed, the keys have, or half of its life is over. */
async function nextSnapshot(
  publication: Publication,
  roles: ReadonlyMap<string, Envelope<Targets>>,
): Promise<Envelope<Snapshot>> {
  const { repository, root, at, documents } = publication;
  const { lifetimes, snapshot: before } = repository;
  const role = root.signed.roles.snapshot;
  if (before !== undefined && documents.size === 0 && meets(before, role)) {
    const half = addSeconds(at, Math.floor(lifetimes.snapshot / 2));
    if (compareInstants(before.signed.expires, half) > 0) return before;
  }
  const names = [...roles.keys()].sort();
  const meta = Object.fromEntries(names.map((name) => [`${name}.json`, metaOf(roles.get(name) as Envelope)]));
  const file = `${nextVersion(before)}.snapshot.json`;
  const head = headOf('snapshot', nextVersion(before), at, lifetimes.snapshot);
  return sign(publication, { role: 'snapshot', file, signed: { ...head, meta }, keys: role, parse: parseSnapshot });
}

async function nextTimestamp(publication: Publication, snapshot: Envelope<Snapshot>): Promise<Envelope<Timestamp>> {
  const { repository, root, at } = publication;
  const file = 'timestamp.json';
  const head = headOf('timestamp', nextVersion(repository.timestamp), at, repository.lifetimes.timestamp);
  const signed = { ...head, meta: { 'snapshot.json': metaOf(snapshot) } };
  return sign(publication, {
    role: 'timestamp',
    file,
    signed,
    keys: root.signed.roles.timestamp,
    parse: parseTimestamp,
  });
}

function nextVersion(before: Envelope | undefined): number {
  return (before?.signed.version ?? 0) + 1;
}

function meets(envelope: Envelope, role: RoleKeys): boolean {
  return signersOf(envelope, role).length >= role.threshold;
}

/**
 * Lets our client refresh what would be published, as one that knows what is published. At a time at which nothing has
 * expired: an expired stream must not keep the others from being renewed.
 */
async function verifyAsClient(
  { repository, root, changes, documents }: Publication,
  timestamp: Envelope<Timestamp>,
  targets: Envelope<Targets>,
): Promise<void> {
  const state = memoryState();
  if (repository.timestamp !== undefined) await state.write('timestamp', repository.timestamp.bytes);
  if (repository.snapshot !== undefined) await state.write('snapshot', repository.snapshot.bytes);
  const published = directorySource(repository.dir);
  const byFile = new Map([...documents.values()].map((document) => [document.name, document]));
  const source: TufSource = {
    async read(folder, path, maxBytes) {
      if (folder === 'targets') return changes.files?.get(path) ?? published.read(folder, path, maxBytes);
      if (path === `${root.signed.version}.root.json`) return root.bytes;
      return byFile.get(path)?.bytes ?? published.read(folder, path, maxBytes);
    },
  };
  const all = [root, timestamp, targets, ...repository.streams.values(), ...documents.values()];
  const earliest = all.map(({ signed }) => signed.expires).sort(compareInstants)[0] as Instant;
  const trustedRoot = (repository.root ?? root).bytes;
  const trusted = await refreshRepository({ trustedRoot, source, state, at: addSeconds(earliest, -1) });
  for (const stream of targets.signed.delegations) {
    const { signed } = await trusted.load(stream.name, stream, targets.name);
    for (const name of signed.targets.keys()) {
      if (changes.files === undefined || !changes.streams?.has(stream.name)) break;
      const found = await trusted.find(name);
      if (found !== undefined && changes.files.has(`${found.hashes.get('sha256')}.${name}`))
        await trusted.download(found);
    }
  }
}

async function write({ repository, root, changes, documents }: Publication, timestamp: Envelope): Promise<void> {
  const { dir } = repository;
  for (const [file, bytes] of changes.files ?? []) await writeFileDurable(join(dir, 'targets', file), bytes);
  for (const { name, bytes } of documents.values()) {
    if (name !== timestamp.name) await writeFileDurable(metadataPath(dir, name), bytes);
  }
  if (changes.root !== undefined)
    await writeFileDurable(metadataPath(dir, `${root.signed.version}.root.json`), root.bytes);
  await writeFileDurable(metadataPath(dir, timestamp.name), timestamp.bytes);
  const roles = changes.root === undefined ? documents.keys() : ['root', ...documents.keys()];
  await deleteStaged(dir, roles, changes.files?.keys() ?? []);
}

function unsigned(dir: string) {
  const hint = `sign it first with: export-center tuf root sign ${dir} --key FILE`;
  return metadataRefused('ERR_EXPORT_TUF_STATE', dir, 'the first root is not signed yet', hint);
}

/** The streams as they are, with one of them replaced or added. */
export function withDelegation(
  repository: Repository,
  stream: Pick<Delegation, 'name' | 'keys' | 'threshold'>,
): NonNullable<Changes['delegations']> {
  const all = repository.targets?.signed.delegations ?? [];
  if (delegationOf(repository.targets, stream.name) === undefined) return [...all, stream];
  return all.map((each) => (each.name === stream.name ? stream : each));
}
