import type { Descriptor, Digest } from '#core';
import type { ByteStream, ContentReader, OperationOptions, PushOptions, PushOutcome, Repository } from '#oci/image';
import {
  bareDescriptor,
  contentOf,
  fetchBytes,
  inlineData,
  keepVerified,
  type Manifest,
  parseManifest,
} from '#oci/image';
import { streamWithOrigin, withOrigin } from './rules.ts';

/** How far a copy has come, in bytes of content. */
export interface CopyProgress {
  /** Of all that was found so far; grows as manifests are read. */
  readonly knownBytes: number;
  /** Of what is at the target, sent or found there. */
  readonly completedBytes: number;
  /** Sent of contents that are under way. */
  readonly movingBytes: number;
  /** Contents that are being sent now, of which something was sent. */
  readonly underWay: number;
}

/** How a transfer is watched. */
export interface TransferOptions extends OperationOptions {
  readonly onProgress?: ((sentBytes: number, progress: CopyProgress) => void) | undefined;
}

/** Moves single contents from one repository to another, and keeps account of them. */
export class Transfer {
  readonly source: Repository;
  readonly target: Repository;
  readonly #options: TransferOptions;
  readonly #known = new Map<Digest, Descriptor>();
  readonly #outcomes = new Map<Digest, PushOutcome>();
  #bytesSent = 0;
  #knownBytes = 0;
  #completedBytes = 0;
  /** Bytes sent of each content that is under way. */
  readonly #moving = new Map<Digest, number>();

  constructor(source: Repository, target: Repository, options: TransferOptions) {
    this.source = source;
    this.target = target;
    this.#options = options;
  }

  /** Bytes of the contents that were uploaded. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** What became of each content, in the order in which it was found. */
  outcomes(): Map<Digest, PushOutcome> {
    const found = new Map<Digest, PushOutcome>();
    for (const digest of this.#known.keys()) {
      const outcome = this.#outcomes.get(digest);
      if (outcome !== undefined) found.set(digest, outcome);
    }
    return found;
  }

  /** The descriptors of all that is at the target. */
  completed(): Descriptor[] {
    return [...this.#known.values()].filter(({ digest }) => this.#outcomes.has(digest));
  }

  /** Notes a content, so that progress counts with it. */
  find(descriptor: Descriptor): void {
    if (this.#known.has(descriptor.digest)) return;
    this.#known.set(descriptor.digest, bareDescriptor(descriptor));
    this.#knownBytes += descriptor.size;
  }

  /** Notes that a content is at the target. */
  complete(descriptor: Descriptor, outcome: PushOutcome): void {
    this.find(descriptor);
    if (!this.#outcomes.has(descriptor.digest)) this.#completedBytes += descriptor.size;
    this.#outcomes.set(descriptor.digest, outcome);
    if (outcome === 'uploaded') this.#bytesSent += descriptor.size;
    this.#sent(0);
  }

  /** A manifest of the source, checked. */
  async readManifest(descriptor: Descriptor): Promise<{ bytes: Uint8Array; manifest: Manifest }> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    return withOrigin('source', descriptor, async () => {
      const bytes = await fetchBytes(this.source, descriptor, { signal });
      return {
        bytes,
        manifest: parseManifest(bytes, descriptor.mediaType, `${this.source.name}: ${descriptor.digest}`),
      };
    });
  }

  /** @param options of the push: `found`, `unlisted` */
  pushManifest(descriptor: Descriptor, bytes: Uint8Array, options: PushOptions): Promise<void> {
    return this.#push(descriptor, contentOf(bytes), options);
  }

  async pushBlob(descriptor: Descriptor): Promise<void> {
    const inline = await withOrigin('source', descriptor, () => inlineData(descriptor, this.source.name));
    const content: ContentReader =
      inline === undefined
        ? (offset, reuseBuffer) => this.#readFrom(descriptor, offset, reuseBuffer)
        : contentOf(inline);
    await this.#push(descriptor, content, {});
  }

  async #push(descriptor: Descriptor, content: ContentReader, more: PushOptions): Promise<void> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const [from, to] = [this.source.mountable, this.target.mountable];
    const mountFrom = from !== undefined && from.origin === to?.origin ? from.repository : undefined;
    const { digest, size } = descriptor;
    const onBytes = (sizeBytes: number) => {
      // What is sent again after a failure brings it no further.
      this.#moving.set(digest, Math.min((this.#moving.get(digest) ?? 0) + sizeBytes, size));
      this.#sent(sizeBytes);
    };
    const options = { ...more, signal, mountFrom, onBytes };
    const bare = bareDescriptor(descriptor);
    let outcome: PushOutcome;
    try {
      outcome = await withOrigin('target', descriptor, () => this.target.push(bare, content, options));
    } finally {
      this.#moving.delete(digest);
    }
    this.complete(descriptor, outcome);
  }

  async #readFrom(descriptor: Descriptor, offset: number, reuseBuffer: boolean | undefined): Promise<ByteStream> {
    const range = offset === 0 ? undefined : { start: offset, end: descriptor.size - 1 };
    const options = { signal: this.#options.signal, range, reuseBuffer };
    const stream = await withOrigin('source', descriptor, () => this.source.fetch(bareDescriptor(descriptor), options));
    return keepVerified(stream, streamWithOrigin('source', descriptor, stream));
  }

  #sent(sizeBytes: number): void {
    this.#options.onProgress?.(sizeBytes, {
      knownBytes: this.#knownBytes,
      completedBytes: this.#completedBytes,
      movingBytes: [...this.#moving.values()].reduce((sum, moved) => sum + moved, 0),
      underWay: this.#moving.size,
    });
  }
}
