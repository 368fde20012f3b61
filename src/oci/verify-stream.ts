import { algorithmOf, CodedError, type Descriptor, Digester } from '#core';
import type { ByteStream } from './ports.ts';

/**
 * The bytes of `stream`, checked as they flow: never more than `descriptor.size` bytes, exactly that many at the end,
 * and then the digest. The last piece is held back until all is known to be right, so whoever received
 * `descriptor.size` bytes received the content; what came before the end counts for nothing without it.
 *
 * @param place where the bytes come from, for messages
 * @throws CodedError ERR_EXPORT_SIZE_MISMATCH, ERR_EXPORT_DIGEST_MISMATCH
 */
export async function* verifyStream(descriptor: Descriptor, stream: ByteStream, place: string): ByteStream {
  const digester = new Digester(algorithmOf(descriptor.digest));
  let held: Uint8Array | undefined;
  for await (const chunk of stream) {
    if (digester.size + chunk.byteLength > descriptor.size) {
      throw sizeMismatch(descriptor, place, `more than the ${descriptor.size} bytes`);
    }
    digester.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (digester.size !== descriptor.size) {
    throw sizeMismatch(descriptor, place, `${digester.size} bytes instead of the ${descriptor.size}`);
  }
  const actual = digester.digest();
  if (actual !== descriptor.digest) throw digestMismatch(descriptor, place, actual);
  if (held !== undefined) yield held;
}

/** verifyStream for content that is in memory. */
export function verifyBytes(descriptor: Descriptor, bytes: Uint8Array, place: string): void {
  if (bytes.byteLength !== descriptor.size) {
    throw sizeMismatch(descriptor, place, `${bytes.byteLength} bytes instead of the ${descriptor.size}`);
  }
  const actual = new Digester(algorithmOf(descriptor.digest)).update(bytes).digest();
  if (actual !== descriptor.digest) throw digestMismatch(descriptor, place, actual);
}

/** The error for content whose length is not the promised one. */
export function sizeMismatch(descriptor: Descriptor, place: string, found: string): CodedError {
  const what = `${place}: ${descriptor.digest} has ${found} that its descriptor names`;
  return new CodedError('ERR_EXPORT_SIZE_MISMATCH', what, {
    hint: 'the content is damaged or was cut there; take it from another place, or push it again',
    details: { place, digest: descriptor.digest, size: descriptor.size },
  });
}

function digestMismatch(descriptor: Descriptor, place: string, actual: string): CodedError {
  const what = `${place}: the content of ${descriptor.digest} has digest ${actual}`;
  return new CodedError('ERR_EXPORT_DIGEST_MISMATCH', what, {
    hint: 'the content is damaged or was tampered with there; take it from another place, or push it again',
    details: { place, digest: descriptor.digest, actual },
  });
}
