import { randomBytes } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { assertDatabase, databaseTooLarge, maxDatabaseBytes, type UnpackedDatabase, unpackDatabase } from '#artifacts';
import { algorithmOf, CodedError, type Descriptor, type Digest, fileError, hexOf, mediaTypes } from '#core';
import {
  bareDescriptor,
  formatReference,
  isRegistryReference,
  layersOf,
  nameOf,
  parseManifest,
  type Reference,
  type Repository,
  readNamed,
} from '#oci/image';
import { collectAttestations, type ResourceDescriptor, type Verifier } from '#signing';
import type { ProgressListener } from '../progress.ts';

/** A trivy.db or a db.tar.gz on this machine. */
interface DatabaseFile {
  readonly kind: 'file';
  readonly path: string;
  /** That the file must have. */
  readonly digest?: Digest | undefined;
}

/** A database as Trivy pulls it. */
interface DatabaseArtifact {
  readonly kind: 'artifact';
  readonly reference: Reference;
  readonly repository: Repository;
  /** The key that must have signed it. */
  readonly verifier?: Verifier | undefined;
}

/** Where a database for Trivy is. */
export type DatabasePlace = DatabaseFile | DatabaseArtifact;

/** How it is opened. */
export interface OpenDatabaseOptions {
  /** An existing folder for temporary files. */
  readonly workDir: string;
  /** Refuse a tag of a registry that no key is there to verify: whoever may push there decides what it names. */
  readonly mustBePinned: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/** A database on this machine, and what it was. */
export interface OpenDatabase extends UnpackedDatabase {
  /** For messages. */
  readonly name: string;
  /** For provenance. */
  readonly source: ResourceDescriptor;
  /** Of the artifact, where it is one. */
  readonly artifact?: Descriptor;
  /**
   * Makes sure that what was read since is what was hashed: a trivy.db of the user's is read where it is.
   *
   * @throws CodedError ERR_EXPORT_IO
   */
  assertUnchanged(): Promise<void>;
}

/**
 * Puts a database for Trivy into a file, after it has been verified.
 *
 * @throws CodedError ERR_EXPORT_USAGE for a tag that nothing pins, ERR_EXPORT_NOT_FOUND, ERR_EXPORT_DIGEST_MISMATCH,
 *   ERR_EXPORT_SIGNATURE_MISSING, ERR_EXPORT_SIGNATURE_INVALID, ERR_EXPORT_MANIFEST_INVALID,
 *   ERR_EXPORT_CONTENT_MISMATCH, ERR_EXPORT_TOO_LARGE, and what reading throws
 */
export async function openDatabase(place: DatabasePlace, options: OpenDatabaseOptions): Promise<OpenDatabase> {
  return place.kind === 'file' ? openFile(place, options) : openArtifact(place, options);
}

async function openFile(place: DatabaseFile, { workDir, signal }: OpenDatabaseOptions): Promise<OpenDatabase> {
  const { path, digest } = place;
  const before = await stateOf(path);
  const unpacked = await unpackDatabase(path, workDir, signal);
  if (digest !== undefined && unpacked.fileDigest !== digest) {
    throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `${path}: expected ${digest}, got ${unpacked.fileDigest}`, {
      hint: 'fetch the file again, or correct the digest behind @',
      details: { path, expected: digest, actual: unpacked.fileDigest },
    });
  }
  await assertDatabase({ path: unpacked.path, name: path });
  const name = basename(resolve(path));
  const sha256 = hexOf(unpacked.fileDigest);
  return {
    ...unpacked,
    name: path,
    source: { name, uri: `file:${encodeURIComponent(name)}`, digest: { sha256 } },
    async assertUnchanged() {
      if (unpacked.path !== path || (await stateOf(path)) === before) return;
      throw new CodedError('ERR_EXPORT_IO', `${path}: the file was changed while it was read`, {
        hint: 'run the command again, on a copy of the file if something updates it',
        details: { path },
      });
    },
  };
}

/** What changes with a file's content. */
async function stateOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw fileError(error, path);
  });
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function openArtifact(place: DatabaseArtifact, options: OpenDatabaseOptions): Promise<OpenDatabase> {
  const { reference, repository, verifier } = place;
  const { workDir, signal } = options;
  const name = formatReference(reference);
  const artifact = await repository.resolve(nameOf(reference), { signal });
  if (artifact === undefined) {
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${name}: artifact not found`, {
      hint: 'check the reference; export-center ls REPOSITORY lists the tags',
      details: { reference: name },
    });
  }
  const isPinned = reference.digest !== undefined || verifier !== undefined || !isRegistryReference(reference);
  if (options.mustBePinned && !isPinned) throw notPinned(reference, artifact.digest);
  if (verifier !== undefined) await verifyBase(repository, artifact, verifier, options);
  const layer = await layerOf(repository, artifact, options);
  const packed = join(workDir, `${randomBytes(8).toString('hex')}.tar.gz`);
  await download(repository, layer, packed, options);
  try {
    const unpacked = await unpackDatabase(packed, workDir, signal);
    await assertDatabase({ path: unpacked.path, name });
    const source = {
      ...describePlace(reference, artifact),
      digest: { [algorithmOf(artifact.digest)]: hexOf(artifact.digest) },
    };
    return { ...unpacked, name, artifact, source, assertUnchanged: async () => undefined };
  } finally {
    await rm(packed, { force: true });
  }
}

/** Of a layout the last part of its path: the folder in which a run found it says nothing about what it holds. */
function describePlace(reference: Reference, { digest }: Descriptor): { readonly name: string; readonly uri: string } {
  if (isRegistryReference(reference)) {
    return { name: formatReference(reference), uri: formatReference({ ...reference, digest }) };
  }
  const name = basename(resolve(reference.path));
  return { name, uri: `file:${encodeURIComponent(name)}` };
}

function notPinned(reference: Reference, digest: Digest): CodedError {
  const name = formatReference(reference);
  return new CodedError(
    'ERR_EXPORT_USAGE',
    `${name}: a tag can be moved, and no key is given to verify what it names`,
    {
      hint: `pin what it names now with --base-db ${formatReference({ ...reference, digest })}, or use --base-db-key FILE`,
      details: { reference: name, digest },
    },
  );
}

async function verifyBase(
  repository: Repository,
  artifact: Descriptor,
  verifier: Verifier,
  { signal }: OpenDatabaseOptions,
): Promise<void> {
  const { signatures, otherSigners } = await collectAttestations(repository, artifact, verifier, { signal });
  if (signatures.length > 0) return;
  const others = otherSigners === 0 ? '' : `; ${otherSigners} signatures and attestations by other keys`;
  throw new CodedError(
    'ERR_EXPORT_SIGNATURE_MISSING',
    `${repository.name}@${artifact.digest}: no signature by the key of --base-db-key${others}`,
    {
      hint: 'check that this is the right key, and that signatures were copied too',
      details: { digest: artifact.digest },
    },
  );
}

/** The one layer, which Trivy wants to be of this type. */
async function layerOf(
  repository: Repository,
  artifact: Descriptor,
  { signal }: OpenDatabaseOptions,
): Promise<Descriptor> {
  const place = `${repository.name}@${artifact.digest}`;
  const manifest = parseManifest(await readNamed(repository, artifact, place, { signal }), artifact.mediaType, place);
  const layers = manifest.kind === 'index' ? [] : layersOf(manifest);
  const [layer] = layers;
  if (layer !== undefined && layers.length === 1 && layer.mediaType === mediaTypes.trivyDbLayer) {
    if (layer.size > maxDatabaseBytes) throw databaseTooLarge(`${place}: layer ${layer.digest}`, layer.size);
    return layer;
  }
  const what =
    manifest.kind === 'index' ? 'an index' : `${layers.length} layers, the first of type ${layer?.mediaType ?? 'none'}`;
  throw new CodedError('ERR_EXPORT_MANIFEST_INVALID', `${place}: not a Trivy database: ${what}`, {
    hint: `specify an artifact with one layer of type ${mediaTypes.trivyDbLayer}`,
    details: { place },
  });
}

async function download(
  repository: Repository,
  layer: Descriptor,
  path: string,
  { signal, onProgress }: OpenDatabaseOptions,
): Promise<void> {
  const chunks = await repository.fetch(bareDescriptor(layer), { signal });
  let done = 0;
  const watched = async function* () {
    for await (const chunk of chunks) {
      done += chunk.byteLength;
      onProgress?.({ stage: 'fetch', done, total: layer.size, unit: 'bytes' });
      yield chunk;
    }
  };
  try {
    await using out = await open(path, 'wx', 0o600);
    await out.writeFile(watched());
  } catch (error) {
    throw signal?.aborted === true ? error : fileError(error, path);
  }
}
