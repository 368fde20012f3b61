import { CodedError } from '#core';
import { isRepositoryName, isTag } from '#oci/image';

/**
 * The repository name that `text` spells. No component of one begins with `_` or `.`, so that it can be a folder.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID
 */
export function parseRepositoryName(text: string): string {
  if (isRepositoryName(text)) return text;
  throw new CodedError(
    'ERR_EXPORT_REFERENCE_INVALID',
    `not a valid repository name: ${JSON.stringify(text.slice(0, 300))}`,
    {
      hint: 'write lower-case letters and digits, joined by . _ __ - or /, such as security/feed',
    },
  );
}

/** The tag that `text` spells. @throws CodedError ERR_EXPORT_REFERENCE_INVALID */
export function parseTag(text: string): string {
  if (isTag(text)) return text;
  throw new CodedError('ERR_EXPORT_REFERENCE_INVALID', `not a tag: ${JSON.stringify(text.slice(0, 200))}`, {
    hint: 'write up to 128 letters, digits and . _ -, beginning with neither . nor -',
  });
}
