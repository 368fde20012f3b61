import { CodedError, type Descriptor, isCoded } from '#core';
import { bareDescriptor, fetchBytes } from './content.ts';
import type { OperationOptions, Repository } from './ports.ts';

/**
 * The bytes of content that a manifest names, from the repository itself: a copy inside the descriptor proves nothing
 * about what others will fetch.
 *
 * @param within what names it, for an error
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where it is missing or larger than `maxBytes`, else as Repository.fetch
 */
export async function readNamed(
  repository: Repository,
  descriptor: Descriptor,
  within: string,
  options: OperationOptions & { readonly maxBytes?: number },
): Promise<Uint8Array> {
  try {
    return await fetchBytes(repository, bareDescriptor(descriptor), options);
  } catch (error) {
    throw asIncomplete(error, descriptor, within);
  }
}

/** That content is missing or too large, as a fault of what names it; any other error as it is. */
export function asIncomplete(error: unknown, { digest }: Descriptor, within: string): unknown {
  if (!isCoded(error, 'ERR_EXPORT_NOT_FOUND', 'ERR_EXPORT_TOO_LARGE')) return error;
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${within}: ${error.message}`, {
    hint: 'copy the artifact again with --check-all; if the source lacks it too, export it again',
    details: { ...error.details, within, digest },
    cause: error,
  });
}
