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

/** How much a copy follows before it takes what it was given for a trap. */
export class CopyLimits {
  readonly maxDepth = 16;
  readonly maxContents = 1_000_000;
  readonly maxReferrers = 10_000;
  #contents = 0;

  /** @throws CodedError ERR_EXPORT_TOO_LARGE */
  count(descriptor: Descriptor, depth: number): void {
    if (depth > this.maxDepth) throw limitReached(descriptor, this.maxDepth, 'levels of nesting');
    if (++this.#contents > this.maxContents) throw limitReached(descriptor, this.maxContents, 'contents in this copy');
  }
}

/** The error for an artifact that exceeds a limit of a copy. */
export function limitReached({ digest }: Descriptor, limit: number, what: string): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${digest}: more than ${limit.toLocaleString('en')} ${what}`, {
    hint: 'check that this is the artifact you meant; copy its parts one by one',
    details: { digest },
  });
}
