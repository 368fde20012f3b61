import { CodedError, type Digester } from '#core';
import type { ByteStream } from '#oci/image';

/** What an upload asks of the bytes that come to it. */
export interface ReceiveOptions {
  /** How many bytes it has already. */
  readonly position: number;
  /** Takes every byte, in order. */
  readonly digester: Digester | undefined;
  /** The upload may not grow beyond so many bytes. */
  readonly maxSizeBytes: number;
  /** Ends the stream at once, even while it waits for bytes that never come. */
  readonly signal: AbortSignal;
  /** Called whenever bytes have come. */
  readonly moved: () => void;
}

/**
 * The chunks that belong to an upload, each counted and hashed before it is yielded.
 *
 * @throws CodedError ERR_EXPORT_TOO_LARGE, ERR_EXPORT_INTERRUPTED by the signal, and what the stream throws
 */
export async function* receive(chunks: ByteStream, options: ReceiveOptions): AsyncGenerator<Uint8Array> {
  const { digester, maxSizeBytes, signal, moved } = options;
  let size = options.position;
  for await (const chunk of interruptible(chunks, signal)) {
    size += chunk.byteLength;
    if (size > maxSizeBytes) {
      throw new CodedError('ERR_EXPORT_TOO_LARGE', `an upload of more than ${maxSizeBytes} bytes`, {
        hint: 'raise the limit of the server, or split the content',
      });
    }
    moved();
    digester?.update(chunk);
    yield chunk;
  }
}

/** The stream, which fails as soon as the signal says so, even while it waits for bytes that never come. */
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
    // Not awaited: a stream that waits for bytes answers only when they come.
    if (!ended) void iterator.return?.()?.catch(() => undefined);
  }
}
