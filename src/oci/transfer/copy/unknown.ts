import { CodedError, type Descriptor, isCoded } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import {
  bareDescriptor,
  collect,
  contentOf,
  inlineData,
  maxManifestBytes,
  parseUnknownManifest,
  type UnknownManifest,
} from '#oci/image';
import { withOrigin } from './rules.ts';
import type { Transfer } from './transfer.ts';

/** Docker's first schema: signed or not, its layers are named in a way of its own, and its digest is not that of its bytes. */
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
/** Media types that call themselves a manifest or an index. */
const MANIFEST_NAME = /[./+](?:manifest|index)(?:[./+]|$)/;

/** How content of an unknown type was found: as a manifest, or listed by an index, which may list blobs as well. */
export type UnknownPlace = 'manifest' | 'listed';

/** What became of it: undefined where it is at the target as it was at the source. */
export type UnknownOutcome = CodedError | undefined;

/**
 * Copies content of a type that is not known here. A blob is copied as one. A manifest that names no other content is
 * copied to where the source has it; what names other content cannot be followed.
 *
 * @returns the refusal of a target that takes no such manifests and was given a listed one as a blob
 * @throws CodedError ERR_EXPORT_UNSUPPORTED for a manifest that cannot be copied whole
 */
export async function copyUnknown(
  transfer: Transfer,
  descriptor: Descriptor,
  place: UnknownPlace,
  options: OperationOptions,
): Promise<UnknownOutcome> {
  const { source, target } = transfer;
  if (place === 'listed' && !(await withOrigin('source', descriptor, () => isManifest(source, descriptor, options)))) {
    await transfer.pushBlob(descriptor);
    return undefined;
  }
  const bytes = await withOrigin('source', descriptor, () => readWhole(source, descriptor, options));
  const bare = bareDescriptor(descriptor);
  const push = (asManifest: boolean) => {
    return withOrigin('target', descriptor, () => target.push(bare, contentOf(bytes), { ...options, asManifest }));
  };
  try {
    transfer.complete(descriptor, await push(true));
    return undefined;
  } catch (error) {
    const refused = isCoded(error, 'ERR_EXPORT_REGISTRY_REFUSED', 'ERR_EXPORT_UNSUPPORTED');
    if (!refused || place === 'manifest') throw error;
    transfer.complete(descriptor, await push(false));
    return error;
  }
}

/**
 * What a manifest of an unknown type says of itself.
 *
 * @throws CodedError ERR_EXPORT_UNSUPPORTED for Docker's schema 1, and for what is no object of JSON
 */
export async function readUnknown(
  source: Repository,
  descriptor: Descriptor,
  options: OperationOptions,
): Promise<UnknownManifest> {
  if (SCHEMA_1.test(descriptor.mediaType)) throw notWhole(source, descriptor, 'Docker image manifest schema 1');
  const found = parseUnknownManifest(await read(source, descriptor, options));
  if (found?.isRead) return found;
  throw notWhole(source, descriptor, `unsupported manifest type ${quoted(descriptor.mediaType)}`);
}

/** The bytes of a manifest that names nothing else, its subject aside. */
async function readWhole(source: Repository, descriptor: Descriptor, options: OperationOptions): Promise<Uint8Array> {
  const { mentions } = await readUnknown(source, descriptor, options);
  if (mentions.length === 0) return read(source, descriptor, options);
  const what = `unsupported manifest type ${quoted(descriptor.mediaType)}, which names ${mentions.length} other contents`;
  throw notWhole(source, descriptor, what);
}

/** Where manifests and blobs lie together, a manifest is what says so itself, or whose type does. */
async function isManifest(source: Repository, descriptor: Descriptor, options: OperationOptions): Promise<boolean> {
  if (source.isManifest !== undefined) return await source.isManifest(descriptor, options);
  if (SCHEMA_1.test(descriptor.mediaType)) return true;
  if (descriptor.size > maxManifestBytes) return false;
  const unknown = parseUnknownManifest(await read(source, descriptor, options));
  if (unknown === undefined) return false;
  return unknown.mediaType === descriptor.mediaType || MANIFEST_NAME.test(descriptor.mediaType);
}

async function read(source: Repository, descriptor: Descriptor, { signal }: OperationOptions): Promise<Uint8Array> {
  const inline = inlineData(descriptor, source.name);
  if (inline !== undefined) return inline;
  const stream = await source.fetch(bareDescriptor(descriptor), { signal, asManifest: true });
  return collect(stream, maxManifestBytes, `${source.name}: ${descriptor.digest}`);
}

function quoted(mediaType: string): string {
  return JSON.stringify(mediaType.slice(0, 200));
}

function notWhole(source: Repository, { digest, mediaType }: Descriptor, what: string): CodedError {
  return new CodedError('ERR_EXPORT_UNSUPPORTED', `${source.name}@${digest}: cannot be copied completely: ${what}`, {
    hint: 'push it again as an OCI image manifest, or copy it with a tool that supports the type',
    details: { digest, mediaType },
  });
}
