import { createCipheriv, createHash } from 'node:crypto';
import type { Descriptor, Digest } from '#core';
import { type ByteStream, type ContentReader, packManifest, type Repository } from '#oci/image';

/** Bytes that no compressor shrinks, the same for the same seed. */
export function noise(size: number, seed = 'seed'): Uint8Array {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** A descriptor made without the code under test. */
export function describe(
  bytes: Uint8Array,
  mediaType = 'application/octet-stream',
  algorithm: 'sha256' | 'sha512' = 'sha256',
): Descriptor {
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
  return { mediaType, digest, size: bytes.byteLength };
}

/** Reads bytes in pieces of some size. */
export function inPieces(bytes: Uint8Array, pieceBytes: number): ContentReader {
  return async function* (offset: number): ByteStream {
    for (let at = offset; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };
}

export async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function listAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function pushBytes(repository: Repository, bytes: Uint8Array, mediaType?: string): Promise<Descriptor> {
  const descriptor = describe(bytes, mediaType);
  await repository.push(descriptor, inPieces(bytes, 64 * 1024));
  return descriptor;
}

/** Pushes an artifact of one layer and gives the descriptor of its manifest. */
export async function pushArtifact(
  repository: Repository,
  text: string,
  parts: { artifactType?: string; subject?: Descriptor; annotations?: Record<string, string> } = {},
): Promise<Descriptor> {
  const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layer = await pushBytes(repository, Buffer.from(text), 'text/plain');
  const { descriptor, bytes } = packManifest({
    artifactType: 'application/vnd.example.test',
    ...parts,
    config,
    layers: [layer],
  });
  await repository.push(descriptor, inPieces(bytes, 100));
  return descriptor;
}
