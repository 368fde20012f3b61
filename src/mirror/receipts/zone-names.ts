import { CodedError } from '#core';

/** It becomes the name of a folder, and is spelled as the name of a stream is. */
const ZONE = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** Whether a text can name a zone. */
export function isZoneName(text: string): boolean {
  return ZONE.test(text);
}

/**
 * The name of a zone.
 *
 * @throws CodedError ERR_EXPORT_USAGE for any other text
 */
export function parseZoneName(text: string): string {
  if (isZoneName(text)) return text;
  throw new CodedError('ERR_EXPORT_USAGE', `${JSON.stringify(text.slice(0, 100))}: not a valid name of a zone`, {
    hint: 'use lower-case letters, digits and dashes, at most 64',
  });
}
