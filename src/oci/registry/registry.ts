import { CodedError, type Descriptor, type Digest, isCoded, isManifestType } from '#core';
import type {
  ByteStream,
  ContentReader,
  FetchOptions,
  OperationOptions,
  PushOptions,
  PushOutcome,
  ReferrerFilter,
  Repository,
  TagListOptions,
} from '#oci/image';
import {
  collect,
  isTag,
  maxManifestBytes,
  parseManifest,
  referrerDescriptor,
  verifyBytes,
  verifyStream,
} from '#oci/image';
import { hasBlob, readBlob } from './blob-fetch.ts';
import { FallbackTags } from './fallback-tag.ts';
import {
  deleteContent,
  deleteTag,
  getManifest,
  hasManifest,
  pushManifest,
  resolveManifest,
  tagManifest,
} from './manifests.ts';
import { listTags } from './pages.ts';
import { pushBlob } from './push/blob-push.ts';
import { listReferrers, supportsReferrers } from './referrers.ts';
import type { Remote } from './remote.ts';

/** A repository of a registry that speaks the OCI distribution protocol (distribution-spec v1.1.1). */
export class RegistryRepository implements Repository {
  readonly name: string;
  readonly mountable: { readonly origin: string; readonly repository: string };
  /** Registries check what a manifest names when they take it, and their collectors keep it. */
  readonly assumesBlobs = true;
  readonly #remote: Remote;
  readonly #fallback: FallbackTags;
  /** Referrers by subject that were pushed and not listed yet. */
  readonly #unlisted = new Map<Digest, Descriptor[]>();
  readonly #onClose: () => Promise<void>;

  /** @param onClose ends what this repository alone uses */
  constructor(remote: Remote, onClose: () => Promise<void>) {
    this.name = remote.name;
    this.mountable = { origin: remote.client.origin.origin, repository: remote.repository };
    this.#remote = remote;
    this.#fallback = new FallbackTags(remote);
    this.#onClose = onClose;
  }

  resolve(name: string, options: OperationOptions = {}): Promise<Descriptor | undefined> {
    return resolveManifest(this.#remote, name, options);
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<ByteStream> {
    options.signal?.throwIfAborted();
    const { range } = options;
    if (range !== undefined && (range.start < 0 || range.end < range.start || range.end >= descriptor.size)) {
      throw new RangeError(`range ${range.start}-${range.end} of ${descriptor.size} bytes`);
    }
    if (isManifestType(descriptor.mediaType) || options.asManifest) return this.#readManifest(descriptor, options);
    const stream = readBlob(this.#remote, descriptor, range, options);
    return range === undefined ? verifyStream(descriptor, stream, this.name) : stream;
  }

  exists(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    const has = isManifestType(descriptor.mediaType) ? hasManifest : hasBlob;
    return has(this.#remote, descriptor, options);
  }

  async isManifest(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    if (await hasBlob(this.#remote, descriptor, options)) return false;
    return hasManifest(this.#remote, descriptor, options);
  }

  async push(descriptor: Descriptor, content: ContentReader, options: PushOptions = {}): Promise<PushOutcome> {
    const { mediaType } = descriptor;
    if (!isManifestType(mediaType) && !options.asManifest) return pushBlob(this.#remote, descriptor, content, options);
    const name = `${this.name}: ${descriptor.digest}`;
    const bytes = await collect(await content(0), maxManifestBytes, name);
    verifyBytes(descriptor, bytes, 'source');
    const manifest = isManifestType(mediaType) ? parseManifest(bytes, mediaType, name) : undefined;
    const outcome = await pushManifest(this.#remote, descriptor, bytes, options);
    if (outcome === 'uploaded') options.onBytes?.(bytes.byteLength);
    // One that was there may have been pushed by a run that ended before it listed it.
    if (manifest?.subject !== undefined && !(await supportsReferrers(this.#remote, options))) {
      const entry = referrerDescriptor(descriptor, manifest);
      if (options.unlisted) this.#noteUnlisted(manifest.subject.digest, entry);
      else await this.#fallback.add(manifest.subject.digest, [entry], options);
    }
    return outcome;
  }

  async listReferrers(subject: Digest, options: OperationOptions = {}): Promise<void> {
    const entries = this.#unlisted.get(subject);
    this.#unlisted.delete(subject);
    if (entries !== undefined) await this.#fallback.add(subject, entries, options);
  }

  async tag(descriptor: Descriptor, tag: string, options: OperationOptions = {}): Promise<void> {
    if (!isTag(tag)) throw new TypeError(`not a valid tag: ${JSON.stringify(tag)}`);
    await tagManifest(this.#remote, descriptor, tag, options);
  }

  async *tags(options: TagListOptions = {}): AsyncGenerator<string> {
    yield* await listTags(this.#remote, options);
  }

  async untag(tag: string, options: OperationOptions = {}): Promise<boolean> {
    if (!isTag(tag)) throw new TypeError(`not a valid tag: ${JSON.stringify(tag)}`);
    return deleteTag(this.#remote, tag, options);
  }

  async *referrers(subject: Digest, filter: ReferrerFilter = {}): AsyncGenerator<Descriptor> {
    yield* await listReferrers(this.#remote, subject, filter);
  }

  async delete(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    const { digest, mediaType } = descriptor;
    if (!isManifestType(mediaType)) return deleteContent(this.#remote, `blobs/${digest}`, options);
    const subject = await this.#subjectOf(descriptor, options);
    const deleted = await deleteContent(this.#remote, `manifests/${digest}`, options);
    this.#remote.manifests.delete(digest);
    if (subject !== undefined && !(await supportsReferrers(this.#remote, options))) {
      await this.#fallback.remove(subject, digest, options);
    }
    return deleted;
  }

  close(): Promise<void> {
    return this.#onClose();
  }

  #noteUnlisted(subject: Digest, entry: Descriptor): void {
    const entries = this.#unlisted.get(subject);
    if (entries === undefined) this.#unlisted.set(subject, [entry]);
    else entries.push(entry);
  }

  async *#readManifest(descriptor: Descriptor, options: FetchOptions): ByteStream {
    const bytes = await getManifest(this.#remote, descriptor, options);
    const { range } = options;
    yield range === undefined ? bytes : bytes.subarray(range.start, range.end + 1);
  }

  async #subjectOf(descriptor: Descriptor, options: OperationOptions): Promise<Digest | undefined> {
    try {
      const bytes = await getManifest(this.#remote, descriptor, options);
      return parseManifest(bytes, descriptor.mediaType, `${this.name}: ${descriptor.digest}`).subject?.digest;
    } catch (error) {
      if (error instanceof CodedError && isCoded(error, 'ERR_EXPORT_NOT_FOUND', 'ERR_EXPORT_MANIFEST_INVALID'))
        return undefined;
      throw error;
    }
  }
}
