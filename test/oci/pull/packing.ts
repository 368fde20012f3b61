import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { annotationKeys, type Descriptor, digestOf } from '#core';
import { contentOf, type Repository } from '#oci/image';

/** An entry of a tar, as hostile as a test wants it. */
export interface Packed {
  readonly name: string;
  readonly content?: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'block-device' | 'fifo';
  readonly linkname?: string;
  readonly mode?: number;
}

/** A tar of entries. */
export async function tarOf(entries: readonly Packed[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of entries) tar.entry(header, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Pushes a folder as `oras push` does, with annotations of the test's own over those. */
export async function pushFolder(
  repository: Repository,
  title: string,
  entries: readonly Packed[],
  annotations: Record<string, string> = {},
): Promise<Descriptor> {
  const tar = await tarOf(entries);
  return pushPacked(repository, title, gzipSync(tar), {
    [annotationKeys.orasContentDigest]: digestOf(tar),
    ...annotations,
  });
}

/** Pushes bytes as a packed folder. */
export async function pushPacked(
  repository: Repository,
  title: string,
  bytes: Uint8Array,
  annotations: Record<string, string> = {},
): Promise<Descriptor> {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await repository.push(descriptor, contentOf(bytes));
  const all = { [annotationKeys.title]: title, [annotationKeys.orasUnpack]: 'true', ...annotations };
  return { ...descriptor, annotations: all };
}
