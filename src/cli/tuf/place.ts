import { isCoded } from '#core';
import { parseReference, type Reference } from '#oci/image';

const SCHEME = /^(?:oci|oci-archive|docker-archive):|:\/\//;

/**
 * The reference that names a TUF repository; undefined where the text is the path of a directory. What begins with a
 * host and ends with a tag or digest is a reference: `./` before it makes it a path.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID for a text that begins like a reference and is none
 */
export function parseTufPlace(text: string): Reference | undefined {
  if (SCHEME.test(text)) return parseReference(text);
  try {
    const reference = parseReference(text);
    return reference.tag === undefined && reference.digest === undefined ? undefined : reference;
  } catch (error) {
    if (isCoded(error)) return undefined;
    throw error;
  }
}
