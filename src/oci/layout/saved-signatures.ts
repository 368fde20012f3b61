import { CodedError, type Digest, isDigest, type JsonObject, type JsonValue, mediaTypes, parseJsonObject } from '#core';
import { cosignTagOf, detectManifestType, type ImageManifest, parseManifest } from '#oci/image';
import { isSavedImage, nameIn, type SavedKind, savedKindOf, writtenNameOf } from './entry-name.ts';
import { digestIn, type LayoutIndex } from './index-file.ts';

/** An entry that cosign or hauler saved beside an image, under the tag that it has in a registry. */
export interface Saved {
  readonly tag: string;
  readonly entry: JsonObject;
  /** Of the image, where its name says so. */
  readonly repository: string | undefined;
}

/** What was saved beside images in a layout. */
export interface SavedEntries {
  readonly byTag: ReadonlyMap<string, Saved>;
  /** Of which it cannot be told what they belong to, or which another entry stands in the way of. */
  readonly unattached: readonly JsonObject[];
}

const SUFFIXES = { sigs: 'sig', atts: 'att', sboms: 'sbom' } as const;
const NONE: SavedEntries = { byTag: new Map(), unattached: [] };

/**
 * The signatures, attestations and SBOMs that `cosign save` and hauler mark by an annotation on their entries, where
 * registries have tags. What they belong to is read from what was signed; where that does not say, it is the image of
 * the same name, or the only one.
 */
export class SavedSignatures {
  readonly #read: (digest: Digest) => Promise<Uint8Array | undefined>;
  #last: { readonly index: LayoutIndex; readonly found: SavedEntries } | undefined;

  /** @param read the bytes of a manifest or a small blob; undefined where they are missing */
  constructor(read: (digest: Digest) => Promise<Uint8Array | undefined>) {
    this.#read = read;
  }

  async of(index: LayoutIndex): Promise<SavedEntries> {
    if (this.#last?.index !== index) this.#last = { index, found: await this.#find(index) };
    return this.#last.found;
  }

  async #find(index: LayoutIndex): Promise<SavedEntries> {
    const saved = index.entries.filter((entry) => (savedKindOf(entry) ?? 'referrers') !== 'referrers');
    if (saved.length === 0) return NONE;
    const images = new SavedImages(index);
    const byTag = new Map<string, Saved>();
    const unattached: JsonObject[] = [];
    for (const entry of saved) {
      const kind = savedKindOf(entry) as Exclude<SavedKind, 'referrers'>;
      const subject = await this.#subjectOf(entry, kind, images);
      const tag = subject === undefined ? undefined : cosignTagOf(subject, SUFFIXES[kind]);
      const other = tag === undefined ? undefined : byTag.get(tag);
      if (tag === undefined || (other !== undefined && other.entry['digest'] !== entry['digest']))
        unattached.push(entry);
      else byTag.set(tag, { tag, entry, repository: writtenNameOf(entry).repository });
    }
    return { byTag, unattached };
  }

  async #subjectOf(
    entry: JsonObject,
    kind: Exclude<SavedKind, 'referrers'>,
    images: SavedImages,
  ): Promise<Digest | undefined> {
    const signed = kind === 'sboms' ? [] : await this.#signedBy(entry);
    return signed.find((digest) => images.has(digest)) ?? signed[0] ?? images.of(entry);
  }

  /** The digests that signatures or attestations are about. */
  async #signedBy(entry: JsonObject): Promise<readonly Digest[]> {
    const manifest = await this.#manifestOf(entry);
    for (const { mediaType, digest } of manifest?.layers ?? []) {
      const bytes = await this.#read(digest);
      if (bytes === undefined) continue;
      const found = mediaType === mediaTypes.cosignSimpleSigning ? inPayload(bytes) : inEnvelope(bytes);
      if (found.length > 0) return found;
    }
    return [];
  }

  async #manifestOf(entry: JsonObject): Promise<ImageManifest | undefined> {
    const digest = digestIn(entry);
    const bytes = digest === undefined ? undefined : await this.#read(digest);
    if (bytes === undefined || detectManifestType(bytes) === undefined) return undefined;
    try {
      const manifest = parseManifest(bytes, undefined, String(digest));
      return manifest.kind === 'manifest' ? manifest : undefined;
    } catch (error) {
      // Whoever copies it is told.
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }
}

/** The images in a layout that signatures were saved beside. */
class SavedImages {
  readonly #digests = new Set<Digest>();
  readonly #byName = new Map<string, Set<Digest>>();

  constructor(index: LayoutIndex) {
    const others = index.entries.filter((entry) => savedKindOf(entry) === undefined);
    const marked = others.filter(isSavedImage);
    for (const entry of marked.length > 0 ? marked : others) {
      const digest = digestIn(entry);
      if (digest === undefined) continue;
      this.#digests.add(digest);
      const name = nameIn(entry) ?? '';
      this.#byName.set(name, new Set([...(this.#byName.get(name) ?? []), digest]));
    }
  }

  has(digest: Digest): boolean {
    return this.#digests.has(digest);
  }

  /** The image of the same name where there is one such, else the only image. */
  of(entry: JsonObject): Digest | undefined {
    const name = nameIn(entry);
    const named = name === undefined ? undefined : this.#byName.get(name);
    const found = named ?? this.#digests;
    return found.size === 1 ? [...found][0] : undefined;
  }
}

/** Of a simple-signing payload (cosign specs/SIGNATURE_SPEC.md). */
function inPayload(bytes: Uint8Array): readonly Digest[] {
  const digest = objectAt(objectAt(parse(bytes), 'critical'), 'image')?.['docker-manifest-digest'];
  return typeof digest === 'string' && isDigest(digest) ? [digest] : [];
}

/** Of the in-toto statement in a DSSE envelope. */
function inEnvelope(bytes: Uint8Array): readonly Digest[] {
  const payload = parse(bytes)?.['payload'];
  const statement = typeof payload === 'string' ? parse(Buffer.from(payload, 'base64')) : undefined;
  const subjects = statement?.['subject'];
  if (!Array.isArray(subjects)) return [];
  return (subjects as readonly JsonValue[])
    .map((subject) => `sha256:${String(objectAt(objectAt({ subject }, 'subject'), 'digest')?.['sha256'])}`)
    .filter(isDigest);
}

function parse(bytes: Uint8Array): JsonObject | undefined {
  try {
    return parseJsonObject(bytes, 'signature', { maxBytes: 8 * 1024 * 1024 });
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object?.[key];
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
