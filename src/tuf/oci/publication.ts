import { join } from 'node:path';
import {
  addSeconds,
  compareInstants,
  type Descriptor,
  type Digest,
  encodeCanonical,
  type Instant,
  mediaTypes,
} from '#core';
import { type ByteStream, type ContentReader, contentOf, describeBytes } from '#oci/image';
import { memoryState, refreshRepository, type TufSource } from '../client.ts';
import { metadataRefused } from '../faults.ts';
import { readBounded } from '../files.ts';
import type { Envelope, TargetFacts } from '../metadata.ts';
import { openRepository, readRoots, withRepositoryLock } from '../repository.ts';
import type { TufFile } from './artifact.ts';

/** What a repository publishes now: its files in a fixed order, and how to read them. */
export interface TufPublication {
  readonly dir: string;
  /** The settings, as the config of an artifact. */
  readonly config: Descriptor;
  readonly files: readonly TufFile[];
  /** Of the timestamp. */
  readonly version: number;
  readonly timestamp: Uint8Array;
  readonly rootVersion: number;
  readonly contentOf: (digest: Digest) => ContentReader;
}

/** Reads a target. */
export type TargetReader = (descriptor: Descriptor) => Promise<Uint8Array>;

/** As much as clients read. */
const MAX_TARGET_BYTES = 64 * 1024 * 1024;

/**
 * Reads what a repository in a directory publishes now, and verifies it as a new client does, at a time at which
 * nothing has expired.
 *
 * @param elsewhere where targets are whose files are not in the directory
 * @throws CodedError ERR_EXPORT_TUF_STATE where it has published nothing, ERR_EXPORT_LOCKED, and those of a client
 */
export async function readPublication(dir: string, elsewhere?: TargetReader): Promise<TufPublication> {
  const { roots, repository } = await withRepositoryLock(dir, async () => {
    const repository = await openRepository(dir);
    return { repository, roots: await readRoots(repository) };
  });
  const { targets, snapshot, timestamp, root, lifetimes } = repository;
  if (!targets || !snapshot || !timestamp || !root) throw unpublished(dir);
  const streams = [...snapshot.signed.roles.keys()].flatMap((role) => repository.streams.get(role) ?? []);
  const documents: Envelope[] = [targets, ...streams, snapshot, timestamp];
  const bytesOf = new Map<string, Uint8Array>([
    ...roots,
    ...documents.map(({ name, bytes }) => [name, bytes] as const),
  ]);
  const earliest = [root, ...documents].map(({ signed }) => signed.expires).sort(compareInstants)[0] as Instant;
  await verifyAsNewClient(bytesOf, addSeconds(earliest, -1));
  const config = encodeCanonical({ version: 1, lifetimes: { ...lifetimes } });
  const contents = new Map<Digest, ContentReader>();
  const files: TufFile[] = [...bytesOf].map(([name, bytes]) => {
    const descriptor = describeBytes(mediaTypes.tufMetadata, bytes);
    contents.set(descriptor.digest, contentOf(bytes));
    return { folder: 'metadata', name, descriptor };
  });
  for (const { signed } of streams) {
    for (const [path, facts] of signed.targets) files.push(targetFile({ dir, elsewhere, contents }, path, facts));
  }
  const settings = describeBytes(mediaTypes.tufSettings, config);
  contents.set(settings.digest, contentOf(config));
  return {
    ...{ dir, config: settings, files, timestamp: timestamp.bytes },
    ...{ version: timestamp.signed.version, rootVersion: root.signed.version },
    contentOf: (digest) => contents.get(digest) as ContentReader,
  };
}

async function verifyAsNewClient(bytesOf: ReadonlyMap<string, Uint8Array>, at: Instant): Promise<void> {
  const source: TufSource = { read: async (folder, path) => (folder === 'metadata' ? bytesOf.get(path) : undefined) };
  const trustedRoot = bytesOf.get('1.root.json') ?? new Uint8Array(0);
  const trusted = await refreshRepository({ trustedRoot, source, state: memoryState(), at });
  const { signed, name } = await trusted.targets();
  for (const stream of signed.delegations) await trusted.load(stream.name, stream, name);
}

/** Not read before it is pushed, which compares its digest. */
function targetFile({ dir, elsewhere, contents }: TargetPlace, path: string, facts: TargetFacts): TufFile {
  const hash = facts.hashes.get('sha256') ?? '';
  const digest = `sha256:${hash}` as Digest;
  const name = `${hash}.${path}`;
  const descriptor = { mediaType: mediaTypes.tufTarget, digest, size: facts.length };
  contents.set(digest, async function* readTarget(offset: number): ByteStream {
    const own = await readBounded(join(dir, 'targets', name), path, MAX_TARGET_BYTES);
    const bytes = own ?? (await elsewhere?.(descriptor));
    if (bytes === undefined) throw gone(path);
    if (offset < bytes.length) yield bytes.subarray(offset);
  });
  return { folder: 'targets', name, descriptor };
}

interface TargetPlace {
  readonly dir: string;
  readonly elsewhere: TargetReader | undefined;
  readonly contents: Map<Digest, ContentReader>;
}

function gone(name: string) {
  return metadataRefused('ERR_EXPORT_TUF_MISMATCH', name, 'missing', 'restore the directory from a copy');
}

function unpublished(dir: string) {
  const hint = `sign the first root with: export-center tuf root sign ${dir} --key FILE`;
  return metadataRefused('ERR_EXPORT_TUF_STATE', dir, 'nothing is published yet', hint);
}
