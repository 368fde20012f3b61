import { algorithmOf, CodedError, type Descriptor, type Digest, isDigest, pause } from '#core';
import type { ByteRange, ByteStream, FetchOptions, OperationOptions } from '#oci/image';
import { sizeMismatch } from '#oci/image';
import { isTransient, protocolError, refusal } from './faults.ts';
import { parseContentRange } from './headers.ts';
import type { WireResponse } from './http/message.ts';
import type { Remote } from './remote.ts';

const MAX_IDLE_BREAKS = 3;
/** What a connection has to bring before it breaks to be worth making again. */
const MIN_PROGRESS_BYTES = 64 * 1024;
/** From here on it pays to make a connection for one body. */
const BULK_BYTES = 1024 * 1024;

/**
 * The bytes of a blob or of a closed range of it, unchecked but for their number. A connection that breaks is made
 * again, and goes on where it broke.
 */
export async function* readBlob(
  remote: Remote,
  descriptor: Descriptor,
  range: ByteRange | undefined,
  options: FetchOptions,
): ByteStream {
  const { start, end } = range ?? { start: 0, end: descriptor.size - 1 };
  const whole = range === undefined;
  let position = start;
  let idle = 0;
  for (;;) {
    const from = position;
    try {
      for await (const chunk of await openBlob(remote, descriptor, { start: position, end }, whole, options)) {
        position += chunk.byteLength;
        if (!whole && position > end + 1) throw sizeMismatch(descriptor, remote.name, 'more bytes in a range');
        yield chunk;
      }
      break;
    } catch (error) {
      // What sends next to nothing between two breaks will not begin to.
      if (position - from >= MIN_PROGRESS_BYTES) idle = 0;
      if (!isTransient(error) || ++idle > MAX_IDLE_BREAKS) throw error;
      await pause(100 * idle, options.signal);
    }
  }
  if (position <= end) throw sizeMismatch(descriptor, remote.name, `${position} bytes`);
}

async function openBlob(
  remote: Remote,
  descriptor: Descriptor,
  rest: ByteRange,
  whole: boolean,
  options: FetchOptions,
): Promise<ByteStream> {
  const partial = !whole || rest.start > 0;
  const response = await remote.client.send({
    method: 'GET',
    url: remote.url(`blobs/${descriptor.digest}`),
    scopes: remote.toRead,
    headers: partial && rest.end >= rest.start ? { range: `bytes=${rest.start}-${rest.end}` } : {},
    signal: options.signal,
    bulk: options.reuseBuffer === true && rest.end - rest.start >= BULK_BYTES,
    into: options.into,
  });
  if (response.status === 404) {
    await response.drop();
    throw contentMissing(remote, descriptor);
  }
  if (response.status === 206 && partial) return checkPart(response, descriptor, rest);
  if (response.status !== 200) throw await refusal(response, 'GET');
  const length = response.header('content-length');
  if (length !== undefined && Number(length) !== descriptor.size) {
    await response.drop();
    throw sizeMismatch(descriptor, remote.name, `${length} bytes`);
  }
  return partial ? cut(response.body, rest) : response.body;
}

function checkPart(response: WireResponse, descriptor: Descriptor, rest: ByteRange): ByteStream {
  const answered = parseContentRange(response.header('content-range'));
  const { start, end } = answered?.range ?? {};
  if (start !== rest.start || end !== rest.end || (answered?.size ?? descriptor.size) !== descriptor.size) {
    // Nothing of another range is worth reading.
    void response.drop();
    const got = response.header('content-range')?.slice(0, 80);
    throw protocolError(
      response.url,
      `asked for bytes ${rest.start}-${rest.end}, answered with ${JSON.stringify(got)}`,
    );
  }
  return response.body;
}

/** A registry without ranges sends the whole again. */
async function* cut(body: ByteStream, { start, end }: ByteRange): ByteStream {
  let position = 0;
  for await (const chunk of body) {
    const from = Math.max(0, start - position);
    const part = chunk.subarray(from, Math.max(from, end + 1 - position));
    position += chunk.byteLength;
    if (part.byteLength > 0) yield part;
    if (position > end) return;
  }
}

/** Whether a registry has a blob, by HEAD. */
export async function hasBlob(remote: Remote, descriptor: Descriptor, options: OperationOptions): Promise<boolean> {
  const response = await remote.client.send({
    method: 'HEAD',
    url: remote.url(`blobs/${descriptor.digest}`),
    scopes: remote.toRead,
    signal: options.signal,
  });
  await response.drop();
  if (response.status === 404) return false;
  if (response.status !== 200) throw await refusal(response, 'HEAD');
  checkLength(response, descriptor, remote.name);
  return true;
}

/** What a registry holds under a digest must be as long as the descriptor says, or one of the two is damaged. */
export function checkLength(response: WireResponse, descriptor: Descriptor, place: string): void {
  const length = response.header('content-length');
  if (length === undefined || !/^\d+$/.test(length) || Number(length) === descriptor.size) return;
  throw sizeMismatch(descriptor, place, `${length} bytes`);
}

/** A registry that took something must call it as we do, if by a digest of the same algorithm; many use only one. */
export function checkStored(response: WireResponse, digest: Digest): void {
  const stored = response.header('docker-content-digest');
  if (stored === undefined || !isDigest(stored) || stored === digest) return;
  if (algorithmOf(stored) !== algorithmOf(digest)) return;
  throw protocolError(response.url, `accepted ${digest}, but reports the digest ${stored}`);
}

/** The error for content that a registry does not have. */
export function contentMissing(remote: Remote, descriptor: Descriptor): CodedError {
  return new CodedError('ERR_EXPORT_NOT_FOUND', `${remote.name}: ${descriptor.digest} not found`, {
    hint: 'the artifact is incomplete there, or was deleted: push it again',
    details: { place: remote.name, digest: descriptor.digest },
  });
}
