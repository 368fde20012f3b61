import type { Descriptor, Digest } from '#core';
import {
  type ByteStream,
  bareDescriptor,
  type ContentReader,
  contentOf,
  type FetchOptions,
  fetchBytes,
  inlineData,
  keepVerified,
  type Manifest,
  type PushOptions,
  type PushOutcome,
  parseManifest,
  type Repository,
} from '#oci/image';
import type { CopiedContents } from './contents.ts';
import { streamWithOrigin, withOrigin } from './rules.ts';

/** What a transfer is told by whoever copies, as in CopyOptions. */
interface TransferOptions {
  readonly signal: AbortSignal;
  readonly mountFrom?: ((digest: Digest) => string | undefined) | undefined;
  readonly isPresent?: ((digest: Digest) => boolean) | undefined;
}

/** Moves single contents from one repository to another. */
export class Transfer {
  readonly source: Repository;
  readonly target: Repository;
  readonly #contents: CopiedContents;
  readonly #signal: AbortSignal;
  readonly #options: TransferOptions;

  constructor(source: Repository, target: Repository, contents: CopiedContents, options: TransferOptions) {
    this.source = source;
    this.target = target;
    this.#contents = contents;
    this.#signal = options.signal;
    this.#options = options;
  }

  /** A manifest of the source, checked. */
  async readManifest(descriptor: Descriptor): Promise<{ bytes: Uint8Array; manifest: Manifest }> {
    this.#signal.throwIfAborted();
    return withOrigin('source', descriptor, async () => {
      const bytes = await fetchBytes(this.source, descriptor, { signal: this.#signal });
      const manifest = parseManifest(bytes, descriptor.mediaType, `${this.source.name}: ${descriptor.digest}`);
      return { bytes, manifest };
    });
  }

  /** @param options of the push: `found`, `unlisted`, `asManifest` */
  pushBytes(descriptor: Descriptor, bytes: Uint8Array, options: PushOptions): Promise<void> {
    return this.#push(descriptor, contentOf(bytes), options);
  }

  async pushBlob(descriptor: Descriptor): Promise<void> {
    if (this.#options.isPresent?.(descriptor.digest)) {
      this.#contents.complete(descriptor, 'present');
      return;
    }
    const inline = await withOrigin('source', descriptor, () => inlineData(descriptor, this.source.name));
    const content: ContentReader =
      inline === undefined
        ? (offset, reuseBuffer, into) => this.#readFrom(descriptor, offset, { reuseBuffer, into })
        : contentOf(inline);
    await this.#push(descriptor, content, {});
  }

  async #push(descriptor: Descriptor, content: ContentReader, more: PushOptions): Promise<void> {
    this.#signal.throwIfAborted();
    const [from, to] = [this.source.mountable, this.target.mountable];
    const mountFrom =
      from !== undefined && from.origin === to?.origin ? from.repository : this.#options.mountFrom?.(descriptor.digest);
    const onBytes = (sizeBytes: number) => this.#contents.move(descriptor, sizeBytes);
    const options = { ...more, signal: this.#signal, mountFrom, onBytes };
    const bare = bareDescriptor(descriptor);
    let outcome: PushOutcome;
    try {
      outcome = await withOrigin('target', descriptor, () => this.target.push(bare, content, options));
    } finally {
      this.#contents.stop(descriptor);
    }
    this.#contents.complete(descriptor, outcome);
  }

  async #readFrom(descriptor: Descriptor, offset: number, how: FetchOptions): Promise<ByteStream> {
    const range = offset === 0 ? undefined : { start: offset, end: descriptor.size - 1 };
    const options = { ...how, signal: this.#signal, range };
    const stream = await withOrigin('source', descriptor, () => this.source.fetch(bareDescriptor(descriptor), options));
    return keepVerified(stream, streamWithOrigin('source', descriptor, stream));
  }
}
