import { CodedError, type Descriptor, isCoded } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import {
  bareDescriptor,
  collect,
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

/**
 * What content of a type that is not known here says of itself; undefined for a blob, which an index may list.
 *
 * @throws CodedError ERR_EXPORT_UNSUPPORTED for Docker's schema 1, and for what is no object of JSON
 */
export function readUnknown(
  source: Repository,
  descriptor: Descriptor,
  place: UnknownPlace,
  options: OperationOptions,
): Promise<UnknownManifest | undefined> {
  return withOrigin('source', descriptor, async () => {
    if (place === 'listed' && !(await isManifest(source, descriptor, options))) return undefined;
    if (SCHEMA_1.test(descriptor.mediaType)) throw notWhole(source, descriptor, 'Docker image manifest schema 1');
    const found = parseUnknownManifest(await read(source, descriptor, options));
    if (found?.isRead) return found;
    throw notWhole(source, descriptor, `unsupported manifest type ${quoted(descriptor.mediaType)}`);
  });
}

/**
 * A manifest that names no other content, its subject aside, can be copied; what others name cannot be followed.
 *
 * @throws CodedError ERR_EXPORT_UNSUPPORTED
 */
export function checkNamesNothing(
  source: Repository,
  descriptor: Descriptor,
  { mentions }: UnknownManifest,
): Promise<void> {
  return withOrigin('source', descriptor, () => {
    if (mentions.length === 0) return;
    const what = `unsupported manifest type ${quoted(descriptor.mediaType)}, which names ${mentions.length} other contents`;
    throw notWhole(source, descriptor, what);
  });
}

/**
 * Copies a manifest of an unknown type to where the source has it.
 *
 * @returns undefined, or the refusal of a target that takes no such manifests and was given a listed one as a blob
 */
export async function copyUnknown(
  transfer: Transfer,
  descriptor: Descriptor,
  place: UnknownPlace,
  options: OperationOptions,
): Promise<CodedError | undefined> {
  const bytes = await withOrigin('source', descriptor, () => read(transfer.source, descriptor, options));
  try {
    await transfer.pushBytes(descriptor, bytes, { asManifest: true });
    return undefined;
  } catch (error) {
    const refused = isCoded(error, 'ERR_EXPORT_REGISTRY_REFUSED', 'ERR_EXPORT_UNSUPPORTED');
    if (!refused || place === 'manifest') throw error;
    await transfer.pushBytes(descriptor, bytes, { asManifest: false });
    return error;
  }
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
