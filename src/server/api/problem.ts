import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { HTTPException } from 'hono/http-exception';
import { CodedError, type ErrorCode } from '#core';
import { PROBLEM_TYPE } from '../openapi.ts';
import { HttpProblem } from '../problem.ts';
import type { ApiProblem, Fault } from './api-problem.generated.ts';

/** The HTTP status of our error codes. All others are internal errors (500). */
const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_EXPORT_NOT_FOUND: 404,
  ERR_EXPORT_UNAUTHORIZED: 401,
  ERR_EXPORT_FORBIDDEN: 403,
  ERR_EXPORT_RATE_LIMITED: 429,
  ERR_EXPORT_TOO_LARGE: 413,
  ERR_EXPORT_USAGE: 400,
  ERR_EXPORT_JSON_INVALID: 400,
  ERR_EXPORT_SCHEMA: 400,
  ERR_EXPORT_DIGEST_INVALID: 400,
  ERR_EXPORT_REFERENCE_INVALID: 400,
};

/** What the framework refuses by itself. */
const FRAMEWORK_CODES: Readonly<Record<number, ErrorCode>> = {
  404: 'ERR_EXPORT_NOT_FOUND',
  413: 'ERR_EXPORT_TOO_LARGE',
};

/** As many faults of a body as a problem lists. */
const MAX_FAULTS = 100;

/**
 * Converts an error to the problem that a client of the API gets. The message of an internal error is left out: it may
 * name files.
 */
export function apiProblemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof HTTPException && error.status < 500) {
    const code = FRAMEWORK_CODES[error.status] ?? 'ERR_EXPORT_USAGE';
    return new HttpProblem(code, error.message || 'the request is not valid', { status: error.status, cause: error });
  }
  const status = error instanceof CodedError ? STATUS[error.code] : undefined;
  if (!(error instanceof CodedError) || status === undefined) {
    return new HttpProblem('ERR_EXPORT_INTERNAL', 'internal server error', { status: 500, cause: error });
  }
  const detail = { ...(error.hint === undefined ? {} : { hint: error.hint }), ...faultsOf(error) };
  return new HttpProblem(error.code, error.message, { status, detail, cause: error });
}

/** What a schema found, with the places in the body. */
function faultsOf({ details }: CodedError): { readonly errors?: readonly Fault[] } {
  const faults = details['faults'] as readonly { readonly pointer: string; readonly problem: string }[] | undefined;
  if (faults === undefined) return {};
  return {
    errors: faults.slice(0, MAX_FAULTS).map(({ pointer, problem }) => ({ in: 'body', pointer, detail: problem })),
  };
}

/** The response: a problem document (RFC 9457, manifests-schema/api-problem.schema.json). */
export function encodeApiProblem(problem: HttpProblem, requestId: string = randomUUID()): Response {
  const { code, message, status, detail, headers } = problem;
  const { hint, errors } = detail as { readonly hint?: string; readonly errors?: readonly Fault[] };
  const document: ApiProblem = {
    type: `https://stellaops.io/export-center/errors/${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    ...(hint === undefined ? {} : { hint }),
    requestId,
    ...(errors === undefined ? {} : { errors }),
  };
  return new Response(JSON.stringify(document), { status, headers: { ...headers, 'Content-Type': PROBLEM_TYPE } });
}
