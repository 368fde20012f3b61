import { type Descriptor, type Digest, isCoded } from '#core';
import { detectManifestType, parseManifest, parseUnknownManifest, referrerDescriptor } from '../manifest.ts';
import { digestIn, type LayoutIndex } from './index-file.ts';

/** What finding referrers needs to know of a manifest. */
interface ManifestFacts {
  readonly listing: Descriptor;
  readonly subject: Digest | undefined;
  readonly children: readonly Digest[];
}

type Table = ReadonlyMap<Digest, readonly Descriptor[]>;

/** Who refers to whom among the manifests that an index leads to; looked up once for each state of the index. */
export class ReferrerTable {
  readonly #read: (digest: Digest) => Promise<Uint8Array | undefined>;
  readonly #place: string;
  /** Content does not change under its digest, so a manifest is looked at once. */
  readonly #looked = new Map<Digest, ManifestFacts>();
  #last: { readonly index: LayoutIndex; readonly table: Table } | undefined;

  /** @param read the bytes of what may be a manifest; undefined where they are missing */
  constructor(read: (digest: Digest) => Promise<Uint8Array | undefined>, place: string) {
    this.#read = read;
    this.#place = place;
  }

  /** The referrers of a subject, each once. */
  async of(index: LayoutIndex, subject: Digest, signal: AbortSignal | undefined): Promise<readonly Descriptor[]> {
    if (this.#last?.index === index) return this.#last.table.get(subject) ?? [];
    const { table, isWhole } = await this.#make(index, signal);
    // What is missing now may be there later.
    if (isWhole) this.#last = { index, table };
    return table.get(subject) ?? [];
  }

  async #make(index: LayoutIndex, signal: AbortSignal | undefined): Promise<{ table: Table; isWhole: boolean }> {
    const table = new Map<Digest, Descriptor[]>();
    const seen = new Set<Digest>();
    let isWhole = true;
    const queue = index.entries.map((entry) => ({ digest: digestIn(entry), mediaType: entry['mediaType'] }));
    for (const { digest, mediaType } of queue) {
      signal?.throwIfAborted();
      if (digest === undefined || seen.has(digest)) continue;
      seen.add(digest);
      const facts = this.#looked.get(digest) ?? (await this.#look(digest, mediaType));
      isWhole &&= facts !== undefined;
      queue.push(...(facts?.children ?? []).map((child) => ({ digest: child, mediaType: undefined })));
      if (facts?.subject === undefined) continue;
      table.set(facts.subject, [...(table.get(facts.subject) ?? []), facts.listing]);
    }
    return { table, isWhole };
  }

  async #look(digest: Digest, listedAs: unknown): Promise<ManifestFacts | undefined> {
    const bytes = await this.#read(digest);
    if (bytes === undefined) return undefined;
    const facts = this.#factsIn(bytes, digest, typeof listedAs === 'string' ? listedAs : undefined);
    this.#looked.set(digest, facts);
    return facts;
  }

  #factsIn(bytes: Uint8Array, digest: Digest, listedAs: string | undefined): ManifestFacts {
    const mediaType = detectManifestType(bytes);
    try {
      if (mediaType === undefined) return factsOfUnknown(bytes, listedAs, digest);
      const manifest = parseManifest(bytes, mediaType, `${this.#place}: ${digest}`);
      return {
        listing: referrerDescriptor({ mediaType, digest, size: bytes.byteLength }, manifest),
        subject: manifest.subject?.digest,
        children: manifest.kind === 'index' ? manifest.manifests.map((child) => child.digest) : [],
      };
    } catch (error) {
      // Whoever needs a malformed one is told when it is read.
      if (!isCoded(error, 'ERR_EXPORT_MANIFEST_INVALID')) throw error;
      return factsOfUnknown(bytes, mediaType, digest);
    }
  }
}

/** Of a manifest that cannot be followed: that it refers to its subject can be told. */
function factsOfUnknown(bytes: Uint8Array, listedAs: string | undefined, digest: Digest): ManifestFacts {
  const unknown = parseUnknownManifest(bytes);
  const mediaType = unknown?.mediaType ?? listedAs ?? '';
  const artifactType = unknown?.artifactType;
  const listing = {
    mediaType,
    digest,
    size: bytes.byteLength,
    ...(artifactType === undefined ? {} : { artifactType }),
  };
  return { listing, subject: unknown?.subject, children: [] };
}
