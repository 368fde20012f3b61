import { CodedError } from '#core';

/** The error for a database that is not a trivy.db, or does not fit to another. */
export function notMergeable(what: string, cause?: unknown, name = 'Trivy database'): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${name}: ${what}`, {
    hint: 'check that the file is a database built for Trivy, or fetch it again',
    cause,
  });
}
