import { CodedError, type Descriptor, type Digest } from '#core';
import { contentOf, fetchBytes, type OperationOptions, type Repository } from '#oci/image';
import { metadataRefused } from '../faults.ts';
import { maxTimestampBytes, parseTimestamp } from '../metadata.ts';
import { packArtifact, readArtifact, type TufArtifact } from './artifact.ts';
import type { TufPublication } from './publication.ts';

/** What was published, or was there already. */
export interface PublishedArtifact {
  readonly digest: Digest;
  readonly state: 'pushed' | 'present';
  /** What the tag pointed at before, where that was another state. */
  readonly previousDigest?: Digest;
}

/** How an artifact is published. */
export interface PublishOptions extends OperationOptions {
  /** What the tag has to point at, where that was read before. */
  readonly expected?: Digest | undefined;
}

/** Blobs that are pushed at a time. */
const CONCURRENCY = 8;

/**
 * Publishes a TUF repository as one artifact below a tag: blobs, the manifest, the tag. The tag is the commit: killed at
 * any moment, a reader sees the state before or this one.
 *
 * @throws CodedError ERR_EXPORT_TUF_ROLLBACK where a newer state is there, ERR_EXPORT_TUF_STATE where the tag is
 *   something else, ERR_EXPORT_LOCKED where somebody else moves the tag, ERR_EXPORT_TUF_FULL
 */
export async function publishArtifact(
  publication: TufPublication,
  repository: Repository,
  tag: string,
  { expected, ...options }: PublishOptions = {},
): Promise<PublishedArtifact> {
  const before = await artifactAt(repository, tag, options);
  if (expected !== undefined && before?.descriptor.digest !== expected) throw moved(repository, tag);
  if (before !== undefined) await requireNotNewer(publication, repository, before, options);
  const manifest = packArtifact(publication.files, publication.config, publication.version, undefined);
  const { digest } = manifest.descriptor;
  await pushBlobs(publication, repository, before, options);
  await repository.push(manifest.descriptor, contentOf(manifest.bytes), options);
  if (before?.descriptor.digest !== digest) {
    const now = await repository.resolve(tag, options);
    if (now?.digest !== before?.descriptor.digest) throw moved(repository, tag);
    await repository.tag(manifest.descriptor, tag, options);
  }
  if (before === undefined) return { digest, state: 'pushed' };
  const previousDigest = before.descriptor.digest;
  return previousDigest === digest ? { digest, state: 'present' } : { digest, state: 'pushed', previousDigest };
}

/**
 * Attaches a TUF repository to an artifact: a referrer with all its files, in the repository of that artifact.
 *
 * @throws CodedError ERR_EXPORT_TUF_FULL, and those of Repository
 */
export async function attachArtifact(
  publication: TufPublication,
  repository: Repository,
  subject: Descriptor,
  options: OperationOptions = {},
): Promise<PublishedArtifact> {
  const { mediaType, digest, size } = subject;
  const { files, config, version } = publication;
  const manifest = packArtifact(files, config, version, { mediaType, digest, size });
  const found = await repository.exists(manifest.descriptor, options);
  if (!found || repository.assumesBlobs !== true) {
    await pushBlobs(publication, repository, undefined, options);
    await repository.push(manifest.descriptor, contentOf(manifest.bytes), { ...options, found });
  }
  return { digest: manifest.descriptor.digest, state: found ? 'present' : 'pushed' };
}

/** What the tag names; of an artifact that is none of ours it must not be taken away. */
async function artifactAt(
  repository: Repository,
  tag: string,
  options: OperationOptions,
): Promise<TufArtifact | undefined> {
  const artifact = await readArtifact(repository, tag, options);
  const tagged = artifact && (await repository.resolve(tag, options));
  if (artifact === undefined || tagged?.digest === artifact.descriptor.digest) return artifact;
  throw otherArtifact(repository, tag, 'the tag of another artifact');
}

/** @throws CodedError ERR_EXPORT_TUF_ROLLBACK, ERR_EXPORT_TUF_STATE */
async function requireNotNewer(
  publication: TufPublication,
  repository: Repository,
  before: TufArtifact,
  options: OperationOptions,
): Promise<void> {
  const place = `${repository.name}: ${before.descriptor.digest}`;
  const first = publication.files.find(({ name }) => name === '1.root.json');
  if (before.files.get('metadata/1.root.json')?.digest !== first?.descriptor.digest) {
    throw otherArtifact(repository, before.descriptor.digest, 'another TUF repository is published here');
  }
  const descriptor = before.files.get('metadata/timestamp.json');
  if (descriptor === undefined) return;
  const bytes = await fetchBytes(repository, descriptor, { ...options, maxBytes: maxTimestampBytes });
  const { version } = parseTimestamp(bytes, `${place}: timestamp.json`).signed;
  const nextRoot = `metadata/${publication.rootVersion + 1}.root.json`;
  const other = version === publication.version && !Buffer.from(bytes).equals(publication.timestamp);
  if (version <= publication.version && !other && !before.files.has(nextRoot)) return;
  const what = other ? `timestamp ${version} is published with other content` : 'a newer state is published here';
  const hint = 'publish the newest state of the repository, not an older copy of its directory';
  throw metadataRefused('ERR_EXPORT_TUF_ROLLBACK', place, what, hint);
}

function otherArtifact(repository: Repository, name: string, what: string): CodedError {
  const hint = 'specify another tag, or remove this one first with: export-center untag';
  return metadataRefused('ERR_EXPORT_TUF_STATE', `${repository.name}: ${name}`, what, hint);
}

function moved(repository: Repository, tag: string): CodedError {
  return new CodedError('ERR_EXPORT_LOCKED', `${repository.name}: ${tag}: somebody else has moved the tag meanwhile`, {
    hint: 'run the same command again',
    details: { tag },
  });
}

async function pushBlobs(
  { files, config, contentOf: readerOf }: TufPublication,
  repository: Repository,
  before: TufArtifact | undefined,
  { signal }: OperationOptions,
): Promise<void> {
  const blobs = new Map([config, ...files.map(({ descriptor }) => descriptor)].map((each) => [each.digest, each]));
  // What the manifest of before names is there, where a registry keeps what manifests name.
  const known =
    repository.assumesBlobs === true && before !== undefined ? [before.config, ...before.files.values()] : [];
  for (const { digest } of known) blobs.delete(digest);
  const waiting = [...blobs.values()];
  const work = async () => {
    for (let blob = waiting.shift(); blob !== undefined; blob = waiting.shift()) {
      await repository.push(blob, readerOf(blob.digest), { signal });
    }
  };
  const ended = await Promise.allSettled(
    Array.from({ length: CONCURRENCY }, () =>
      work().catch((error: unknown) => {
        waiting.length = 0;
        throw error;
      }),
    ),
  );
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
