import { CodedError } from '#core';
import type { ByteStream } from '#oci/image';
import { clientOf } from './access/client-address.ts';
import { type ServerContext, type ServerRequest, socketsOf } from './context.ts';
import { HttpProblem } from './problem.ts';
import { MinRateGuard } from './sending.ts';

/** The Content-Length of a request in bytes; undefined without that header. */
export function contentLengthOf(c: ServerRequest): number | undefined {
  const text = c.req.header('content-length');
  return text === undefined ? undefined : Number(text);
}

/**
 * The body of a request as a stream. It fails when the client disconnects or is too slow. Leaving it half-read does not
 * close the connection, so that the response can still say why.
 */
export async function* bodyOf(c: ServerRequest): ByteStream {
  const { incoming } = socketsOf(c);
  if (incoming === undefined) {
    if (c.req.raw.body !== null) yield* c.req.raw.body;
    return;
  }
  const rate = new MinRateGuard();
  const chunks: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  try {
    while (true) {
      const next = await rate.wait(() => nextOf(chunks));
      if (next.done === true) {
        // From here on it is the client that waits, however long the disk takes. The next request sets it again.
        incoming.socket.setTimeout(0);
        return;
      }
      rate.count(next.value.byteLength);
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}

/**
 * A body of exactly so many bytes.
 *
 * @throws CodedError ERR_EXPORT_SIZE_MISMATCH at the first byte too many, or at an early end
 */
export async function* exactly(sizeBytes: number, body: ByteStream): ByteStream {
  let left = sizeBytes;
  for await (const chunk of body) {
    if (chunk.byteLength > left) throw wrongLength(sizeBytes, 'more');
    left -= chunk.byteLength;
    yield chunk;
  }
  if (left > 0) throw wrongLength(sizeBytes, 'fewer');
}

/** A body in memory, charged to the memory budget until it is disposed of. */
export interface BufferedBody extends Disposable {
  readonly bytes: Uint8Array;
}

/**
 * A small body, in memory. Its bytes are charged to the budget as they arrive, not when they are announced.
 *
 * @throws HttpProblem ERR_EXPORT_TOO_LARGE, ERR_EXPORT_NETWORK when it does not arrive in time,
 *   ERR_EXPORT_RATE_LIMITED
 */
export async function readBody(c: ServerRequest, { limits }: ServerContext, maxBytes: number): Promise<BufferedBody> {
  const tooLarge = (): HttpProblem =>
    new HttpProblem('ERR_EXPORT_TOO_LARGE', `expected ${maxBytes} bytes or fewer`, { status: 413 });
  if ((contentLengthOf(c) ?? 0) > maxBytes) throw tooLarge();
  const client = clientOf(c, limits.behindProxy);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const release = (): void => limits.bodies.release(client, size);
  try {
    for await (const chunk of inTime(bodyOf(c), limits.bodyDeadlineMs)) {
      limits.bodies.reserve(client, chunk.byteLength);
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
    return { bytes: Buffer.concat(chunks.splice(0), size), [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

/** The stream, which fails when it has not ended after so long. @throws HttpProblem ERR_EXPORT_NETWORK */
export async function* inTime(chunks: ByteStream, deadlineMs: number): ByteStream {
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  const tooSlow = (): void => {
    const seconds = Math.round(deadlineMs / 1000);
    late.reject(
      new HttpProblem('ERR_EXPORT_NETWORK', `the request body did not arrive within ${seconds} seconds`, {
        status: 408,
      }),
    );
  };
  const timer = setTimeout(tooSlow, deadlineMs);
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = iterator.next();
      next.catch(() => undefined);
      const result = await Promise.race([next, late.promise]);
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    clearTimeout(timer);
    // Not awaited: a stream that waits for bytes returns only when they arrive.
    void iterator.return?.()?.catch(() => undefined);
  }
}

async function nextOf(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_NETWORK', 'the client closed the connection before the end of the body', {
      hint: 'send the rest',
      cause,
    });
  }
}

function wrongLength(sizeBytes: number, what: string): CodedError {
  return new CodedError(
    'ERR_EXPORT_SIZE_MISMATCH',
    `the request body has ${what} bytes than the ${sizeBytes} announced`,
    {
      hint: 'query the upload status and resume from there',
    },
  );
}
