import { CodedError } from '#core';

/** The error for a base database that is no trivy.db. */
export function notMergeable(what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `Trivy database: ${what}`, {
    hint: 'check that the file is a database built for Trivy, or fetch it again',
    cause,
  });
}
