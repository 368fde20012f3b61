import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder, writeFileDurable } from '#core';
import { fetchBytes, type OperationOptions, type Repository } from '#oci/image';
import { parseTrustedRoot, verifySuccessor } from '../client.ts';
import { metadataInvalid, metadataRefused } from '../faults.ts';
import { type Envelope, maxRootBytes, maxTargetsBytes, parseRoot, type Root } from '../metadata.ts';
import { readArtifact, type TufArtifact } from './artifact.ts';
import { readPublication } from './publication.ts';
import { type PublishedArtifact, publishArtifact } from './publish.ts';

/** A TUF repository that is an artifact, as a directory in which it can be changed. */
export interface Checkout {
  readonly dir: string;
  /** What the directory publishes, targets that are only in the artifact included. */
  read(): ReturnType<typeof readPublication>;
  /** Publishes the directory below the tag, if nobody has moved that meanwhile. */
  publish(): Promise<PublishedArtifact>;
}

/** What is checked out. */
export interface CheckoutOptions extends OperationOptions {
  readonly repository: Repository;
  readonly tag: string;
  /** The root that the user trusts: what a registry gives must not be signed with the next version otherwise. */
  readonly trustedRoot: Uint8Array;
}

/** Names of files; none leads out of the directory. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/;
const MAX_SETTINGS_BYTES = 4096;

/**
 * Runs `use` on a temporary directory with the metadata of a TUF repository that is an artifact. Its newest root has to
 * follow from the trusted one; the rest is verified as that of any directory, when it is changed.
 *
 * @throws CodedError ERR_EXPORT_TUF_STATE where the tag is no TUF repository, ERR_EXPORT_TUF_INVALID,
 *   ERR_EXPORT_SIGNATURE_INVALID, ERR_EXPORT_TUF_ROLLBACK, ERR_EXPORT_TUF_MISMATCH
 */
export async function withCheckout<T>(options: CheckoutOptions, use: (checkout: Checkout) => Promise<T>): Promise<T> {
  const { repository, tag, signal } = options;
  const artifact = await readArtifact(repository, tag, { signal });
  if (artifact === undefined) throw absent(repository, tag);
  const dir = await makeTempFolder('export-center-tuf-');
  try {
    await requireTrusted(options, artifact);
    await writeMetadata(options, artifact, dir);
    const read = () =>
      readPublication(dir, (target) => fetchBytes(repository, target, { signal, maxBytes: target.size }));
    const expected = artifact.descriptor.digest;
    const publish = async () => publishArtifact(await read(), repository, tag, { signal, expected });
    return await use({ dir, read, publish });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Follows the chain of roots from the trusted one to the newest; expiry does not count here. */
async function requireTrusted({ repository, trustedRoot, signal }: CheckoutOptions, artifact: TufArtifact) {
  let root: Envelope<Root> = parseTrustedRoot(trustedRoot);
  const nameOf = (version: number) => `${version}.root.json`;
  const read = async (name: string) => {
    const descriptor = artifact.files.get(`metadata/${name}`);
    return descriptor && fetchBytes(repository, descriptor, { signal, maxBytes: maxRootBytes });
  };
  const own = await read(nameOf(root.signed.version));
  if (own === undefined || !Buffer.from(parseRoot(own, root.name).message).equals(root.message)) {
    const hint = 'specify the root of this repository, or another repository';
    throw metadataRefused('ERR_EXPORT_TUF_MISMATCH', repository.name, 'does not have the trusted root', hint);
  }
  for (;;) {
    const name = nameOf(root.signed.version + 1);
    const next = await read(name);
    if (next === undefined) break;
    root = verifySuccessor(root, next, name);
  }
  const highest = Math.max(
    ...[...artifact.files.keys()].map((path) => Number(/\/(\d+)\.root\.json$/.exec(path)?.[1] ?? 0)),
  );
  if (highest === root.signed.version) return;
  throw metadataInvalid(nameOf(root.signed.version + 1), `missing, but ${nameOf(highest)} is there`);
}

async function writeMetadata({ repository, signal }: CheckoutOptions, artifact: TufArtifact, dir: string) {
  for (const [path, descriptor] of artifact.files) {
    const [folder = '', name = ''] = path.split('/');
    if (!FILE_NAME.test(name) || path !== `${folder}/${name}`)
      throw metadataInvalid(path.slice(0, 200), 'not a file name');
    if (folder !== 'metadata') continue;
    const bytes = await fetchBytes(repository, descriptor, { signal, maxBytes: maxTargetsBytes });
    await writeFileDurable(join(dir, folder, name), bytes);
  }
  const settings = await fetchBytes(repository, artifact.config, { signal, maxBytes: MAX_SETTINGS_BYTES });
  await writeFileDurable(join(dir, 'repository.json'), settings);
}

function absent(repository: Repository, tag: string) {
  const hint = 'publish the repository there first: export-center tuf publish DIR --to REFERENCE';
  return metadataRefused('ERR_EXPORT_TUF_STATE', `${repository.name}: ${tag}`, 'no TUF repository', hint);
}
