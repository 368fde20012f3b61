import { CodedError, type Descriptor } from '#core';
import type { ByteStream } from '#oci/image';

/** Where a copy failed. */
export type CopySide = 'source' | 'target';

/**
 * Runs one step of a copy, and says in the details of its failure at which side it was and with which content.
 * A step of the source that runs inside one of the target keeps its own side.
 */
export async function withOrigin<T>(side: CopySide, descriptor: Descriptor, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw addOrigin(side, descriptor, error);
  }
}

/** withOrigin for the reading of a stream. */
export async function* streamWithOrigin(side: CopySide, descriptor: Descriptor, stream: ByteStream): ByteStream {
  try {
    yield* stream;
  } catch (error) {
    throw addOrigin(side, descriptor, error);
  }
}

function addOrigin(side: CopySide, { digest, mediaType, size }: Descriptor, error: unknown): unknown {
  if (!(error instanceof CodedError) || error.details['side'] !== undefined) return error;
  const { code, message, hint, details } = error;
  return new CodedError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    details: { ...details, side, digest, mediaType, size },
    cause: error,
  });
}
