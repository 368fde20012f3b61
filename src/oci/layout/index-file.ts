import {
  annotationKeys,
  CodedError,
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
import { encodeDescriptor } from '../pack.ts';
import { isTag } from '../reference.ts';

/** `index.json` as it stands: entries of other makers are kept with all their members. */
export interface LayoutIndex {
  /** The members of the index beside its manifests. */
  readonly head: JsonObject;
  readonly entries: readonly JsonObject[];
}

/** One change to an index. */
export type IndexEdit =
  | { readonly kind: 'list'; readonly descriptor: Descriptor }
  | { readonly kind: 'tag'; readonly descriptor: Descriptor; readonly tag: string }
  | { readonly kind: 'untag'; readonly name: string }
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
    else if (edit.kind === 'tag') draft.tag(edit.descriptor, edit.tag);
    else if (edit.kind === 'untag') draft.untag(edit.name);
    else draft.forget(edit.digest);
  }
  return { head: index.head, entries: draft.entries() };
}

/** The entries of an index by what they are found by, so that many edits cost no more than one. */
class IndexDraft {
  readonly #named = new Map<string, JsonObject[]>();
  readonly #unnamed = new Map<JsonValue | undefined, JsonObject[]>();
  readonly #listed = new Set<JsonValue | undefined>();

  constructor(entries: readonly JsonObject[]) {
    for (const entry of entries) {
      const name = nameIn(entry);
      if (name === undefined) append(this.#unnamed, entry['digest'], entry);
      else append(this.#named, name, entry);
      this.#listed.add(entry['digest']);
    }
  }

  list(descriptor: Descriptor): void {
    if (this.#listed.has(descriptor.digest)) return;
    append(this.#unnamed, descriptor.digest, encodeDescriptor(descriptor));
    this.#listed.add(descriptor.digest);
  }

  /** What bore the tag so far stays, untagged: its referrers and whoever goes by digest still need it. */
  tag(descriptor: Descriptor, tag: string): void {
    this.untag(tag);
    const annotations = { ...descriptor.annotations, [annotationKeys.refName]: tag };
    this.#named.set(tag, [encodeDescriptor({ ...descriptor, annotations })]);
    this.#listed.add(descriptor.digest);
  }

  /** What bore the name stays listed, without it. */
  untag(name: string): void {
    for (const entry of this.#named.get(name) ?? []) {
      if (!this.#unnamed.has(entry['digest'])) append(this.#unnamed, entry['digest'], withoutName(entry));
    }
    this.#named.delete(name);
  }

  forget(digest: Digest): void {
    this.#unnamed.delete(digest);
    this.#listed.delete(digest);
    for (const [name, entries] of this.#named) {
      const left = entries.filter((entry) => entry['digest'] !== digest);
      if (left.length === 0) this.#named.delete(name);
      else this.#named.set(name, left);
    }
  }

  entries(): JsonObject[] {
    const named = [...this.#named.values()].flat();
    const tagged = new Set(named.map((entry) => entry['digest']));
    const unnamed = [...this.#unnamed].filter(([digest]) => !tagged.has(digest)).flatMap(([, entries]) => entries);
    return [...named, ...unnamed];
  }
}

function append<K>(map: Map<K, JsonObject[]>, key: K, entry: JsonObject): void {
  const entries = map.get(key);
  if (entries === undefined) map.set(key, [entry]);
  else entries.push(entry);
}

/**
 * The entry of a tag: the one of that very name, else the one whose name ends in it after a colon
 * (`docker.io/library/alpine:3.20`), as other tools write it.
 *
 * @throws CodedError ERR_EXPORT_LAYOUT_INVALID when several different manifests bear the name
 */
export function findTag(index: LayoutIndex, tag: string, place: string): JsonObject | undefined {
  const exact = index.entries.filter((entry) => nameIn(entry) === tag);
  const found = exact.length > 0 ? exact : index.entries.filter((entry) => nameIn(entry)?.endsWith(`:${tag}`));
  const digests = new Set(found.map((entry) => entry['digest']));
  if (digests.size > 1) {
    throw layoutInvalid(
      place,
      `the tag ${tag} is on several manifests (${[...digests].join(', ')}); name one by @digest`,
    );
  }
  return found[0];
}

/** All tags, each once, in byte order. */
export function tagsIn(index: LayoutIndex): string[] {
  const tags = new Set<string>();
  for (const entry of index.entries) {
    const name = nameIn(entry) ?? '';
    const tag = isTag(name) ? name : name.slice(name.lastIndexOf(':') + 1);
    if (isTag(tag)) tags.add(tag);
  }
  return [...tags].sort(compareText);
}

/** The digest of an entry, where it is of a kind that we can check. */
export function digestIn(entry: JsonObject): Digest | undefined {
  const digest = entry['digest'];
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined;
}

/** The error for a folder or a tar that is no layout. */
export function layoutInvalid(name: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_LAYOUT_INVALID', `${name}: ${what}`, {
    hint: 'check that this is an OCI layout; a damaged or missing index.json must be restored from a copy',
    details: { name },
    cause,
  });
}

/** The name that an entry bears: a tag, or what other makers write there. */
export function nameIn(entry: JsonObject): string | undefined {
  const annotations = entry['annotations'];
  const name = isObject(annotations) ? annotations[annotationKeys.refName] : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function withoutName(entry: JsonObject): JsonObject {
  const { annotations, ...rest } = entry;
  const { [annotationKeys.refName]: _, ...others } = annotations as JsonObject;
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

function sortKey(entry: JsonObject): string {
  const name = nameIn(entry);
  return name === undefined ? `1${String(entry['digest'])}` : `0${name}\0${String(entry['digest'])}`;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
