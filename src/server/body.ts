import { CodedError } from '#core';
import type { ByteStream } from '#oci';
import { type RegistryRequest, socketsOf } from './context.ts';
import { Pace } from './pace.ts';
import { RegistryProblem } from './problem.ts';

/** How many bytes the body of a request claims to have; undefined where it does not say. */
export function contentLengthOf(c: RegistryRequest): number | undefined {
  const text = c.req.header('content-length');
  return text === undefined ? undefined : Number(text);
}

/**
 * The body of a request as it comes. It fails when the client goes away or is too slow; it does not take the
 * connection down when it is left half-read, so that the answer can still say why.
 */
export async function* bodyOf(c: RegistryRequest): ByteStream {
  const { incoming } = socketsOf(c);
  if (incoming === undefined) {
    if (c.req.raw.body !== null) yield* c.req.raw.body;
    return;
  }
  const pace = new Pace();
  const chunks: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  try {
    while (true) {
      const next = await pace.wait(() => nextOf(chunks));
      if (next.done === true) {
        // From here on it is the client that waits, however long the disk takes. The next request sets it again.
        incoming.socket.setTimeout(0);
        return;
      }
      pace.moved(next.value.byteLength);
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

/** A small body, in memory. @throws RegistryProblem SIZE_INVALID with status 413 */
export async function readBody(c: RegistryRequest, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): RegistryProblem =>
    new RegistryProblem('SIZE_INVALID', `expected ${maxBytes} bytes or fewer`, { status: 413 });
  if ((contentLengthOf(c) ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyOf(c)) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

async function nextOf(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (cause) {
    throw new CodedError('ERR_EXPORT_NETWORK', 'the client went away before the end of the body', {
      hint: 'send the rest',
      cause,
    });
  }
}

function wrongLength(sizeBytes: number, what: string): CodedError {
  return new CodedError('ERR_EXPORT_SIZE_MISMATCH', `${what} bytes than the ${sizeBytes} that were announced`, {
    hint: 'ask for the state of the upload and go on from there',
  });
}
