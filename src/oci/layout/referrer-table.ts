import { type CodedError, type Descriptor, type Digest, isCoded, isManifestType } from '#core';
import {
  detectManifestType,
  type GraphLink,
  type GraphNode,
  type GraphReason,
  GraphWalk,
  type NamedContent,
  parseManifest,
  parseUnknownManifest,
  referrerDescriptor,
} from '#oci/image';
import { isSavedImage } from './entry-name.ts';
import { digestIn, type LayoutIndex } from './index-file.ts';

/** What finding referrers needs to know of a manifest. */
interface ManifestFacts {
  readonly listing: Descriptor;
  readonly subject: Digest | undefined;
  readonly children: readonly Digest[];
  /** That its bytes are not those of its digest; whoever the rest of them names is concerned. */
  readonly damage?: { readonly error: CodedError; readonly names: ReadonlySet<string> };
}

type Table = ReadonlyMap<Digest, readonly Descriptor[]>;

/** What the table reads of a layout. */
export interface ReferrerTableSource {
  /** The bytes of what may be a manifest, checked; undefined where they are missing. */
  read(digest: Digest): Promise<Uint8Array | undefined>;
  /** The same, unchecked. */
  raw(digest: Digest): Promise<Uint8Array>;
  /** The digests of all blobs that may be manifests, whether the index lists them or not. */
  candidates(): AsyncIterable<Digest>;
}

/**
 * Who refers to whom among the manifests that an index leads to; looked up once for each state of the index. In layouts
 * of `cosign save` also among those that it does not list: cosign 3 writes the index anew for each sigstore bundle that
 * it saves, and `cosign load` finds them by their subjects.
 */
export class ReferrerTable {
  readonly #source: ReferrerTableSource;
  readonly #place: string;
  /** Content does not change under its digest, so a manifest is looked at once. */
  readonly #looked = new Map<Digest, ManifestFacts>();
  #last: { readonly index: LayoutIndex; readonly table: Table } | undefined;

  constructor(source: ReferrerTableSource, place: string) {
    this.#source = source;
    this.#place = place;
  }

  /**
   * The referrers of a subject, each once.
   *
   * @throws CodedError ERR_EXPORT_DIGEST_MISMATCH for a damaged manifest that names the subject; of others that share
   *   the layout it is no concern here
   */
  async of(index: LayoutIndex, subject: Digest, signal: AbortSignal | undefined): Promise<readonly Descriptor[]> {
    const found = this.#last?.index === index ? this.#last.table : await this.#renew(index, signal);
    for (const { damage } of this.#looked.values()) if (damage?.names.has(subject)) throw damage.error;
    return found.get(subject) ?? [];
  }

  async #renew(index: LayoutIndex, signal: AbortSignal | undefined): Promise<Table> {
    const { table, isWhole } = await this.#make(index, signal);
    // What is missing now may be there later.
    if (isWhole) this.#last = { index, table };
    return table;
  }

  async #make(index: LayoutIndex, signal: AbortSignal | undefined): Promise<{ table: Table; isWhole: boolean }> {
    const table = new Map<Digest, Descriptor[]>();
    const walk = new GraphWalk({ expand: (node: GraphNode<NamedContent>) => this.#expand(node) }, { signal });
    const roots = index.entries.flatMap((entry) => {
      const digest = digestIn(entry);
      const mediaType = typeof entry['mediaType'] === 'string' ? entry['mediaType'] : undefined;
      return digest === undefined ? [] : [linkTo({ digest, mediaType }, { kind: 'root' })];
    });
    let isWhole = true;
    for await (const { value: facts } of walk.from(roots)) {
      isWhole &&= facts !== undefined;
      if (facts !== undefined) addTo(table, facts);
    }
    if (index.entries.some(isSavedImage)) await this.#addUnlisted(table, walk.reached, signal);
    return { table, isWhole };
  }

  async #expand({ descriptor: { digest, mediaType } }: GraphNode<NamedContent>) {
    const facts = this.#looked.get(digest) ?? (await this.#look(digest, mediaType));
    const children = facts?.children ?? [];
    return { links: children.map((child) => linkTo({ digest: child }, { kind: 'child', of: digest })), value: facts };
  }

  /** Of what nothing lists, only what is a manifest for certain: any JSON may have a member called subject. */
  async #addUnlisted(
    table: Map<Digest, Descriptor[]>,
    seen: ReadonlySet<Digest>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for await (const digest of this.#source.candidates()) {
      signal?.throwIfAborted();
      if (seen.has(digest)) continue;
      const facts = this.#looked.get(digest) ?? (await this.#look(digest, undefined));
      if (facts !== undefined && isManifestType(facts.listing.mediaType)) addTo(table, facts);
    }
  }

  async #look(digest: Digest, listedAs: string | undefined): Promise<ManifestFacts | undefined> {
    const facts = await this.#source.read(digest).then(
      (bytes) => bytes && this.#factsIn(bytes, digest, listedAs),
      (error: unknown) => this.#factsOfDamaged(error, digest),
    );
    if (facts !== undefined) this.#looked.set(digest, facts);
    return facts;
  }

  async #factsOfDamaged(error: unknown, digest: Digest): Promise<ManifestFacts> {
    if (!isCoded(error, 'ERR_EXPORT_DIGEST_MISMATCH')) throw error;
    const text = Buffer.from(await this.#source.raw(digest)).toString('latin1');
    const names = new Set([...text.matchAll(/sha(?:256|512):[0-9a-f]{64,128}/g)].map(([name]) => name));
    const listing = { mediaType: '', digest, size: 0 };
    return { listing, subject: undefined, children: [], damage: { error, names } };
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

function linkTo(descriptor: NamedContent, reason: GraphReason): GraphLink<NamedContent> {
  return { kind: 'unknown', descriptor, reason };
}

function addTo(table: Map<Digest, Descriptor[]>, { subject, listing }: ManifestFacts): void {
  if (subject === undefined) return;
  const listed = table.get(subject);
  if (listed === undefined) table.set(subject, [listing]);
  else listed.push(listing);
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
