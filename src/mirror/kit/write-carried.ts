import { type CodedError, isCoded } from '#core';
import type { ContentReader, OperationOptions, Repository } from '#oci/image';
import { type CopyOptions, Semaphore } from '#oci/transfer';
import type { MirrorContent } from '../snapshot.ts';
import { descriptorOf, type KitSources } from './sources.ts';

const AT_A_TIME = 8;
/** In a layout a manifest is a blob like any other; index.json is written by itself. */
const BLOB = 'application/octet-stream';

/** How contents are written. */
export interface WriteCarriedOptions extends OperationOptions {
  readonly onProgress?: CopyOptions['onProgress'];
  /** The error where the source has lost a content. */
  readonly onGone: (repository: string, error: CodedError) => CodedError;
}

/**
 * Writes contents into a layout one by one: a delta has manifests without what they name, and a copy would follow them.
 *
 * @returns how many bytes were read from the source
 */
export async function writeCarried(
  contents: readonly MirrorContent[],
  layout: Repository,
  sources: KitSources,
  options: WriteCarriedOptions,
): Promise<number> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const semaphore = new Semaphore(AT_A_TIME);
  const progress = new Progress(contents, options.onProgress);
  const write = async (content: MirrorContent) => {
    if (signal.aborted) return;
    try {
      const source = await sources.repository(content.repository);
      const onBytes = (sizeBytes: number) => progress.move(sizeBytes);
      const blob = { ...descriptorOf(content), mediaType: BLOB };
      const outcome = await layout.push(blob, readerOf(content, source, signal, options), { signal, onBytes });
      progress.complete(content, outcome === 'uploaded');
    } catch (error) {
      stop.abort(error);
    }
  };
  await Promise.all(contents.map((content) => semaphore.run(() => write(content))));
  signal.throwIfAborted();
  return progress.writtenBytes;
}

function readerOf(
  content: MirrorContent,
  source: Repository,
  signal: AbortSignal,
  { onGone }: WriteCarriedOptions,
): ContentReader {
  const descriptor = descriptorOf(content);
  const asManifest = content.mediaType !== undefined;
  return async (offset, reuseBuffer, into) => {
    const range = offset === 0 ? undefined : { start: offset, end: descriptor.size - 1 };
    try {
      return await source.fetch(descriptor, { signal, range, reuseBuffer, into, asManifest });
    } catch (error) {
      throw isCoded(error, 'ERR_EXPORT_NOT_FOUND') ? onGone(source.name, error) : error;
    }
  };
}

class Progress {
  readonly #knownBytes: number;
  readonly #onProgress: CopyOptions['onProgress'];
  #completedBytes = 0;
  #movingBytes = 0;
  #writtenBytes = 0;

  constructor(contents: readonly MirrorContent[], onProgress: CopyOptions['onProgress']) {
    this.#knownBytes = contents.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    this.#onProgress = onProgress;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  move(sizeBytes: number): void {
    this.#movingBytes += sizeBytes;
    this.#tell(sizeBytes);
  }

  complete({ sizeBytes }: MirrorContent, isWritten: boolean): void {
    this.#completedBytes += sizeBytes;
    if (isWritten) {
      this.#writtenBytes += sizeBytes;
      this.#movingBytes = Math.max(0, this.#movingBytes - sizeBytes);
    }
    this.#tell(0);
  }

  #tell(sentBytes: number): void {
    const underWay = this.#movingBytes > 0 ? 1 : 0;
    this.#onProgress?.(sentBytes, {
      knownBytes: this.#knownBytes,
      completedBytes: this.#completedBytes,
      movingBytes: this.#movingBytes,
      underWay,
    });
  }
}
