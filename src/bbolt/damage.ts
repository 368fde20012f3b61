import { CodedError } from '#core';

/** The error for an invalid bbolt file. */
export function damaged(path: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${path}: invalid bbolt file: ${what}`, {
    hint: 'do not use this file; fetch or build it again',
    details: { path },
    cause,
  });
}
