import { createCipheriv } from 'node:crypto';
import type { Descriptor } from '#core';
import { contentOf, describeBytes, packManifest, type Repository } from '#oci/image';
import { openStaging } from '#oci/layout';

/** What an image consists of. */
export interface ImageShape {
  readonly layers: number;
  readonly layerBytes: number;
}

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
/** What makes skopeo send a layer as it is, instead of compressing it. */
const GZIP_START = Buffer.from('1f8b0800', 'hex');
const PIECE_BYTES = 1024 * 1024;

/**
 * Writes an image of incompressible layers into a new layout under the tag `v1`, the same bytes for the same shape.
 *
 * @returns its layers
 */
export async function writeImage(folder: string, { layers, layerBytes }: ImageShape): Promise<readonly Descriptor[]> {
  const layout = await openStaging(folder);
  const written: Descriptor[] = [];
  for (let number = 0; number < layers; number++) {
    written.push(await layout.writeBlob(LAYER_TYPE, noise(number, layerBytes)));
  }
  const config = await push(layout, CONFIG_TYPE, encodeConfig(written));
  const { bytes, descriptor } = packManifest({ config, layers: written });
  await layout.push(descriptor, contentOf(bytes));
  await layout.tag(descriptor, 'v1');
  await layout.close();
  return written;
}

async function push(repository: Repository, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const descriptor = describeBytes(mediaType, bytes);
  await repository.push(descriptor, contentOf(bytes));
  return descriptor;
}

/** The layers are no tars, which nobody notices who does not unpack them: their own digests stand for what is inside. */
function encodeConfig(layers: readonly Descriptor[]): Uint8Array {
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
  return Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }));
}

/** The key stream of AES, which is as good as random, quickly made and the same on each run. */
async function* noise(seed: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(seed);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  for (let done = 0; done < sizeBytes; done += PIECE_BYTES) {
    const piece = cipher.update(Buffer.alloc(Math.min(PIECE_BYTES, sizeBytes - done)));
    if (done === 0) GZIP_START.copy(piece);
    yield piece;
  }
}
