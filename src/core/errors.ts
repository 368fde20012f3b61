import { maskSecrets } from './secrets.ts';

/**
 * Exit status of the command line for each kind of failure (docs/FORMATS.md, "Errors").
 * Every code carries its own status, so that a caller in a pipeline can branch without reading text.
 */
const EXIT = { failure: 1, input: 2, verification: 3, auth: 4, resumable: 5, retry: 75, interrupted: 130 } as const;

/** The closed table of codes. A new code is one line here and one row in docs/FORMATS.md. */
const CODES = {
  // The request or a file of the user's is not usable as it stands.
  ERR_EXPORT_USAGE: EXIT.input,
  ERR_EXPORT_REFERENCE_INVALID: EXIT.input,
  ERR_EXPORT_DIGEST_INVALID: EXIT.input,
  ERR_EXPORT_JSON_INVALID: EXIT.input,
  ERR_EXPORT_SCHEMA: EXIT.input,
  ERR_EXPORT_ARCHIVE_INVALID: EXIT.input,
  ERR_EXPORT_ARCHIVE_UNSAFE: EXIT.input,
  ERR_EXPORT_ARCHIVE_LIMIT: EXIT.input,
  ERR_EXPORT_SOURCE_UNREADABLE: EXIT.input,
  ERR_EXPORT_SOURCE_EMPTY: EXIT.input,
  ERR_EXPORT_RECORD_INVALID: EXIT.input,
  ERR_EXPORT_RECORD_TOO_LARGE: EXIT.input,
  ERR_EXPORT_RECORD_CONFLICT: EXIT.input,
  ERR_EXPORT_RANGE_INVALID: EXIT.input,
  ERR_EXPORT_SELECTOR_INVALID: EXIT.input,
  ERR_EXPORT_SELECTION_EMPTY: EXIT.input,
  ERR_EXPORT_PROFILE_UNKNOWN: EXIT.input,
  ERR_EXPORT_KEY_INVALID: EXIT.input,
  ERR_EXPORT_KEY_EXISTS: EXIT.input,
  ERR_EXPORT_PASSWORD_MISSING: EXIT.input,
  ERR_EXPORT_PASSWORD_WRONG: EXIT.input,
  ERR_EXPORT_TUF_STATE: EXIT.input,
  ERR_EXPORT_TUF_FULL: EXIT.input,
  ERR_EXPORT_MIRROR_SPEC: EXIT.input,
  ERR_EXPORT_BASELINE_MISSING: EXIT.input,
  ERR_EXPORT_ZONE_UNKNOWN: EXIT.input,
  ERR_EXPORT_ZONE_EXISTS: EXIT.input,
  ERR_EXPORT_BASE_MISSING: EXIT.input,
  // The machine or the other side cannot do it.
  ERR_EXPORT_NOT_FOUND: EXIT.failure,
  ERR_EXPORT_DISK_FULL: EXIT.failure,
  ERR_EXPORT_NOT_WRITABLE: EXIT.failure,
  ERR_EXPORT_IO: EXIT.failure,
  ERR_EXPORT_TOO_LARGE: EXIT.failure,
  ERR_EXPORT_CODEC_CHANGED: EXIT.failure,
  ERR_EXPORT_LAYOUT_INVALID: EXIT.failure,
  ERR_EXPORT_STORE_INVALID: EXIT.failure,
  ERR_EXPORT_LOCKED: EXIT.retry,
  ERR_EXPORT_LISTEN: EXIT.failure,
  ERR_EXPORT_REGISTRY_REFUSED: EXIT.failure,
  ERR_EXPORT_REGISTRY_PROTOCOL: EXIT.failure,
  ERR_EXPORT_UNSUPPORTED: EXIT.failure,
  ERR_EXPORT_TAG_CONFLICT: EXIT.failure,
  ERR_EXPORT_TUF_EXPIRING: EXIT.failure,
  ERR_EXPORT_INTERNAL: EXIT.failure,
  // Bytes are not what was promised.
  ERR_EXPORT_DIGEST_MISMATCH: EXIT.verification,
  ERR_EXPORT_SIZE_MISMATCH: EXIT.verification,
  ERR_EXPORT_MANIFEST_INVALID: EXIT.verification,
  ERR_EXPORT_SIGNATURE_MISSING: EXIT.verification,
  ERR_EXPORT_SIGNATURE_INVALID: EXIT.verification,
  ERR_EXPORT_PROVENANCE_MISSING: EXIT.verification,
  ERR_EXPORT_PROVENANCE_MISMATCH: EXIT.verification,
  ERR_EXPORT_CONTENT_MISMATCH: EXIT.verification,
  ERR_EXPORT_EXPECTATION_MISMATCH: EXIT.verification,
  ERR_EXPORT_TUF_INVALID: EXIT.verification,
  ERR_EXPORT_TUF_MISMATCH: EXIT.verification,
  ERR_EXPORT_TUF_ROLLBACK: EXIT.verification,
  ERR_EXPORT_TUF_EXPIRED: EXIT.verification,
  ERR_EXPORT_TUF_CLOCK: EXIT.verification,
  ERR_EXPORT_TAG_MOVED: EXIT.verification,
  ERR_EXPORT_KIT_INVALID: EXIT.verification,
  ERR_EXPORT_KIT_INCOMPLETE: EXIT.verification,
  ERR_EXPORT_PART_INVALID: EXIT.verification,
  ERR_EXPORT_STREAM_MISMATCH: EXIT.verification,
  ERR_EXPORT_RECEIPT_INVALID: EXIT.verification,
  ERR_EXPORT_RECEIPT_REPLAYED: EXIT.verification,
  // Who may.
  ERR_EXPORT_UNAUTHORIZED: EXIT.auth,
  ERR_EXPORT_FORBIDDEN: EXIT.auth,
  // Later it may go.
  ERR_EXPORT_REGISTRY_UNAVAILABLE: EXIT.retry,
  ERR_EXPORT_RATE_LIMITED: EXIT.retry,
  ERR_EXPORT_NETWORK: EXIT.retry,
  ERR_EXPORT_INCOMPLETE: EXIT.resumable,
  ERR_EXPORT_PART_MISSING: EXIT.resumable,
  ERR_EXPORT_SOURCE_MOVED: EXIT.resumable,
  ERR_EXPORT_INTERRUPTED: EXIT.interrupted,
} as const;

/** One stable code per kind of failure. Branch on it, never on a message. */
export type ErrorCode = keyof typeof CODES;

/** What a code and a message cannot say: the next step, the things involved, the cause. */
export interface ErrorFacts {
  /** The next step, as an imperative a hurried reader can follow. */
  readonly hint?: string;
  /** Names of the things involved (file, record, digest, pointer); never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** A failure with a stable code, a message that names the thing, and the next step; known secrets in it are masked. */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(maskSecrets(message), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'CodedError';
    this.code = code;
    this.hint = facts.hint === undefined ? undefined : maskSecrets(facts.hint);
    this.details = masked(facts.details ?? {}) as Readonly<Record<string, unknown>>;
  }
}

/** The same value with secrets masked in all its texts. */
function masked(value: unknown): unknown {
  if (typeof value === 'string') return maskSecrets(value);
  if (Array.isArray(value)) return value.map(masked);
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, masked(member)]));
}

/** Whether `error` is a CodedError, of any of `codes` when some are given. */
export function isCoded(error: unknown, ...codes: ErrorCode[]): error is CodedError {
  return error instanceof CodedError && (codes.length === 0 || codes.includes(error.code));
}

/** The exit status that belongs to a code. */
export function exitStatusOf(code: ErrorCode): number {
  return CODES[code];
}

/** All codes, for documentation and its test. */
export const errorCodes: readonly ErrorCode[] = Object.keys(CODES) as ErrorCode[];
