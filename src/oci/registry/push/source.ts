import type { Descriptor } from '#core';
import type { ByteStream, ContentReader, PushOptions } from '#oci/image';
import { verifyStream } from '#oci/image';
import { final } from '../faults.ts';

/** The content of a blob that is pushed: checked, counted, and told apart from the registry when it fails. */
export class BlobSource {
  readonly #descriptor: Descriptor;
  readonly #content: ContentReader;
  readonly #onBytes: PushOptions['onBytes'];
  #reportedBytes = 0;
  /** Why the source could not be read: its own error, which no retry at the registry can fix. */
  #fault: { readonly error: unknown } | undefined;

  constructor(descriptor: Descriptor, content: ContentReader, onBytes: PushOptions['onBytes']) {
    this.#descriptor = descriptor;
    this.#content = content;
    this.#onBytes = onBytes;
  }

  /** The content from an offset on; from the beginning it is checked. `reuseBuffer` as in FetchOptions. */
  async open(offset: number, reuseBuffer?: boolean): Promise<ByteStream> {
    try {
      const stream = await this.#content(offset, reuseBuffer);
      return this.#watch(offset === 0 ? verifyStream(this.#descriptor, stream, 'source') : stream, offset);
    } catch (error) {
      throw this.#blame(error);
    }
  }

  /** Runs a request whose body is this source: one that broke off because its body did fails with what broke the body. */
  async sending<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw this.#fault === undefined ? error : this.#fault.error;
    }
  }

  async *#watch(stream: ByteStream, offset: number): ByteStream {
    let position = offset;
    try {
      for await (const chunk of stream) {
        position += chunk.byteLength;
        // What is sent once more was counted already.
        if (position > this.#reportedBytes) {
          this.#onBytes?.(position - this.#reportedBytes);
          this.#reportedBytes = position;
        }
        yield chunk;
      }
    } catch (error) {
      throw this.#blame(error);
    }
  }

  /** A fault of the source must not look like one of the registry that may pass. */
  #blame(error: unknown): unknown {
    this.#fault = { error };
    return error instanceof Error ? final(error) : error;
  }
}
