import { join } from 'node:path';
import { addSeconds, compareInstants, type Instant, type JsonObject, writeFileDurable } from '#core';
import type { Signer } from '#signing';
import { directorySource, memoryState, refreshRepository, type TufSource } from '../client.ts';
import { metadataRefused } from '../faults.ts';
import {
  type Delegation,
  type Envelope,
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
import { signDocument, signedOf } from './sign.ts';

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

/** What one publication works with. */
interface Publication {
  readonly repository: Repository;
  readonly root: Envelope<Root>;
  readonly changes: Changes;
  readonly signers: readonly Signer[];
  readonly at: Instant;
  /** New documents by file, in the order in which they are written. */
  readonly documents: Map<string, Envelope>;
}

/**
 * Publishes a new timestamp, and before it what has changed. Everything is verified first, as a client does that has
 * seen what is published now. Files of targets and of metadata with a version in their name are written first, then a
 * new root, and the timestamp last: it is the commit. Each step can be killed and repeated.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where a key is missing, ERR_EXPORT_DISK_FULL, ERR_EXPORT_NOT_WRITABLE, and
 *   those of a client
 */
export async function publish(
  repository: Repository,
  changes: Changes,
  signers: readonly Signer[],
  at: Instant,
): Promise<readonly PublishedRole[]> {
  const root = changes.root ?? repository.root;
  if (root === undefined) throw unsigned(repository.dir);
  const publication: Publication = { repository, root, changes, signers, at, documents: new Map() };
  const targets = await nextTargets(publication);
  const roles = new Map<string, Envelope<Targets>>([...repository.streams, ['targets', targets]]);
  for (const stream of targets.signed.delegations) roles.set(stream.name, await nextStream(publication, stream));
  const snapshot = await nextSnapshot(publication, roles);
  const timestamp = await nextTimestamp(publication, snapshot);
  await verifyAsClient(publication, timestamp, targets);
  await write(publication, timestamp);
  return [...publication.documents.values()].map(({ name, signed: { version, expires } }) => {
    return { role: name.replace(/^\d+\.|\.json$/g, ''), version, expires };
  });
}

async function nextTargets(publication: Publication): Promise<Envelope<Targets>> {
  const { repository, root, changes } = publication;
  const role = root.signed.roles.targets;
  const before = repository.targets;
  if (changes.delegations === undefined && before !== undefined && meets(before, role)) return before;
  const delegations = changes.delegations ?? before?.signed.delegations ?? [];
  const file = `${nextVersion(before)}.targets.json`;
  const head = headOf('targets', nextVersion(before), publication.at, repository.lifetimes.targets);
  const bytes = await signDocument(file, { ...head, ...targetsToJson(delegations) }, role, publication.signers);
  return added(publication, parseTargets(bytes, file));
}

async function nextStream(publication: Publication, stream: Delegation): Promise<Envelope<Targets>> {
  const { repository, changes } = publication;
  const before = repository.streams.get(stream.name);
  const changed = changes.streams?.get(stream.name);
  if (changed === undefined && before !== undefined && meets(before, stream)) return before;
  const file = `${nextVersion(before)}.${stream.name}.json`;
  const head = headOf('targets', nextVersion(before), publication.at, repository.lifetimes.stream);
  const targets = changed ?? (before === undefined ? {} : (signedOf(before)['targets'] as JsonObject));
  const bytes = await signDocument(file, { ...head, targets }, stream, publication.signers);
  return added(publication, parseTargets(bytes, file));
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
  const bytes = await signDocument(file, { ...head, meta }, role, publication.signers);
  return added(publication, parseSnapshot(bytes, file));
}

async function nextTimestamp(publication: Publication, snapshot: Envelope<Snapshot>): Promise<Envelope<Timestamp>> {
  const { repository, root, at } = publication;
  const file = 'timestamp.json';
  const head = headOf('timestamp', nextVersion(repository.timestamp), at, repository.lifetimes.timestamp);
  const signed = { ...head, meta: { 'snapshot.json': metaOf(snapshot) } };
  const bytes = await signDocument(file, signed, root.signed.roles.timestamp, publication.signers);
  return added(publication, parseTimestamp(bytes, file));
}

function added<T extends Envelope>({ documents }: Publication, envelope: T): T {
  documents.set(envelope.name, envelope);
  return envelope;
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
  const source: TufSource = {
    async read(folder, path, maxBytes) {
      if (folder === 'targets') return changes.files?.get(path) ?? published.read(folder, path, maxBytes);
      if (path === `${root.signed.version}.root.json`) return root.bytes;
      return documents.get(path)?.bytes ?? published.read(folder, path, maxBytes);
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
  for (const [file, { bytes }] of documents) {
    if (file !== timestamp.name) await writeFileDurable(metadataPath(dir, file), bytes);
  }
  if (changes.root !== undefined)
    await writeFileDurable(metadataPath(dir, `${root.signed.version}.root.json`), root.bytes);
  await writeFileDurable(metadataPath(dir, timestamp.name), timestamp.bytes);
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
