import { annotationKeys, compareText, type JsonObject, type JsonValue } from '#core';
import { isTag, type LayoutName, parseLayoutName, severalRepositories } from '#oci/image';
import { layoutInvalid } from './files.ts';

/** What cosign or hauler saved beside an image: by the annotation `kind` on an entry of the index. */
export type SavedKind = 'sigs' | 'atts' | 'sboms' | 'referrers';

const KIND = 'kind';
const SAVED_KIND = /^(?:dev\.cosignproject\.cosign|dev\.hauler)\/(sigs|atts|sboms|referrers)(?:\/|$)/;
const IMAGE_KIND = /^(?:dev\.cosignproject\.cosign|dev\.hauler)\/(?:image|imageIndex)$/;
/** A digest at the end of a name, of whatever algorithm (`NAME@sha256:…`), or in place of one. */
const DIGEST_END = /(?:@[a-z0-9]{2,20}(?:[+._-][a-z0-9]{1,20}){0,4}|^(?:sha\d{3}|blake3)):[0-9a-zA-Z=_-]{32,128}$/;

/** Tags that belong to a manifest by its digest: cosign's, and the list of its referrers. */
const DIGEST_TAG = /^sha(?:256|512)-[0-9a-f]{64}/;

/** The name that an entry bears: a tag, a full name, or what other makers write there. */
export function nameIn(entry: JsonObject): string | undefined {
  return annotationIn(entry, annotationKeys.refName);
}

/**
 * The tag and the repository of an entry: of its `ref.name`, which other tools write as a tag or as a full name, with a
 * digest or without, and of the full name that containerd and `docker save` write beside it. A digest makes no tag.
 */
export function entryNameOf(entry: JsonObject): LayoutName {
  // What belongs to an image bears the name of that.
  return savedKindOf(entry) === undefined ? writtenNameOf(entry) : {};
}

/** As entryNameOf, also where the name is that of what the entry belongs to. */
export function writtenNameOf(entry: JsonObject): LayoutName {
  const name = nameFrom(nameIn(entry));
  const full = nameFrom(annotationIn(entry, annotationKeys.containerdName));
  const tag = nameIn(entry) === undefined ? full.tag : name.tag;
  return { repository: name.repository ?? full.repository, tag };
}

/** What an entry holds of another: signatures, attestations, SBOMs; undefined where it stands for itself. */
export function savedKindOf(entry: JsonObject): SavedKind | undefined {
  return SAVED_KIND.exec(annotationIn(entry, KIND) ?? '')?.[1] as SavedKind | undefined;
}

/** Whether an entry is marked as an image that saved signatures may belong to. */
export function isSavedImage(entry: JsonObject): boolean {
  return IMAGE_KIND.test(annotationIn(entry, KIND) ?? '');
}

function nameFrom(text: string | undefined): LayoutName {
  const name = (text ?? '').replace(DIGEST_END, '');
  if (name === '') return {};
  const parsed = parseLayoutName(name);
  if (parsed !== undefined) return parsed;
  const colon = name.lastIndexOf(':');
  const tag = name.slice(colon + 1);
  if (colon === -1 || !isTag(tag)) return {};
  return { repository: name.slice(0, colon), tag };
}

/** Whether a repository is the one that is named, in full or by its end. */
export function isRepositoryOf(full: string | undefined, repository: string): boolean {
  return full === repository || (full?.endsWith(`/${repository}`) ?? false);
}

function annotationIn(entry: JsonObject, key: string): string | undefined {
  const annotations = entry['annotations'];
  if (!isObject(annotations) || !Object.hasOwn(annotations, key)) return undefined;
  const text = annotations[key];
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** An index, as far as names go. */
interface NamedIndex {
  readonly entries: readonly JsonObject[];
}

/** An entry of an index with the name that it bears. */
export interface NamedEntry extends LayoutName {
  readonly entry: JsonObject;
  readonly tag: string;
}

/** The names in an index, for as long as that is not changed. */
export class EntryNames {
  /** The repositories that entries with a tag are of, in byte order. */
  readonly repositories: readonly string[];
  readonly #byTag = new Map<string, NamedEntry[]>();

  private constructor(index: NamedIndex) {
    const repositories = new Set<string>();
    for (const entry of index.entries) {
      const { tag, repository } = entryNameOf(entry);
      if (tag === undefined) continue;
      if (repository !== undefined) repositories.add(repository);
      const named = this.#byTag.get(tag);
      if (named === undefined) this.#byTag.set(tag, [{ entry, tag, repository }]);
      else named.push({ entry, tag, repository });
    }
    this.repositories = [...repositories].sort(compareText);
  }

  static readonly #made = new WeakMap<NamedIndex, EntryNames>();

  static of(index: NamedIndex): EntryNames {
    const made = EntryNames.#made.get(index) ?? new EntryNames(index);
    EntryNames.#made.set(index, made);
    return made;
  }

  /**
   * The entry of a tag. Without a repository, one that bears the bare tag comes before those of repositories.
   *
   * @param repository in full, or its end after a slash
   * @throws CodedError ERR_EXPORT_REFERENCE_INVALID when it is in several repositories, ERR_EXPORT_LAYOUT_INVALID when
   *   several manifests of one bear it
   */
  find(tag: string, repository: string | undefined, place: string): NamedEntry | undefined {
    const all = this.#byTag.get(tag) ?? [];
    const found = repository === undefined ? bareFirst(all) : ofRepository(all, repository, tag);
    if (new Set(found.map(({ entry }) => entry['digest'])).size < 2) return found[0];
    const names = [...new Set(found.map((named) => named.repository ?? ''))].sort(compareText);
    if (names.length > 1) throw severalRepositories(place, `the tag ${tag}`, names, `:${tag}`);
    const digests = [...new Set(found.map(({ entry }) => entry['digest']))].join(', ');
    throw layoutInvalid(place, `the tag ${tag} is on several manifests (${digests}); name one by @digest`);
  }

  /** All tags, each with its repository where several share the layout or a bare tag hides it. */
  *list(): Generator<LayoutName & { readonly tag: string }> {
    for (const [tag, all] of this.#byTag) {
      const bare = bareFirst(all);
      const hidden = (named: NamedEntry) => this.repositories.length > 1 || !bare.includes(named);
      const seen = new Set<string | undefined>();
      for (const named of all) {
        const repository = named.repository !== undefined && hidden(named) ? named.repository : undefined;
        if (seen.has(repository)) continue;
        seen.add(repository);
        yield repository === undefined ? { tag } : { tag, repository };
      }
    }
  }

  /** The tags of one repository. */
  *listOf(repository: string): Generator<string> {
    for (const [tag, all] of this.#byTag) if (ofRepository(all, repository, tag).length > 0) yield tag;
  }
}

function bareFirst(all: readonly NamedEntry[]): readonly NamedEntry[] {
  const bare = all.filter((named) => named.repository === undefined);
  return bare.length > 0 ? bare : all;
}

function ofRepository(all: readonly NamedEntry[], repository: string, tag: string): readonly NamedEntry[] {
  const exact = all.filter((named) => named.repository === repository);
  if (exact.length > 0) return exact;
  const ending = all.filter((named) => isRepositoryOf(named.repository, repository));
  if (ending.length > 0 || !DIGEST_TAG.test(tag)) return ending;
  return all.filter((named) => named.repository === undefined);
}
