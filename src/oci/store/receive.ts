import { CodedError, type Digester } from '#core';
import type { ByteStream } from '#oci/image';

/** How an upload receives bytes. */
export interface ReceiveOptions {
  /** How many bytes the upload has already. */
  readonly position: number;
  /** Hashes every byte, in order. */
  readonly digester: Digester | undefined;
  /** The maximum size of the upload. */
  readonly maxSizeBytes: number;
  /** Ends the stream at once, even while it waits for bytes. */
  readonly signal: AbortSignal;
  /** Called whenever bytes have arrived. */
  readonly onReceived: () => void;
}

/**
 * The received chunks, each counted and hashed before it is yielded.
 *
 * @throws CodedError ERR_EXPORT_TOO_LARGE, ERR_EXPORT_INTERRUPTED by the signal, and what the stream throws
 */
export async function* receive(chunks: ByteStream, options: ReceiveOptions): AsyncGenerator<Uint8Array> {
  const { digester, maxSizeBytes, signal, onReceived } = options;
  let size = options.position;
  for await (const chunk of interruptible(chunks, signal)) {
    size += chunk.byteLength;
    if (size > maxSizeBytes) {
      throw new CodedError('ERR_EXPORT_TOO_LARGE', `upload larger than ${maxSizeBytes} bytes`, {
        hint: 'raise the limit of the server, or split the content',
      });
    }
    onReceived();
    digester?.update(chunk);
    yield chunk;
  }
}

/** The stream, which fails as soon as the signal is aborted, even while it waits for bytes. */
async function* interruptible(chunks: ByteStream, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => undefined);
  const onAbort = (): void =>
    interrupted.reject(
      new CodedError('ERR_EXPORT_INTERRUPTED', 'the upload stalled and another request took it over', {
        hint: 'query the upload status and resume from there',
      }),
    );
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  const iterator = chunks[Symbol.asyncIterator]();
  let ended = false;
  try {
    while (true) {
      const next = iterator.next();
      next.catch(() => undefined);
      const result = await Promise.race([next, interrupted.promise]);
      if (result.done === true) {
        ended = true;
        return;
      }
      yield result.value;
    }
  } catch (error) {
    ended = ended || !signal.aborted;
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: a stream that waits for bytes returns only when they arrive.
    if (!ended) void iterator.return?.()?.catch(() => undefined);
  }
}
