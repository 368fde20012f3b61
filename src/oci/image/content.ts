import { CodedError, type Descriptor, digestOf } from '#core';
import type { ByteStream, ContentReader, OperationOptions, Repository } from './ports.ts';
import { verifyBytes } from './verify-stream.ts';

/** The largest manifest that is read or written (distribution-spec v1.1.1 spec.md#pushing-manifests names 4 MiB). */
export const maxManifestBytes = 4 * 1024 * 1024;

/** A reader over bytes in memory, which must not change meanwhile. */
export function contentOf(bytes: Uint8Array): ContentReader {
  return (offset) => once(bytes.subarray(offset));
}

async function* once(bytes: Uint8Array): ByteStream {
  if (bytes.byteLength > 0) yield bytes;
}

/** The descriptor of bytes in memory. */
export function describeBytes(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/**
 * All bytes of a stream.
 *
 * @param name what is read, for messages
 * @throws CodedError ERR_EXPORT_TOO_LARGE as soon as there are more than `maxBytes`
 */
export async function collect(stream: ByteStream, maxBytes: number, name: string): Promise<Uint8Array> {
  const bytes = await collectUpTo(stream, maxBytes);
  if (bytes.byteLength > maxBytes) throw tooLarge(name, `more than ${maxBytes} bytes`);
  return bytes;
}

/** The bytes of a stream, read until there are more than `maxBytes`, which then is for the caller to notice. */
export async function collectUpTo(stream: ByteStream, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    chunks.push(chunk);
    if (size > maxBytes) break;
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size);
}

/**
 * The whole content of a descriptor, checked. Inline `data` is used without asking the repository.
 *
 * @throws CodedError ERR_EXPORT_TOO_LARGE when it is larger than `maxBytes`, and the codes of Repository.fetch
 */
export async function fetchBytes(
  repository: Repository,
  descriptor: Descriptor,
  options: OperationOptions & { readonly maxBytes?: number } = {},
): Promise<Uint8Array> {
  const maxBytes = options.maxBytes ?? maxManifestBytes;
  const name = `${repository.name}: ${descriptor.digest}`;
  if (descriptor.size > maxBytes) throw tooLarge(name, `${descriptor.size} bytes, more than ${maxBytes}`);
  const inline = inlineData(descriptor, repository.name);
  if (inline !== undefined) return inline;
  return collect(await repository.fetch(descriptor, { signal: options.signal }), maxBytes, name);
}

/**
 * The content that a descriptor carries itself, checked; undefined where it carries none
 * (image-spec v1.1.1 descriptor.md#embedded-content).
 *
 * @throws CodedError ERR_EXPORT_SIZE_MISMATCH, ERR_EXPORT_DIGEST_MISMATCH
 */
export function inlineData(descriptor: Descriptor, place: string): Uint8Array | undefined {
  if (descriptor.data === undefined) return undefined;
  const bytes = Buffer.from(descriptor.data, 'base64');
  verifyBytes(descriptor, bytes, `${place}, inline`);
  return bytes;
}

/** As inlineData, and undefined too where what it carries is not what it says. */
export function usableInlineData(descriptor: Descriptor): Uint8Array | undefined {
  try {
    return inlineData(descriptor, descriptor.digest);
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

/** A descriptor without what belongs to one mention of it: annotations, inline data, platform. */
export function bareDescriptor(descriptor: Descriptor): Descriptor {
  return { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
}

function tooLarge(name: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${name}: ${what}`, {
    hint: 'check that this is the artifact you meant',
    details: { name },
  });
}
