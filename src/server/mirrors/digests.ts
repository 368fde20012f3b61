import { type DigestSet, readDigestList } from '#mirror';
import type { ByteStream } from '#oci/image';
import { clientOf } from '../access.ts';
import { bodyOf, inTime } from '../body.ts';
import type { ServerContext, ServerRequest } from '../context.ts';

/** How long a list may take: a million digests at 240 KiB/s. */
const DEADLINE_MS = 300_000;

/** A set of digests in memory, charged to the memory budget until it is disposed of. */
export interface HeldDigests extends Disposable {
  readonly set: DigestSet;
}

/**
 * The digest list in the body of a request, which is never held as text.
 *
 * @throws CodedError ERR_EXPORT_DIGEST_INVALID with the number of the line, ERR_EXPORT_TOO_LARGE; HttpProblem
 *   ERR_EXPORT_NETWORK when it does not arrive in time, ERR_EXPORT_RATE_LIMITED
 */
export async function readDigests(c: ServerRequest, { limits }: ServerContext): Promise<HeldDigests> {
  const client = clientOf(c, limits.behindProxy);
  let held = 0;
  const release = (): void => limits.digests.release(client, held);
  async function* charged(chunks: ByteStream): ByteStream {
    for await (const chunk of chunks) {
      limits.digests.reserve(client, chunk.byteLength);
      held += chunk.byteLength;
      yield chunk;
    }
  }
  try {
    const set = await readDigestList(charged(inTime(bodyOf(c), DEADLINE_MS)), 'the request');
    return { set, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}
