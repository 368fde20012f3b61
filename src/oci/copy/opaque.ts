import { CodedError, type Descriptor, isCoded, parseJsonObject } from '#core';
import { bareDescriptor, collect, contentOf, inlineData, maxManifestBytes } from '../content.ts';
import type { OperationOptions, Repository } from '../ports.ts';
import { atSide } from './rules.ts';
import type { Transfer } from './transfer.ts';

/**
 * Copies what an index lists under a type that is not known here. It may be a manifest or a blob, and goes to where
 * the source has it; to a target that takes no such manifests it goes as a blob, so that nothing is lost.
 *
 * @returns in that last case, why it is not where it should be
 */
export async function copyOpaque(
  transfer: Transfer,
  descriptor: Descriptor,
  options: OperationOptions,
): Promise<string | undefined> {
  const { source, target } = transfer;
  if (!(await atSide('source', descriptor, () => isManifest(source, descriptor, options)))) {
    await transfer.pushBlob(descriptor);
    return undefined;
  }
  const bare = bareDescriptor(descriptor);
  const bytes = await atSide('source', descriptor, () => read(source, descriptor, options));
  const push = (asManifest: boolean) => {
    return atSide('target', descriptor, () => target.push(bare, contentOf(bytes), { ...options, asManifest }));
  };
  try {
    transfer.settle(descriptor, await push(true));
    return undefined;
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_REGISTRY_REFUSED', 'ERR_EXPORT_UNSUPPORTED')) throw error;
    transfer.settle(descriptor, await push(false));
    return `as a manifest: the target takes none of type ${descriptor.mediaType}, so it lies there as a blob`;
  }
}

/** Where manifests and blobs lie together, a manifest is what says so itself. */
async function isManifest(source: Repository, descriptor: Descriptor, options: OperationOptions): Promise<boolean> {
  if (source.isManifest !== undefined) return await source.isManifest(descriptor, options);
  if (descriptor.size > maxManifestBytes) return false;
  const bytes = await read(source, descriptor, options);
  try {
    return parseJsonObject(bytes, descriptor.digest)['mediaType'] === descriptor.mediaType;
  } catch (error) {
    if (error instanceof CodedError) return false;
    throw error;
  }
}

async function read(source: Repository, descriptor: Descriptor, { signal }: OperationOptions): Promise<Uint8Array> {
  const inline = inlineData(descriptor, source.name);
  if (inline !== undefined) return inline;
  const stream = await source.fetch(bareDescriptor(descriptor), { signal, asManifest: true });
  return collect(stream, maxManifestBytes, `${source.name}: ${descriptor.digest}`);
}
