import { CodedError, type Descriptor, type Digest, type ErrorCode, isCoded } from '#core';

/** Content or a tag that the source lists and the target lacks after a copy. */
export interface CopyFailure {
  /** Undefined where a tag leads to nothing. */
  readonly descriptor?: Descriptor | undefined;
  readonly tag?: string | undefined;
  /** The manifest that names it. */
  readonly namedBy?: Digest | undefined;
  readonly code: ErrorCode;
  /** In the words of whoever did not have it or did not want it. */
  readonly message: string;
  /** Whether the same copy may do better when it is run again. */
  readonly mayPass: boolean;
}

/**
 * Why something is not at the target: it is not at the source as it is listed there, it is of a kind that cannot be
 * copied whole, or the target did not take it.
 */
export type CopyFailureKind = 'missing' | 'unsupported' | 'refused';

/** What is wrong with one content of the source, and with no other. */
const AT_SOURCE: readonly ErrorCode[] = [
  'ERR_EXPORT_NOT_FOUND',
  'ERR_EXPORT_DIGEST_MISMATCH',
  'ERR_EXPORT_SIZE_MISMATCH',
  'ERR_EXPORT_MANIFEST_INVALID',
  'ERR_EXPORT_TOO_LARGE',
  'ERR_EXPORT_REGISTRY_REFUSED',
];
/** What a target has against one content. That it is gone, full or wants a login ends the whole copy. */
const AT_TARGET: readonly ErrorCode[] = [
  'ERR_EXPORT_REGISTRY_REFUSED',
  'ERR_EXPORT_UNSUPPORTED',
  'ERR_EXPORT_SIZE_MISMATCH',
];

/** What a failure says about one content; undefined where it concerns the whole copy. */
export function kindOfFailure(error: unknown): CopyFailureKind | undefined {
  if (!(error instanceof CodedError)) return undefined;
  const { code, details } = error;
  const { side } = details;
  if (side === 'source' && code === 'ERR_EXPORT_UNSUPPORTED') return 'unsupported';
  if (side === 'source') return AT_SOURCE.includes(code) || isInternalFault(error) ? 'missing' : undefined;
  if (side === 'target') return AT_TARGET.includes(code) || isInternalFault(error) ? 'refused' : undefined;
  return undefined;
}

/** The entry of the report for an error of kindOfFailure. */
export function copyFailureOf(error: unknown, about: Pick<CopyFailure, 'descriptor' | 'tag' | 'namedBy'>): CopyFailure {
  if (!(error instanceof CodedError)) throw error;
  return { ...about, code: error.code, message: wordsOf(error), mayPass: isInternalFault(error) };
}

/** Its message, with the place in a text of JSON that is the cause: the report does not show causes. */
function wordsOf(error: CodedError): string {
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (isCoded(cause, 'ERR_EXPORT_JSON_INVALID')) return `${error.message}: ${cause.message}`;
  }
  return error.message;
}

/** A server that stumbles over one content answers 500; 502 to 504 say that it is not there at all. */
function isInternalFault({ code, details }: CodedError): boolean {
  return code === 'ERR_EXPORT_REGISTRY_UNAVAILABLE' && details['status'] === 500;
}
