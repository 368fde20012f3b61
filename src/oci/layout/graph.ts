import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type Digest, fileError, isCoded, isDigest, isManifestType, isSystemError } from '#core';
import {
  collect,
  detectManifestType,
  isForeign,
  type Manifest,
  maxManifestBytes,
  parseHeldManifest,
  parseUnknownManifest,
  usableInlineData,
  verifyBytes,
} from '#oci/image';
import { blobPath, FolderFiles } from './files.ts';
import { digestIn, type LayoutIndex } from './index-file.ts';

/** A file below `blobs/` whose name is a digest. */
export interface BlobEntry {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** A content that something names. */
interface Mention {
  readonly digest: Digest;
  /** Undefined where it does not say. */
  readonly size: number | undefined;
  /** The manifest that names it; undefined for the index. */
  readonly namedBy: Digest | undefined;
  readonly isManifest: boolean;
  /** The content, where the one who names it carries it (image-spec v1.1.1 descriptor.md#embedded-content). */
  readonly inline: Uint8Array | undefined;
}

/** A manifest, and the one that it belongs to. */
export type Tie = readonly [digest: Digest, subject: Digest];

/** The files below `blobs/`: those that are named by a digest, and the paths of the others. */
export async function listBlobs(root: string): Promise<{ blobs: Map<Digest, BlobEntry>; strangers: string[] }> {
  const blobs = new Map<Digest, BlobEntry>();
  const strangers: string[] = [];
  for (const algorithm of await namesIn(join(root, 'blobs'))) {
    for (const name of await namesIn(join(root, 'blobs', algorithm))) {
      const path = `blobs/${algorithm}/${name}`;
      const found = await stat(join(root, path)).catch(() => undefined);
      const digest = `${algorithm}:${name}`;
      if (isDigest(digest) && found?.isFile()) blobs.set(digest, { sizeBytes: found.size, mtimeMs: found.mtimeMs });
      else if (found !== undefined) strangers.push(path);
    }
  }
  return { blobs, strangers };
}

/** What an index leads to: manifests, what these name, and what refers to any of it, listed or not. */
export class LayoutGraph {
  readonly reached = new Set<Digest>();
  /** There, and of another size than it is named with. */
  readonly misnamed: Mention[] = [];
  /** Digests of manifests that are damaged or malformed, or of a kind that is not known: what they need is not known either. */
  readonly unreadable: string[] = [];
  /** Of those, the ones that are what their digest says, and are no valid manifests. */
  readonly malformed: Digest[] = [];
  readonly #absent = new Map<Digest, Mention>();
  readonly #files: FolderFiles;
  readonly #blobs: ReadonlyMap<Digest, BlobEntry>;
  readonly #signal: AbortSignal | undefined;

  constructor(root: string, blobs: ReadonlyMap<Digest, BlobEntry>, signal: AbortSignal | undefined) {
    this.#files = new FolderFiles(root);
    this.#blobs = blobs;
    this.#signal = signal;
  }

  /** Named and not there, neither as a blob nor inline, each once. */
  get absent(): Iterable<Mention> {
    return this.#absent.values();
  }

  /**
   * Follows entries of the index, and then the subjects of manifests that nothing lists.
   *
   * @param tied manifests that live as long as another one
   */
  async follow(entries: LayoutIndex['entries'], tied: readonly Tie[] = []): Promise<void> {
    const mentions = entries.flatMap((entry): Mention[] => {
      const digest = digestIn(entry);
      const size = typeof entry['size'] === 'number' ? entry['size'] : undefined;
      const data = typeof entry['data'] === 'string' ? entry['data'] : undefined;
      if (digest !== undefined) return [mention({ digest, size, data }, undefined, true)];
      this.unreadable.push(String(entry['digest']));
      return [];
    });
    await this.#reach(mentions);
    const ties = [...tied, ...(await this.#unreachedReferrers())];
    const tiedTo = Map.groupBy(ties, ([, subject]) => subject);
    const subjects = [...tiedTo.keys()].filter((subject) => this.reached.has(subject));
    for (const subject of subjects) {
      for (const [digest] of tiedTo.get(subject) ?? []) {
        if (this.reached.has(digest)) continue;
        // The list grows while it is gone over.
        for (const each of await this.#reach([mention({ digest }, undefined, true)]))
          if (tiedTo.has(each)) subjects.push(each);
      }
    }
  }

  /** @returns what was not reached before */
  async #reach(mentions: readonly Mention[]): Promise<Digest[]> {
    const fresh: Digest[] = [];
    const waiting = [...mentions];
    for (let mention = waiting.pop(); mention !== undefined; mention = waiting.pop()) {
      this.#signal?.throwIfAborted();
      const { digest, isManifest, inline } = mention;
      const held = this.#blobs.get(digest);
      if (held !== undefined) this.#compareSize(mention, held);
      // Another mention of it may carry what is not there.
      const isFound = inline !== undefined && this.#absent.delete(digest);
      if (this.reached.has(digest) && !isFound) continue;
      if (!this.reached.has(digest)) fresh.push(digest);
      this.reached.add(digest);
      const isHere = held !== undefined || inline !== undefined;
      if (!isHere) this.#absent.set(digest, mention);
      const next = isHere && isManifest ? await this.#mentionsIn(digest, held === undefined ? inline : undefined) : [];
      for (const each of next) waiting.push(each);
    }
    return fresh;
  }

  #compareSize(mention: Mention, { sizeBytes }: BlobEntry): void {
    if (mention.size !== undefined && mention.size !== sizeBytes) this.misnamed.push(mention);
  }

  async #mentionsIn(digest: Digest, inline: Uint8Array | undefined): Promise<Mention[]> {
    const bytes = inline ?? (await this.#read(digest));
    if (bytes === 'damaged') this.unreadable.push(digest);
    if (bytes === undefined || bytes === 'damaged') return [];
    const type = detectManifestType(bytes);
    if (type === undefined) return this.#mentionsInUnknown(bytes, digest);
    const manifest = parsedOrUndefined(bytes, type, digest);
    if (manifest === undefined) {
      this.unreadable.push(digest);
      this.malformed.push(digest);
      return this.#mentionsInUnknown(bytes, digest);
    }
    if (manifest.kind === 'index') return manifest.manifests.map((child) => mention(child, digest, true));
    const all = manifest.kind === 'artifact' ? manifest.blobs : [manifest.config, ...manifest.layers];
    const wanted = all.filter((layer) => !isForeign(layer) || this.#blobs.has(layer.digest));
    return wanted.map((layer) => mention(layer, digest, isManifestType(layer.mediaType)));
  }

  /** Of a type that is not supported: what it needs, and whatever else here it mentions. */
  #mentionsInUnknown(bytes: Uint8Array, digest: Digest): Mention[] {
    const { needs, mentions } = parseUnknownManifest(bytes) ?? { needs: [], mentions: [] };
    const held = mentions.filter((each) => this.#blobs.has(each));
    return [...new Set([...needs, ...held])].map((each) => mention({ digest: each }, digest, true));
  }

  /** Manifests that nothing led to so far, with their subjects. */
  async #unreachedReferrers(): Promise<Tie[]> {
    const found: Tie[] = [];
    for (const digest of this.#blobs.keys()) {
      this.#signal?.throwIfAborted();
      if (this.reached.has(digest)) continue;
      const bytes = await this.#read(digest);
      if (!(bytes instanceof Uint8Array)) continue;
      const type = detectManifestType(bytes);
      const manifest = type === undefined ? undefined : parsedOrUndefined(bytes, type, digest);
      const subject = manifest === undefined ? parseUnknownManifest(bytes)?.subject : manifest.subject?.digest;
      if (subject !== undefined) found.push([digest, subject]);
    }
    return found;
  }

  /** The bytes of what may be a manifest; undefined for what is too large for one. */
  async #read(digest: Digest): Promise<Uint8Array | 'damaged' | undefined> {
    const size = this.#blobs.get(digest)?.sizeBytes ?? 0;
    if (size === 0 || size > maxManifestBytes) return undefined;
    try {
      const bytes = await collect(this.#files.read(blobPath(digest)), maxManifestBytes, digest);
      verifyBytes({ mediaType: '', digest, size }, bytes, digest);
      return bytes;
    } catch (error) {
      if (error instanceof CodedError) return 'damaged';
      throw error;
    }
  }
}

function mention(
  {
    digest,
    size,
    data,
  }: { readonly digest: Digest; readonly size?: number | undefined; readonly data?: string | undefined },
  namedBy: Digest | undefined,
  isManifest: boolean,
): Mention {
  const inline = data === undefined ? undefined : usableInlineData({ mediaType: '', digest, size: size ?? -1, data });
  return { digest, size, namedBy, isManifest, inline };
}

/** A manifest of a known type; undefined for a malformed one. */
function parsedOrUndefined(bytes: Uint8Array, type: string, digest: Digest): Manifest | undefined {
  try {
    return parseHeldManifest(bytes, type, digest);
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_MANIFEST_INVALID')) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw fileError(error, folder);
  }
}
