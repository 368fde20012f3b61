import {
  annotationKeys,
  compareText,
  type Descriptor,
  type Digest,
  encodeCanonical,
  isDigest,
  type JsonObject,
  type JsonValue,
  mediaTypes,
  parseJsonObject,
} from '#core';
import type { TagOptions } from '#oci/image';
import { encodeDescriptor } from '#oci/image';
import { entryNameOf, isRepositoryOf, nameIn, savedKindOf } from './entry-name.ts';
import { layoutInvalid } from './files.ts';

/** `index.json` as it stands: entries of other makers are kept with all their members. */
export interface LayoutIndex {
  /** The members of the index beside its manifests. */
  readonly head: JsonObject;
  readonly entries: readonly JsonObject[];
}

/** How an entry is named that bears a tag. */
interface TagName {
  /** The repository that the tag is of, where it is known: `[HOST[:PORT]/]REPO`. */
  readonly repository?: string | undefined;
  /** Write the full name as the entry's name, so that tags of several repositories can lie side by side. */
  readonly inFull?: boolean | undefined;
}

/** One change to an index. */
export type IndexEdit =
  | { readonly kind: 'list'; readonly descriptor: Descriptor }
  | ({ readonly kind: 'tag'; readonly descriptor: Descriptor; readonly tag: string } & TagName)
  | { readonly kind: 'untag'; readonly tag: string; readonly repository: string | undefined }
  | { readonly kind: 'forget'; readonly digest: Digest };

/** An index of many thousand artifacts is tens of megabytes; anything beyond is no index. */
export const maxIndexBytes = 128 * 1024 * 1024;

/** The index of a layout that holds nothing yet. */
export const emptyIndex: LayoutIndex = { head: { schemaVersion: 2, mediaType: mediaTypes.ociIndex }, entries: [] };

/**
 * The index in the bytes of `index.json`, whoever wrote it.
 *
 * @throws CodedError ERR_EXPORT_LAYOUT_INVALID
 */
export function parseLayoutIndex(bytes: Uint8Array, name: string): LayoutIndex {
  let fields: JsonObject;
  try {
    fields = parseJsonObject(bytes, name, { maxBytes: maxIndexBytes });
  } catch (cause) {
    throw layoutInvalid(name, 'not readable as JSON', cause);
  }
  const { manifests, ...head } = fields;
  if (manifests !== null && !Array.isArray(manifests)) throw layoutInvalid(name, 'no list of manifests');
  const entries = (manifests ?? []) as readonly JsonValue[];
  for (const [i, entry] of entries.entries()) {
    const digest = isObject(entry) ? entry['digest'] : undefined;
    if (typeof digest !== 'string') throw layoutInvalid(name, `manifests[${i}] has no digest`);
  }
  return { head, entries: entries as readonly JsonObject[] };
}

/** The bytes of an index: entries with a name first, in byte order of name, then the others in order of digest. */
export function encodeLayoutIndex(index: LayoutIndex): Uint8Array {
  const sorted = index.entries.toSorted((a, b) => compareText(sortKey(a), sortKey(b)));
  return encodeCanonical({ ...index.head, manifests: sorted });
}

/** The index after some changes: one entry for each tag, and one without a tag for what has none. */
export function applyEdits(index: LayoutIndex, edits: readonly IndexEdit[]): LayoutIndex {
  const draft = new IndexDraft(index.entries);
  for (const edit of edits) {
    if (edit.kind === 'list') draft.list(edit.descriptor);
    else if (edit.kind === 'tag') draft.tag(edit);
    else if (edit.kind === 'untag') draft.untag(edit.tag, edit.repository);
    else draft.forget(edit.digest);
  }
  return { head: index.head, entries: draft.entries() };
}

/** The entries of an index by what they are found by, so that many edits cost no more than one. */
class IndexDraft {
  readonly #tagged = new Map<string, JsonObject[]>();
  readonly #untagged = new Map<JsonValue | undefined, JsonObject[]>();
  readonly #listed = new Set<JsonValue | undefined>();

  constructor(entries: readonly JsonObject[]) {
    for (const entry of entries) {
      const { tag } = entryNameOf(entry);
      if (tag === undefined) append(this.#untagged, entry['digest'], entry);
      else append(this.#tagged, tag, entry);
      this.#listed.add(entry['digest']);
    }
  }

  list(descriptor: Descriptor): void {
    if (this.#listed.has(descriptor.digest)) return;
    append(this.#untagged, descriptor.digest, encodeDescriptor(descriptor));
    this.#listed.add(descriptor.digest);
  }

  /** What bore the tag so far stays, untagged: its referrers and whoever goes by digest still need it. */
  tag({ descriptor, tag, repository, inFull }: Extract<IndexEdit, { kind: 'tag' }>): void {
    const name = inFull && repository !== undefined ? `${repository}:${tag}` : tag;
    const isReplaced = (entry: JsonObject) =>
      nameIn(entry) === name || (inFull ? isRepositoryOf(entryNameOf(entry).repository, repository ?? '') : true);
    this.#removeTag(tag, isReplaced);
    const annotations = {
      ...descriptor.annotations,
      [annotationKeys.refName]: name,
      ...(repository === undefined || inFull ? {} : { [annotationKeys.containerdName]: `${repository}:${tag}` }),
    };
    append(this.#tagged, tag, encodeDescriptor({ ...descriptor, annotations }));
    this.#listed.add(descriptor.digest);
  }

  /** What bore the tag of a repository, or the bare tag, stays listed without it. */
  untag(tag: string, repository: string | undefined): void {
    this.#removeTag(tag, (entry) => entryNameOf(entry).repository === repository);
  }

  #removeTag(tag: string, isMeant: (entry: JsonObject) => boolean): void {
    const kept: JsonObject[] = [];
    for (const entry of this.#tagged.get(tag) ?? []) {
      if (!isMeant(entry)) kept.push(entry);
      else if (!this.#untagged.has(entry['digest'])) append(this.#untagged, entry['digest'], withoutName(entry));
    }
    if (kept.length > 0) this.#tagged.set(tag, kept);
    else this.#tagged.delete(tag);
  }

  forget(digest: Digest): void {
    this.#untagged.delete(digest);
    this.#listed.delete(digest);
    for (const [tag, entries] of this.#tagged) {
      const left = entries.filter((entry) => entry['digest'] !== digest);
      if (left.length === 0) this.#tagged.delete(tag);
      else this.#tagged.set(tag, left);
    }
  }

  entries(): JsonObject[] {
    const tagged = [...this.#tagged.values()].flat();
    const digests = new Set(tagged.map((entry) => entry['digest']));
    // What says more than that a manifest is there (a name by digest, what it belongs to) stays beside its tags.
    const untagged = [...this.#untagged].flatMap(([digest, entries]) =>
      digests.has(digest) ? entries.filter(saysMore) : entries,
    );
    return [...tagged, ...untagged];
  }
}

function saysMore(entry: JsonObject): boolean {
  return nameIn(entry) !== undefined || savedKindOf(entry) !== undefined;
}

function append<K>(map: Map<K, JsonObject[]>, key: K, entry: JsonObject): void {
  const entries = map.get(key);
  if (entries === undefined) map.set(key, [entry]);
  else entries.push(entry);
}

/** The digest of an entry, where it is of a kind that we can check. */
export function digestIn(entry: JsonObject): Digest | undefined {
  const digest = entry['digest'];
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined;
}

function withoutName(entry: JsonObject): JsonObject {
  const { annotations, ...rest } = entry;
  const { [annotationKeys.refName]: _, [annotationKeys.containerdName]: __, ...others } = annotations as JsonObject;
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

function sortKey(entry: JsonObject): string {
  const name = nameIn(entry);
  return name === undefined ? `1${String(entry['digest'])}` : `0${name}\0${String(entry['digest'])}`;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** A descriptor as an index lists it. */
export function indexEntry({ mediaType, digest, size, artifactType }: Descriptor): Descriptor {
  return { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) };
}

/**
 * The edit of an index that sets a tag.
 *
 * @param opened the repository that the layout was opened for: its tags are written by their full names
 */
export function tagEdit(
  descriptor: Descriptor,
  tag: string,
  opened: string | undefined,
  options: TagOptions,
): IndexEdit {
  const name = opened === undefined ? options : { repository: opened, inFull: true };
  return { kind: 'tag', descriptor: indexEntry(descriptor), tag, repository: name.repository, inFull: name.inFull };
}
