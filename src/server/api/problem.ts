import { CodedError, type ErrorCode } from '#core';
import { HttpProblem } from '../problem.ts';

/** The HTTP status of our error codes. All others are internal errors (500). */
const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_EXPORT_NOT_FOUND: 404,
  ERR_EXPORT_UNAUTHORIZED: 401,
  ERR_EXPORT_FORBIDDEN: 403,
  ERR_EXPORT_RATE_LIMITED: 429,
  ERR_EXPORT_TOO_LARGE: 413,
  ERR_EXPORT_USAGE: 400,
};

/**
 * Converts an error to the problem that a client of the API gets. The message of an internal error is left out: it may
 * name files.
 */
export function apiProblemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const status = error instanceof CodedError ? STATUS[error.code] : undefined;
  if (!(error instanceof CodedError) || status === undefined) {
    return new HttpProblem('ERR_EXPORT_INTERNAL', 'internal server error', { status: 500, cause: error });
  }
  const detail = error.hint === undefined ? {} : { hint: error.hint };
  return new HttpProblem(error.code, error.message, { status, detail, cause: error });
}

/** The response: a problem document (RFC 9457) with the code as an extension member. */
export function encodeApiProblem({ code, message, status, detail, headers }: HttpProblem): Response {
  const body = JSON.stringify({ ...detail, title: message, status, code });
  return new Response(body, { status, headers: { ...headers, 'Content-Type': 'application/problem+json' } });
}
