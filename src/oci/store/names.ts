import { CodedError } from '#core';
import { isRepositoryName, isTag } from '#oci/image';

/**
 * Validates a repository name. No component begins with `_` or `.`, so that it can be the name of a directory.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID
 */
export function parseRepositoryName(text: string): string {
  if (isRepositoryName(text)) return text;
  throw new CodedError(
    'ERR_EXPORT_REFERENCE_INVALID',
    `${JSON.stringify(text.slice(0, 300))} is not a valid repository name`,
    {
      hint: 'use lower-case letters and digits, joined by . _ __ - or /, such as security/feed',
    },
  );
}

/** Validates a tag. @throws CodedError ERR_EXPORT_REFERENCE_INVALID */
export function parseTag(text: string): string {
  if (isTag(text)) return text;
  throw new CodedError('ERR_EXPORT_REFERENCE_INVALID', `${JSON.stringify(text.slice(0, 200))} is not a valid tag`, {
    hint: 'use up to 128 letters, digits, . _ and -, not starting with . or -',
  });
}
