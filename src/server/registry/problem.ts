import { CodedError, type ErrorCode } from '#core';
import { HttpProblem } from '../problem.ts';

/** The error codes of the distribution-spec v1.1.1 (spec.md#error-codes), with the status that we answer. */
const PROBLEMS = {
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to the registry' },
  BLOB_UPLOAD_INVALID: { status: 400, message: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to the registry' },
  DENIED: { status: 403, message: 'access to the resource is denied' },
  DIGEST_INVALID: { status: 400, message: 'the digest is invalid or does not match the content' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, message: 'the manifest names content that the repository does not have' },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown to the registry' },
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to the registry' },
  SIZE_INVALID: { status: 400, message: 'the length does not match the content' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  UNAUTHORIZED: { status: 401, message: 'authentication required' },
  UNKNOWN: { status: 500, message: 'internal error in the registry' },
  UNSUPPORTED: { status: 405, message: 'the operation is not supported' },
} as const;

/** A code of the distribution-spec. */
export type ProblemCode = keyof typeof PROBLEMS;

/** Status, details and headers of a problem. */
export interface RegistryProblemOptions {
  /** Instead of the status of the code. */
  readonly status?: number;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A failed request, with an error code of the distribution-spec. */
export class RegistryProblem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, message?: string, facts: RegistryProblemOptions = {}) {
    super(message ?? PROBLEMS[code].message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'RegistryProblem';
    this.code = code;
    this.status = facts.status ?? PROBLEMS[code].status;
    this.detail = facts.detail ?? {};
    this.headers = facts.headers ?? {};
  }

  /** The response: JSON as in spec.md#error-codes. */
  toResponse(): Response {
    const body = { errors: [{ code: this.code, message: this.message, detail: this.detail }] };
    return Response.json(body, { status: this.status, headers: this.headers });
  }
}

/** The problem for an operation that this registry does not support. */
export function unsupported(message: string): RegistryProblem {
  return new RegistryProblem('UNSUPPORTED', message, { headers: { Allow: 'GET, HEAD' } });
}

/** The distribution-spec's codes for ours. All others are internal errors. */
const REGISTRY_CODES: Partial<Record<ErrorCode, { code: ProblemCode; status?: number }>> = {
  ERR_EXPORT_UNAUTHORIZED: { code: 'UNAUTHORIZED' },
  ERR_EXPORT_FORBIDDEN: { code: 'DENIED' },
  ERR_EXPORT_REFERENCE_INVALID: { code: 'NAME_INVALID' },
  ERR_EXPORT_DIGEST_INVALID: { code: 'DIGEST_INVALID' },
  ERR_EXPORT_DIGEST_MISMATCH: { code: 'DIGEST_INVALID' },
  ERR_EXPORT_SIZE_MISMATCH: { code: 'SIZE_INVALID' },
  ERR_EXPORT_MANIFEST_INVALID: { code: 'MANIFEST_INVALID' },
  ERR_EXPORT_TOO_LARGE: { code: 'SIZE_INVALID', status: 413 },
  ERR_EXPORT_INTERRUPTED: { code: 'BLOB_UPLOAD_INVALID', status: 409 },
  ERR_EXPORT_LOCKED: { code: 'BLOB_UPLOAD_INVALID', status: 409 },
  ERR_EXPORT_NETWORK: { code: 'BLOB_UPLOAD_INVALID', status: 408 },
  ERR_EXPORT_RATE_LIMITED: { code: 'TOOMANYREQUESTS' },
};

/**
 * Converts an error to the problem that a client of the registry gets. The message of an internal error is left out:
 * it may name files.
 */
export function problemOf(error: unknown): RegistryProblem {
  if (error instanceof RegistryProblem) return error;
  if (error instanceof HttpProblem) {
    const { message, status, detail, headers, cause } = error;
    return new RegistryProblem(REGISTRY_CODES[error.code]?.code ?? 'UNKNOWN', message, {
      status,
      detail,
      headers,
      cause,
    });
  }
  if (!(error instanceof CodedError)) return new RegistryProblem('UNKNOWN', undefined, { cause: error });
  const { missing, digest } = error.details;
  if (error.code === 'ERR_EXPORT_NOT_FOUND' && missing !== undefined) {
    return new RegistryProblem('MANIFEST_BLOB_UNKNOWN', error.message, { detail: { digest: missing }, cause: error });
  }
  if (error.code === 'ERR_EXPORT_STORE_INVALID' && typeof digest === 'string') {
    // Retrying cannot help, so the client is told.
    return new RegistryProblem('DIGEST_INVALID', `${digest}: damaged in the registry`, { status: 500, cause: error });
  }
  if (error.code === 'ERR_EXPORT_DISK_FULL') {
    return new RegistryProblem('DENIED', 'no space left in the registry', { status: 507, cause: error });
  }
  if (error.code === 'ERR_EXPORT_NOT_WRITABLE') {
    const message = 'the registry cannot write to its storage at present';
    return new RegistryProblem('DENIED', message, { status: 503, cause: error });
  }
  const known = REGISTRY_CODES[error.code];
  if (known === undefined) return new RegistryProblem('UNKNOWN', undefined, { cause: error });
  const detail = { reason: error.code, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return new RegistryProblem(known.code, error.message, { ...known, detail, cause: error });
}
