import { CodedError, type Descriptor, type Digest, isDigest, type JsonObject } from '#core';
import { collect, inlineData, maxManifestBytes } from '../content.ts';
import { detectManifestType, type Manifest, parseManifest, referrerDescriptor } from '../manifest.ts';
import type { ByteStream, FetchOptions, OperationOptions, ReferrerFilter } from '../ports.ts';
import { sizeMismatch, verifyStream } from '../verify-stream.ts';
import { blobMissing, blobPath, type LayoutFiles } from './files.ts';
import { digestIn, findTag, type LayoutIndex, nameIn, tagsIn } from './index-file.ts';

/** What finding referrers needs to know of a manifest. */
interface ManifestFacts {
  readonly listing: Descriptor;
  readonly subject: Digest | undefined;
  readonly children: readonly Digest[];
}

/** What can be read of a layout, whatever holds its files. */
export class LayoutReader {
  readonly name: string;
  readonly #files: LayoutFiles;
  readonly #index: () => Promise<LayoutIndex>;
  /** Content does not change under its digest, so a manifest is looked at once. */
  readonly #looked = new Map<Digest, ManifestFacts>();

  /** @param index the index as it is now, with what this process has not written yet */
  constructor(name: string, files: LayoutFiles, index: () => Promise<LayoutIndex>) {
    this.name = name;
    this.#files = files;
    this.#index = index;
  }

  async resolve(name: string, options: OperationOptions = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted();
    const index = await this.#index();
    const entry = isDigest(name)
      ? index.entries.find((candidate) => candidate['digest'] === name)
      : findTag(index, name, this.name);
    const digest = entry === undefined ? name : digestIn(entry);
    if (digest === undefined) {
      throw new CodedError('ERR_EXPORT_UNSUPPORTED', `${this.name}: ${name} is of a kind of digest that is not known`, {
        hint: 'have it pushed with sha256 or sha512 digests',
      });
    }
    if (!isDigest(digest)) return undefined;
    return entry === undefined ? this.#detect(digest) : this.#describe(entry, digest);
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<ByteStream> {
    const { signal, range, lend } = options;
    signal?.throwIfAborted();
    const inline = range === undefined ? inlineData(descriptor, this.name) : undefined;
    if (inline !== undefined) return once(inline);
    const size = await this.#files.sizeOf(blobPath(descriptor.digest));
    if (size === undefined) throw blobMissing(this.name, descriptor.digest);
    if (size !== descriptor.size) throw sizeMismatch(descriptor, this.name, `${size} bytes`);
    if (range !== undefined && (range.start < 0 || range.end < range.start || range.end >= size)) {
      throw new RangeError(`range ${range.start}-${range.end} of ${size} bytes`);
    }
    // Told how much there is, the reading takes no more memory than that.
    const wanted = range ?? (size === 0 ? undefined : { start: 0, end: size - 1 });
    const stream = this.#files.read(blobPath(descriptor.digest), wanted, lend);
    const stoppable = signal === undefined ? stream : untilAborted(stream, signal);
    return range === undefined ? verifyStream(descriptor, stoppable, this.name) : stoppable;
  }

  async exists(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return (await this.#files.sizeOf(blobPath(descriptor.digest))) === descriptor.size;
  }

  /** The name of the entry that a tag leads to; undefined where there is none. */
  async nameOf(tag: string, options: OperationOptions = {}): Promise<string | undefined> {
    options.signal?.throwIfAborted();
    const entry = findTag(await this.#index(), tag, this.name);
    return entry === undefined ? undefined : nameIn(entry);
  }

  async *tags(options: OperationOptions = {}): AsyncGenerator<string> {
    options.signal?.throwIfAborted();
    yield* tagsIn(await this.#index());
  }

  /** Every manifest that the index lists, each once, with a tag or without. */
  async *manifests(options: OperationOptions = {}): AsyncGenerator<Descriptor> {
    const seen = new Set<Digest>();
    for (const entry of (await this.#index()).entries) {
      options.signal?.throwIfAborted();
      const digest = digestIn(entry);
      if (digest === undefined || seen.has(digest)) continue;
      seen.add(digest);
      const descriptor = await this.#describe(entry, digest);
      if (descriptor !== undefined) yield descriptor;
    }
  }

  /**
   * Looks at each manifest that the index lists and at what those list in turn: layouts have no other place
   * where all makers leave their referrers.
   */
  async *referrers(subject: Digest, filter: ReferrerFilter = {}): AsyncGenerator<Descriptor> {
    const seen = new Set<Digest>();
    const queue = (await this.#index()).entries.map(digestIn);
    for (const digest of queue) {
      filter.signal?.throwIfAborted();
      if (digest === undefined || seen.has(digest)) continue;
      seen.add(digest);
      const facts = await this.#factsOf(digest);
      queue.push(...(facts?.children ?? []));
      if (facts?.subject !== subject) continue;
      if (filter.artifactType !== undefined && facts.listing.artifactType !== filter.artifactType) continue;
      yield facts.listing;
    }
  }

  /** The manifest of a digest; undefined where it is missing or no manifest. */
  async manifest(digest: Digest): Promise<{ descriptor: Descriptor; manifest: Manifest } | undefined> {
    const size = await this.#files.sizeOf(blobPath(digest));
    if (size === undefined || size > maxManifestBytes) return undefined;
    const bytes = await this.#readAll({ mediaType: '', digest, size });
    const mediaType = detectManifestType(bytes);
    if (mediaType === undefined) return undefined;
    const name = `${this.name}: ${digest}`;
    return { descriptor: { mediaType, digest, size }, manifest: parseManifest(bytes, mediaType, name) };
  }

  async #factsOf(digest: Digest): Promise<ManifestFacts | undefined> {
    const known = this.#looked.get(digest);
    if (known !== undefined) return known;
    const found = await this.manifest(digest);
    // What is missing now may be there later.
    if (found === undefined) return undefined;
    const { manifest, descriptor } = found;
    const facts = {
      listing: referrerDescriptor(descriptor, manifest),
      subject: manifest.subject?.digest,
      children: manifest.kind === 'index' ? manifest.manifests.map((child) => child.digest) : [],
    };
    this.#looked.set(digest, facts);
    return facts;
  }

  /** A manifest that the index does not list, such as a child of an index. */
  async #detect(digest: Digest): Promise<Descriptor | undefined> {
    return (await this.manifest(digest))?.descriptor;
  }

  async #describe(entry: JsonObject, digest: Digest): Promise<Descriptor | undefined> {
    const { mediaType, size } = entry;
    if (typeof mediaType === 'string' && mediaType !== '' && Number.isSafeInteger(size)) {
      return { mediaType, digest, size: size as number };
    }
    return this.#detect(digest);
  }

  async #readAll(descriptor: Descriptor): Promise<Uint8Array> {
    return collect(await this.fetch(descriptor), maxManifestBytes, `${this.name}: ${descriptor.digest}`);
  }
}

async function* once(bytes: Uint8Array): ByteStream {
  yield bytes;
}

async function* untilAborted(stream: ByteStream, signal: AbortSignal): ByteStream {
  for await (const chunk of stream) {
    signal.throwIfAborted();
    yield chunk;
  }
}
