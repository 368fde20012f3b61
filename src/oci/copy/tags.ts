import { type Descriptor, isIndexType } from '#core';
import { bareDescriptor, fetchBytes } from '../content.ts';
import { parseManifest } from '../manifest.ts';
import type { OperationOptions, Repository } from '../ports.ts';
import { atSide } from './rules.ts';

/** A tag to set at the target. */
export interface CopyTag {
  readonly tag: string;
  readonly descriptor: Descriptor;
}

/** A tag under which registries without a referrers API list the referrers of a subject (spec.md#referrers-tag-schema). */
const FALLBACK_TAG = /^sha(?:256|512)-[0-9a-f]{64}$/;

/** Sets tags at the target of a copy, once all that they name is there. */
export class TagSetter {
  /** Tags that name something else than before. */
  readonly moved: CopyTag[] = [];
  /** Tags that stand as they were to be. */
  readonly standing: CopyTag[] = [];
  readonly excluded: { readonly descriptor: Descriptor; readonly reason: string }[] = [];
  readonly #source: Repository;
  readonly #target: Repository;
  readonly #options: OperationOptions;

  constructor(source: Repository, target: Repository, options: OperationOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
  }

  /** Leaves a tag alone that says so already: a copy that changes nothing writes nothing. */
  async set(wanted: CopyTag): Promise<void> {
    const { tag, descriptor } = wanted;
    const before = await atSide('target', descriptor, () => this.#target.resolve(tag, this.#options));
    if (before !== undefined && before.digest !== descriptor.digest && (await this.#listsMore(wanted, before))) {
      const reason = `the target lists more referrers under ${tag} than the source; its list stays`;
      this.excluded.push({ descriptor: bareDescriptor(descriptor), reason });
      return;
    }
    if (before?.digest !== descriptor.digest) {
      await atSide('target', descriptor, () => this.#target.tag(descriptor, tag, this.#options));
      this.moved.push(wanted);
    }
    this.standing.push(wanted);
  }

  /** Whether a list of referrers at the target has entries that setting the tag would lose. */
  async #listsMore({ tag, descriptor }: CopyTag, before: Descriptor): Promise<boolean> {
    if (!FALLBACK_TAG.test(tag) || !isIndexType(descriptor.mediaType) || !isIndexType(before.mediaType)) return false;
    const ours = await atSide('source', descriptor, () => this.#entries(this.#source, descriptor));
    const theirs = await atSide('target', descriptor, () => this.#entries(this.#target, before));
    return [...theirs].some((digest) => !ours.has(digest));
  }

  async #entries(repository: Repository, descriptor: Descriptor): Promise<Set<string>> {
    const bytes = await fetchBytes(repository, descriptor, this.#options);
    const manifest = parseManifest(bytes, descriptor.mediaType, `${repository.name}: ${descriptor.digest}`);
    return new Set(manifest.kind === 'index' ? manifest.manifests.map(({ digest }) => digest) : []);
  }
}
