import { CodedError } from '#core';

/** The error for an artifact whose files are not those that were built. */
export function contentMismatch(place: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${place}: ${what}`, {
    hint: 'do not use this artifact: its content differs from what was built',
    details: { place },
    cause,
  });
}
