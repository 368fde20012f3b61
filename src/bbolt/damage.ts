import { CodedError } from '#core';

/** The error for a file that is no sound bbolt file. */
export function damaged(path: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${path}: not a sound bbolt file: ${what}`, {
    hint: 'fetch or build the file again; do not use this one',
    details: { path },
  });
}
