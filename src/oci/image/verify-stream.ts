import { algorithmOf, CodedError, type Descriptor, type Digest, Digester } from '#core';
import type { ByteStream } from './ports.ts';

/** Who hashes the bytes of a checked stream in its place, on another thread say. */
export interface OutsideHash {
  /** The digest of all bytes of the stream; called once, when all of them have been handed over. */
  digest(): Promise<Digest>;
  /** Whether the bytes are hashed before the stream hands them over, so that none is handed over unchecked at the end. */
  readonly ahead: boolean;
}

/** How a stream is checked. */
interface Check {
  readonly digest: Digest;
  outside: OutsideHash | undefined;
}

/** Streams that are checked as they flow, so that nobody on their way hashes them again. */
const checked = new WeakMap<ByteStream, Check>();

/**
 * The bytes of `stream`, checked as they flow: never more than `descriptor.size` bytes, exactly that many at the end,
 * and then the digest. The last piece is held back until all is known to be right, so whoever received
 * `descriptor.size` bytes received the content; what came before the end counts for nothing without it.
 *
 * @param place where the bytes come from, for messages
 * @throws CodedError ERR_EXPORT_SIZE_MISMATCH, ERR_EXPORT_DIGEST_MISMATCH
 */
export function verifyStream(descriptor: Descriptor, stream: ByteStream, place: string): ByteStream {
  if (checked.get(stream)?.digest === descriptor.digest) return stream;
  const how: Check = { digest: descriptor.digest, outside: undefined };
  const outer = checkAs(how, descriptor, stream, place);
  checked.set(outer, how);
  return outer;
}

/** `outer`, known to be checked as `inner` is, whose bytes it gives on as they are. */
export function keepVerified(inner: ByteStream, outer: ByteStream): ByteStream {
  const how = checked.get(inner);
  if (how !== undefined) checked.set(outer, how);
  return outer;
}

/** Whether somebody else hashes the bytes of a checked stream already. */
export function isHashedOutside(stream: ByteStream): boolean {
  return checked.get(stream)?.outside !== undefined;
}

/**
 * Lets somebody else hash the bytes of a stream of verifyStream, which then only counts them and compares the digest.
 * Of a hash that is not `ahead` the last piece comes before the check, so the reader must wait for the end of the
 * stream before it uses anything.
 *
 * @returns false where somebody hashes them already, or the stream is not checked
 */
export function hashOutside(stream: ByteStream, outside: OutsideHash): boolean {
  const how = checked.get(stream);
  if (how === undefined || how.outside !== undefined) return false;
  how.outside = outside;
  return true;
}

/** verifyStream for the rest of a content whose beginning is there: `digester` has read that, and goes on. */
export function verifyRest(descriptor: Descriptor, digester: Digester, rest: ByteStream, place: string): ByteStream {
  return check(descriptor, digester, rest, place);
}

async function* check(descriptor: Descriptor, digester: Digester, stream: ByteStream, place: string): ByteStream {
  let last: Uint8Array | undefined;
  for await (const chunk of stream) {
    if (digester.size + chunk.byteLength > descriptor.size) throw sizeMismatch(descriptor, place, 'more bytes');
    if (chunk.byteLength === 0) continue;
    digester.update(chunk);
    if (digester.size === descriptor.size) last = chunk;
    else yield chunk;
  }
  if (digester.size !== descriptor.size) throw sizeMismatch(descriptor, place, `${digester.size} bytes`);
  const actual = digester.digest();
  if (actual !== descriptor.digest) throw digestMismatch(descriptor, place, actual);
  if (last !== undefined) yield last;
}

/** Chooses when the first piece is asked for: until then the hashing may be given away. */
async function* checkAs(how: Check, descriptor: Descriptor, stream: ByteStream, place: string): ByteStream {
  const { outside } = how;
  if (outside === undefined) yield* check(descriptor, new Digester(algorithmOf(descriptor.digest)), stream, place);
  else yield* checkOutside(descriptor, outside, stream, place);
}

async function* checkOutside(
  descriptor: Descriptor,
  outside: OutsideHash,
  stream: ByteStream,
  place: string,
): ByteStream {
  let size = 0;
  let last: Uint8Array | undefined;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > descriptor.size) throw sizeMismatch(descriptor, place, 'more bytes');
    if (outside.ahead && size === descriptor.size && chunk.byteLength > 0) last = chunk;
    else yield chunk;
  }
  if (size !== descriptor.size) throw sizeMismatch(descriptor, place, `${size} bytes`);
  const actual = await outside.digest();
  if (actual !== descriptor.digest) throw digestMismatch(descriptor, place, actual);
  if (last !== undefined) yield last;
}

/** verifyStream for content that is in memory. */
export function verifyBytes(descriptor: Descriptor, bytes: Uint8Array, place: string): void {
  if (bytes.byteLength !== descriptor.size) {
    throw sizeMismatch(descriptor, place, `${bytes.byteLength} bytes`);
  }
  const actual = new Digester(algorithmOf(descriptor.digest)).update(bytes).digest();
  if (actual !== descriptor.digest) throw digestMismatch(descriptor, place, actual);
}

/** The error for content whose length is not the promised one. */
export function sizeMismatch(descriptor: Descriptor, place: string, found: string): CodedError {
  const what = `${place}: ${descriptor.digest} has ${found}, its descriptor names ${descriptor.size}`;
  return new CodedError('ERR_EXPORT_SIZE_MISMATCH', what, {
    hint: 'the content is damaged or truncated there; get it from another source, or push it again',
    details: { place, digest: descriptor.digest, size: descriptor.size },
  });
}

function digestMismatch(descriptor: Descriptor, place: string, actual: string): CodedError {
  const what = `${place}: the content of ${descriptor.digest} has digest ${actual}`;
  return new CodedError('ERR_EXPORT_DIGEST_MISMATCH', what, {
    hint: 'the content is damaged or was tampered with there; get it from another source, or push it again',
    details: { place, digest: descriptor.digest, actual },
  });
}
