import { CodedError, type ErrorCode } from '#core';

const ASK = 'do not use this repository or kit; get it again, and ask its publisher if that changes nothing';

/** The error for metadata that is not what our schema allows; `what` begins with a JSON pointer. */
export function metadataInvalid(name: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_TUF_INVALID', `${name}: ${what}`, { hint: ASK, details: { name }, cause });
}

/** The error for metadata that is well-formed but not what trusted metadata says it has to be. */
export function metadataRefused(code: ErrorCode, name: string, what: string, hint: string = ASK): CodedError {
  return new CodedError(code, `${name}: ${what}`, { hint, details: { name } });
}
