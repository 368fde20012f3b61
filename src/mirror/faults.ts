import { CodedError, type ErrorCode } from '#core';

/** The error for a kit or a snapshot that must not be used, or is not there. */
export function kitFault(code: ErrorCode, name: string, what: string, hint?: string, cause?: unknown): CodedError {
  return new CodedError(code, `${name}: ${what}`, {
    hint: hint ?? 'export the kit again, and carry it once more',
    details: { name },
    ...(cause === undefined ? {} : { cause }),
  });
}
