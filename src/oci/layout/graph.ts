import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type Digest, fileError, isCoded, isDigest, isSystemError } from '#core';
import {
  collect,
  detectManifestType,
  type GraphExpansion,
  type GraphLink,
  type GraphNode,
  type GraphReason,
  GraphWalk,
  isForeign,
  type Manifest,
  maxManifestBytes,
  type NamedContent,
  parseHeldManifest,
  parseUnknownManifest,
  successorLinks,
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

/** A content that something names, and that may carry it (image-spec v1.1.1 descriptor.md#embedded-content). */
interface HeldContent extends NamedContent {
  readonly data?: string | undefined;
}

/** A content that something names, as a finding tells it. */
interface Mention {
  readonly digest: Digest;
  /** The manifest that names it; undefined for the index. */
  readonly namedBy: Digest | undefined;
  readonly isManifest: boolean;
}

type Link = GraphLink<HeldContent>;

/** A manifest, and the one that it belongs to. */
export type Tie = readonly [digest: Digest, subject: Digest];

/** The files below `blobs/`: those that are named by a digest, and the paths of the others. */
export async function listBlobs(root: string): Promise<{ blobs: Map<Digest, BlobEntry>; others: string[] }> {
  const blobs = new Map<Digest, BlobEntry>();
  const others: string[] = [];
  for (const algorithm of await namesIn(join(root, 'blobs'))) {
    for (const name of await namesIn(join(root, 'blobs', algorithm))) {
      const path = `blobs/${algorithm}/${name}`;
      const found = await stat(join(root, path)).catch(() => undefined);
      const digest = `${algorithm}:${name}`;
      if (isDigest(digest) && found?.isFile()) blobs.set(digest, { sizeBytes: found.size, mtimeMs: found.mtimeMs });
      else if (found !== undefined) others.push(path);
    }
  }
  return { blobs, others };
}

/** What an index leads to: manifests, what these name, and what refers to any of it, listed or not. */
export class LayoutGraph {
  /** There, and of another size than it is named with. */
  readonly misnamed: Mention[] = [];
  /** Digests of manifests that are damaged or malformed, or of a kind that is not known: what they need is not known either. */
  readonly unreadable: string[] = [];
  /** Of those, the ones that are what their digest says, and are no valid manifests. */
  readonly malformed: Digest[] = [];
  readonly #absent = new Map<Digest, Mention>();
  readonly #held: HeldBlobs;
  readonly #signal: AbortSignal | undefined;
  readonly #walk: GraphWalk<undefined, HeldContent>;
  /** What refers to a manifest, or lives as long as it. */
  #tiedTo: ReadonlyMap<Digest, readonly Tie[]> = new Map();

  constructor(root: string, blobs: ReadonlyMap<Digest, BlobEntry>, signal: AbortSignal | undefined) {
    this.#held = new HeldBlobs(root, blobs);
    this.#signal = signal;
    const visitor = {
      expand: (node: GraphNode<HeldContent>) => this.#expand(node),
      admit: (link: Link, isReached: boolean) => this.#admit(link, isReached),
    };
    this.#walk = new GraphWalk(visitor, { signal });
  }

  get reached(): ReadonlySet<Digest> {
    return this.#walk.reached;
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
    const roots = entries.flatMap((entry): Link[] => {
      const digest = digestIn(entry);
      const size = typeof entry['size'] === 'number' ? entry['size'] : undefined;
      const data = typeof entry['data'] === 'string' ? entry['data'] : undefined;
      if (digest !== undefined) return [linkTo({ digest, size, data }, { kind: 'root' })];
      this.unreadable.push(String(entry['digest']));
      return [];
    });
    // What was listed last is told of first.
    await this.#walk.run(roots.reverse());
    const ties = [...tied, ...(await this.#held.referrersOutside(this.reached, this.#signal))];
    this.#tiedTo = Map.groupBy(ties, ([, subject]) => subject);
    const subjects = [...this.#tiedTo.keys()].filter((subject) => this.reached.has(subject));
    await this.#walk.run(subjects.flatMap((subject) => this.#tiesOf(subject)));
  }

  /** Looks at each mention of a content, and says whether it is to be read for what it names. */
  #admit({ kind, descriptor, reason }: Link, isReached: boolean): boolean {
    const { digest, size } = descriptor;
    const isManifest = kind !== 'blob';
    const mention: Mention = { digest, namedBy: reason.kind === 'child' ? reason.of : undefined, isManifest };
    const sizeBytes = this.#held.sizeOf(digest);
    if (sizeBytes !== undefined) {
      if (size !== undefined && size !== sizeBytes) this.misnamed.push(mention);
      return !isReached;
    }
    const isInline = inlineOf(descriptor) !== undefined;
    // Another mention of it may carry what is not there.
    if (this.reached.has(digest)) return isInline && (this.#absent.delete(digest) || !isReached);
    if (!isInline) this.#absent.set(digest, mention);
    return true;
  }

  async #expand({ kind, descriptor }: GraphNode<HeldContent>): Promise<GraphExpansion<undefined, HeldContent>> {
    const { digest } = descriptor;
    const ties = this.#tiesOf(digest);
    if (kind === 'blob') return { links: ties, value: undefined };
    const inline = this.#held.has(digest) ? undefined : inlineOf(descriptor);
    const links = await this.#linksIn(digest, inline);
    return { links: [...links.toReversed(), ...ties], value: undefined };
  }

  #tiesOf(subject: Digest): Link[] {
    const reason = { kind: 'referrer', of: subject } as const;
    return (this.#tiedTo.get(subject) ?? []).map(([digest]) => linkTo({ digest }, reason));
  }

  async #linksIn(digest: Digest, inline: Uint8Array | undefined): Promise<Link[]> {
    const bytes = inline ?? (await this.#held.read(digest));
    if (bytes === 'damaged') this.unreadable.push(digest);
    if (bytes === undefined || bytes === 'damaged') return [];
    const type = detectManifestType(bytes);
    if (type === undefined) return this.#linksInUnknown(bytes, digest);
    const manifest = parsedOrUndefined(bytes, type, digest);
    if (manifest === undefined) {
      this.unreadable.push(digest);
      this.malformed.push(digest);
      return this.#linksInUnknown(bytes, digest);
    }
    const links = successorLinks(digest, manifest);
    if (manifest.kind === 'index') return links;
    return links.filter(({ descriptor }) => !isForeign(descriptor) || this.#held.has(descriptor.digest));
  }

  /** Of a type that is not supported: what it needs, and whatever else here it mentions. */
  #linksInUnknown(bytes: Uint8Array, of: Digest): Link[] {
    const { needs, mentions } = parseUnknownManifest(bytes) ?? { needs: [], mentions: [] };
    const held = mentions.filter((each) => this.#held.has(each));
    return [...new Set([...needs, ...held])].map((digest) => linkTo({ digest }, { kind: 'child', of }));
  }
}

/** The blobs of a layout, of which some are manifests. */
class HeldBlobs {
  readonly #files: FolderFiles;
  readonly #blobs: ReadonlyMap<Digest, BlobEntry>;

  constructor(root: string, blobs: ReadonlyMap<Digest, BlobEntry>) {
    this.#files = new FolderFiles(root);
    this.#blobs = blobs;
  }

  has(digest: Digest): boolean {
    return this.#blobs.has(digest);
  }

  sizeOf(digest: Digest): number | undefined {
    return this.#blobs.get(digest)?.sizeBytes;
  }

  /** The manifests outside a set of digests that have a subject. */
  async referrersOutside(reached: ReadonlySet<Digest>, signal: AbortSignal | undefined): Promise<Tie[]> {
    const found: Tie[] = [];
    for (const digest of this.#blobs.keys()) {
      signal?.throwIfAborted();
      if (reached.has(digest)) continue;
      const bytes = await this.read(digest);
      if (!(bytes instanceof Uint8Array)) continue;
      const type = detectManifestType(bytes);
      const manifest = type === undefined ? undefined : parsedOrUndefined(bytes, type, digest);
      const subject = manifest === undefined ? parseUnknownManifest(bytes)?.subject : manifest.subject?.digest;
      if (subject !== undefined) found.push([digest, subject]);
    }
    return found;
  }

  /** The bytes of what may be a manifest; undefined for what is too large for one, or not there. */
  async read(digest: Digest): Promise<Uint8Array | 'damaged' | undefined> {
    const size = this.sizeOf(digest) ?? 0;
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

/** A mention of what may be a manifest. */
function linkTo(descriptor: HeldContent, reason: GraphReason): Link {
  return { kind: 'unknown', descriptor, reason };
}

/** The content that a mention carries; undefined where it carries none, or another than it says. */
function inlineOf({ digest, size, data }: HeldContent): Uint8Array | undefined {
  return data === undefined ? undefined : usableInlineData({ mediaType: '', digest, size: size ?? -1, data });
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
