import {
  algorithmOf,
  CodedError,
  compareText,
  type Descriptor,
  type Digest,
  hexOf,
  isCoded,
  isIndexType,
  pause,
} from '#core';
import type { OperationOptions } from '#oci/image';
import { type ImageIndex, packIndex, parseManifest } from '#oci/image';
import { getManifest, hasManifest, putManifest, resolveManifest } from './manifests.ts';
import type { Remote } from './remote.ts';

/** A change to the index of a fallback tag. */
type Edit = { readonly add: Descriptor } | { readonly remove: Digest };

interface Queue {
  readonly edits: Edit[];
  running: Promise<void> | undefined;
}

const MAX_TRIES = 12;

/** The tag whose index lists the referrers of a subject where a registry does not (distribution-spec v1.1.1 spec.md#referrers-tag-schema). */
function fallbackTag(subject: Digest): string {
  return `${algorithmOf(subject).slice(0, 32)}-${hexOf(subject).slice(0, 64)}`;
}

/** The entries of the fallback index of a subject; none where there is no such tag. */
export async function readFallback(
  remote: Remote,
  subject: Digest,
  options: OperationOptions,
): Promise<readonly Descriptor[]> {
  const found = await readIndex(remote, subject, options);
  return found === undefined || found === 'subject' ? [] : found.manifests;
}

/**
 * Changes fallback indexes. Registries let the last writer win, so changes of this process to one tag go through one
 * queue, and each writing is read again after a while, and repeated where another writer undid it.
 */
export class FallbackTags {
  readonly #remote: Remote;
  readonly #queues = new Map<string, Queue>();

  constructor(remote: Remote) {
    this.#remote = remote;
  }

  /** Lists these too, by one writing where nobody else writes. */
  add(subject: Digest, entries: readonly Descriptor[], options: OperationOptions): Promise<void> {
    const edits = entries.map((entry) => ({ add: entry }));
    return this.#edit(subject, edits, options);
  }

  remove(subject: Digest, digest: Digest, options: OperationOptions): Promise<void> {
    return this.#edit(subject, [{ remove: digest }], options);
  }

  async #edit(subject: Digest, edits: readonly Edit[], options: OperationOptions): Promise<void> {
    const queue = this.#queues.get(subject) ?? { edits: [], running: undefined };
    this.#queues.set(subject, queue);
    queue.edits.push(...edits);
    // They are written together, so one of them stands for all.
    while (queue.edits.includes(edits[0] as Edit)) {
      queue.running ??= this.#write(subject, queue, options).finally(() => {
        queue.running = undefined;
      });
      await queue.running;
    }
  }

  async #write(subject: Digest, queue: Queue, options: OperationOptions): Promise<void> {
    const tag = fallbackTag(subject);
    const edits = [...queue.edits];
    const gone = new Set<Digest>();
    let failure: unknown;
    try {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const began = performance.now();
        const found = await readIndex(this.#remote, subject, options);
        const index = found === 'subject' ? undefined : found;
        const listed = new Set((index?.manifests ?? []).map(({ digest }) => digest));
        if (edits.every((edit) => isDone(listed, edit))) return;
        if (found === 'subject') throw keepsNoTag(this.#remote, tag);
        const merged = merge(index, edits, gone);
        failure = await this.#put(tag, merged, options);
        if (failure !== undefined) for (const digest of await this.#findGone(merged, options)) gone.add(digest);
        // Whoever read before this writing has written by then, and it shows.
        const tookMs = performance.now() - began;
        await pause(Math.min(Math.max(20, 3 * tookMs), 2000) * (1 + Math.random()), options.signal);
      }
    } finally {
      queue.edits.splice(0, edits.length);
    }
    throw new CodedError(
      'ERR_EXPORT_REGISTRY_UNAVAILABLE',
      `${this.#remote.name}: other clients keep changing the tag ${tag}`,
      {
        hint: 'run it again when no other client signs or attests there',
        details: { place: this.#remote.name, tag },
        ...(failure === undefined ? {} : { cause: failure }),
      },
    );
  }

  /** @returns the refusal of an index that names what is not there any more: others delete without a word here */
  async #put(tag: string, { descriptor, bytes }: Merged, options: OperationOptions): Promise<CodedError | undefined> {
    try {
      await putManifest(this.#remote, tag, descriptor, bytes, options);
      return undefined;
    } catch (error) {
      if (error instanceof CodedError && /^MANIFEST_(?:BLOB_)?UNKNOWN$/.test(String(error.details['registryCode'])))
        return error;
      throw error;
    }
  }

  async #findGone({ manifests }: Merged, options: OperationOptions): Promise<Digest[]> {
    const gone: Digest[] = [];
    for (const entry of manifests) {
      // The list may have its size wrong; that it is there is enough.
      const there = await hasManifest(this.#remote, entry, options).catch((error: unknown) => {
        if (isCoded(error, 'ERR_EXPORT_SIZE_MISMATCH')) return true;
        throw error;
      });
      if (!there) gone.push(entry.digest);
    }
    return gone;
  }
}

type Merged = ReturnType<typeof merge>;

function isDone(listed: ReadonlySet<Digest>, edit: Edit): boolean {
  return 'add' in edit ? listed.has(edit.add.digest) : !listed.has(edit.remove);
}

function merge(index: ImageIndex | undefined, edits: readonly Edit[], gone: ReadonlySet<Digest>) {
  const entries = new Map((index?.manifests ?? []).map((entry) => [entry.digest, entry]));
  for (const edit of edits) {
    if ('remove' in edit) entries.delete(edit.remove);
    else if (!entries.has(edit.add.digest)) entries.set(edit.add.digest, edit.add);
  }
  const manifests = [...entries.values()]
    .filter(({ digest }) => !gone.has(digest))
    .sort((a, b) => compareText(a.digest, b.digest));
  return { manifests, ...packIndex({ manifests, ...(index === undefined ? {} : { annotations: index.annotations }) }) };
}

/**
 * The index under the fallback tag of a subject. Some registries take that tag for the digest that it spells, and answer
 * with the subject, which says nothing of referrers.
 */
async function readIndex(
  remote: Remote,
  subject: Digest,
  options: OperationOptions,
): Promise<ImageIndex | 'subject' | undefined> {
  const tag = fallbackTag(subject);
  const descriptor = await resolveManifest(remote, tag, options);
  if (descriptor === undefined) return undefined;
  if (descriptor.digest === subject) return 'subject';
  const name = `${remote.name}:${tag}`;
  const manifest = parseManifest(await getManifest(remote, descriptor, options), descriptor.mediaType, name);
  if (manifest.kind === 'index' && isIndexType(descriptor.mediaType)) return manifest;
  throw new CodedError('ERR_EXPORT_REGISTRY_PROTOCOL', `${name}: the referrers tag is not an index`, {
    hint: 'another client uses this tag for something else; remove or rename it',
    details: { place: remote.name, tag },
  });
}

function keepsNoTag(remote: Remote, tag: string): CodedError {
  const what = `${remote.name}:${tag}: the registry treats this tag as a digest, so it cannot list referrers`;
  return new CodedError('ERR_EXPORT_UNSUPPORTED', what, {
    hint: 'push to a registry that has the referrers API or keeps tags of this form',
    details: { place: remote.name, tag },
  });
}
