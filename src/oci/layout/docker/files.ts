import { compressionOf, decompressed, signatureBytes } from '#archive';
import {
  algorithmOf,
  CodedError,
  type Descriptor,
  type Digest,
  Digester,
  digestOf,
  isDigest,
  type JsonObject,
  type JsonValue,
  mediaTypes,
  parseJsonObject,
} from '#core';
import type { ByteRange, ByteStream } from '#oci/image';
import { collect, describeBytes, packManifest } from '#oci/image';
import { blobPath, type LayoutFiles } from '../files.ts';
import { encodeLayoutIndex } from '../index-file.ts';
import { indexPath, layoutMarker } from '../index-source.ts';
import type { TarFiles } from '../tar-files.ts';
import { type DockerImage, dockerInvalid, dockerManifestPath, parseDockerManifest } from './manifest.ts';

/** A blob of the layout: bytes that were made here, or a file of the tar. */
type Blob = { readonly bytes: Uint8Array } | { readonly path: string; readonly size: number };

const MAX_CONFIG_BYTES = 16 * 1024 * 1024;
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
/** A file that is named by the digest of its content, as Docker 25 and skopeo name configs. */
const NAMED_BY_DIGEST = /^(?:blobs\/sha256\/|sha256:)?([0-9a-f]{64})(?:\.json)?$/;

/**
 * What a docker archive holds, as the files of an OCI layout: a manifest is made for each image, of the config and the
 * layers as they lie there. Layers that are not compressed have the digests that the config declares, which are checked
 * when they are read; of compressed ones both digests are checked here.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_DIGEST_MISMATCH
 */
export async function layoutOfDocker(tar: TarFiles, name: string): Promise<LayoutFiles> {
  const builder = new LayoutBuilder(tar, name);
  const size = (await tar.sizeOf(dockerManifestPath)) ?? 0;
  if (size > MAX_MANIFEST_BYTES) throw dockerInvalid(name, `${dockerManifestPath} of ${size} bytes`);
  const bytes = await collect(tar.read(dockerManifestPath), MAX_MANIFEST_BYTES, name);
  for (const image of parseDockerManifest(bytes, name)) await builder.add(image);
  return builder.files();
}

class LayoutBuilder {
  readonly #tar: TarFiles;
  readonly #name: string;
  readonly #blobs = new Map<string, Blob>();
  readonly #entries: JsonObject[] = [];
  /** Layers that were looked at, by path: images share them. */
  readonly #layers = new Map<string, Descriptor>();

  constructor(tar: TarFiles, name: string) {
    this.#tar = tar;
    this.#name = name;
  }

  async add(image: DockerImage): Promise<void> {
    const { bytes, diffIds } = await this.#readConfig(image.config);
    if (diffIds.length !== image.layers.length) {
      throw dockerInvalid(
        this.#name,
        `${image.config} declares ${diffIds.length} layers, ${image.layers.length} are listed`,
      );
    }
    const layers: Descriptor[] = [];
    for (const [i, path] of image.layers.entries()) layers.push(await this.#layer(path, diffIds[i] as Digest));
    const config = describeBytes(mediaTypes.ociConfig, bytes);
    const packed = packManifest({ config, layers });
    const manifest = {
      mediaType: packed.descriptor.mediaType,
      digest: packed.descriptor.digest,
      size: packed.descriptor.size,
    };
    this.#blobs.set(blobPath(config.digest), { bytes });
    this.#blobs.set(blobPath(manifest.digest), { bytes: packed.bytes });
    const names = image.repoTags.length === 0 ? [undefined] : image.repoTags;
    for (const tag of names) {
      this.#entries.push({
        ...manifest,
        ...(tag === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': tag } }),
      });
    }
  }

  files(): LayoutFiles {
    const marker = Buffer.from(layoutMarker.text);
    const index = encodeLayoutIndex({
      head: { schemaVersion: 2, mediaType: mediaTypes.ociIndex },
      entries: this.#entries,
    });
    return new DockerFiles(
      this.#tar,
      new Map<string, Blob>([...this.#blobs, [layoutMarker.path, { bytes: marker }], [indexPath, { bytes: index }]]),
    );
  }

  async #readConfig(path: string): Promise<{ bytes: Uint8Array; diffIds: readonly Digest[] }> {
    const size = await this.#sizeOf(path);
    if (size > MAX_CONFIG_BYTES) throw dockerInvalid(this.#name, `${path}: a config of ${size} bytes`);
    const bytes = await collect(this.#tar.read(path), MAX_CONFIG_BYTES, this.#name);
    const named = NAMED_BY_DIGEST.exec(path)?.[1];
    if (named !== undefined) this.#check(path, `sha256:${named}` as Digest, digestOf(bytes));
    const rootfs = parseJsonObject(bytes, `${this.#name}: ${path}`, { maxBytes: MAX_CONFIG_BYTES })['rootfs'];
    const diffIds = (rootfs as JsonObject | null | undefined)?.['diff_ids'] ?? [];
    const isList =
      Array.isArray(diffIds) && (diffIds as readonly JsonValue[]).every((id) => typeof id === 'string' && isDigest(id));
    if (!isList) throw dockerInvalid(this.#name, `${path}: rootfs.diff_ids is not a list of digests`);
    return { bytes, diffIds: diffIds as readonly Digest[] };
  }

  async #layer(path: string, diffId: Digest): Promise<Descriptor> {
    const known = this.#layers.get(`${path}\0${diffId}`);
    if (known !== undefined) return known;
    const size = await this.#sizeOf(path);
    const compression = compressionOf(
      await collect(this.#tar.read(path, { start: 0, end: Math.min(size, signatureBytes) - 1 }), size, path),
    );
    const layer =
      compression === 'gzip' || compression === 'zstd'
        ? { mediaType: `${LAYER}+${compression}`, digest: await this.#hashCompressed(path, diffId), size }
        : { mediaType: LAYER, digest: diffId, size };
    const named = /^blobs\/(sha256)\/([0-9a-f]{64})$/.exec(path);
    if (named !== null) this.#check(path, `${named[1]}:${named[2]}` as Digest, layer.digest);
    this.#blobs.set(blobPath(layer.digest), { path, size });
    this.#layers.set(`${path}\0${diffId}`, layer);
    return layer;
  }

  /** @returns the digest of the file, whose content has the digest that the config declares */
  async #hashCompressed(path: string, diffId: Digest): Promise<Digest> {
    const [packed, plain] = [new Digester(), new Digester(algorithmOf(diffId))];
    const counted = async function* (stream: ByteStream): ByteStream {
      for await (const chunk of stream) {
        packed.update(chunk);
        yield chunk;
      }
    };
    for await (const chunk of decompressed(counted(this.#tar.read(path)), `${this.#name}: ${path}`))
      plain.update(chunk);
    this.#check(path, diffId, plain.digest());
    return packed.digest();
  }

  async #sizeOf(path: string): Promise<number> {
    const size = await this.#tar.sizeOf(path);
    if (size === undefined) throw dockerInvalid(this.#name, `${JSON.stringify(path)} is listed but missing`);
    return size;
  }

  #check(path: string, expected: Digest, actual: Digest): void {
    if (actual === expected) return;
    throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `${this.#name}: ${path}: expected ${expected}, got ${actual}`, {
      hint: 'the archive is damaged or was changed: save it again',
      details: { name: this.#name, path, expected, actual },
    });
  }
}

/** The files of the layout, out of the tar and out of memory. */
class DockerFiles implements LayoutFiles {
  readonly #tar: TarFiles;
  readonly #blobs: ReadonlyMap<string, Blob>;

  constructor(tar: TarFiles, blobs: ReadonlyMap<string, Blob>) {
    this.#tar = tar;
    this.#blobs = blobs;
  }

  async version(path: string): Promise<string | undefined> {
    return this.#blobs.has(path) ? this.#tar.stamp : undefined;
  }

  async sizeOf(path: string): Promise<number | undefined> {
    const blob = this.#blobs.get(path);
    if (blob === undefined) return undefined;
    return 'bytes' in blob ? blob.bytes.byteLength : blob.size;
  }

  async blobPaths(): Promise<readonly string[]> {
    return [...this.#blobs.keys()].filter((path) => path.startsWith('blobs/'));
  }

  async *read(path: string, range?: ByteRange, reuseBuffer?: boolean): ByteStream {
    const blob = this.#blobs.get(path);
    if (blob === undefined) return;
    if ('path' in blob) yield* this.#tar.read(blob.path, range, reuseBuffer);
    else yield range === undefined ? blob.bytes : blob.bytes.subarray(range.start, range.end + 1);
  }
}
