import { type CodedError, type ErrorCode, isCoded } from '#core';
import { HttpProblem } from '../problem.ts';

/** When a client may come back, in milliseconds, unless the registry says so. */
const RETRY_AFTER_MS = 30_000;

/** What a registry behind this server did, by our code: it refused or failed (502), or it may work later (503). */
const STATUS: Partial<Record<ErrorCode, 502 | 503>> = {
  ERR_EXPORT_RATE_LIMITED: 503,
  ERR_EXPORT_REGISTRY_UNAVAILABLE: 503,
  ERR_EXPORT_NETWORK: 503,
  ERR_EXPORT_UNAUTHORIZED: 502,
  ERR_EXPORT_FORBIDDEN: 502,
  ERR_EXPORT_REGISTRY_REFUSED: 502,
  ERR_EXPORT_REGISTRY_PROTOCOL: 502,
  ERR_EXPORT_DIGEST_MISMATCH: 502,
  ERR_EXPORT_SIZE_MISMATCH: 502,
  ERR_EXPORT_MANIFEST_INVALID: 502,
  ERR_EXPORT_SOURCE_MOVED: 502,
  ERR_EXPORT_NOT_FOUND: 502,
  // All that a glob of the spec meant is gone.
  ERR_EXPORT_SELECTION_EMPTY: 502,
};

/**
 * Runs what reads a mirror: the registry behind it, and the files of this server. Their faults are none of the client.
 *
 * @throws HttpProblem with status 502 or 503 and Retry-After for a fault of the registry, 400 for a base that the client
 *   named; an error without a code for all others, which names files of this server
 */
export async function askingBehind<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isCoded(error) ? problemBehind(error) : error;
  }
}

function problemBehind(error: CodedError): Error {
  const { code, details } = error;
  // What a registry answers, under whichever code, is about this server's request and not about the client's.
  if (details['url'] !== undefined) return ofRegistry(error, code in STATUS ? code : 'ERR_EXPORT_REGISTRY_REFUSED');
  if (code === 'ERR_EXPORT_TUF_STATE') {
    // There is nothing to fetch yet.
    const detail = { hint: 'ask the operator to take a snapshot: export-center mirror snapshot' };
    return new HttpProblem('ERR_EXPORT_NOT_FOUND', 'the mirror has no snapshot', { status: 404, detail, cause: error });
  }
  if (isOfRequest(error)) {
    const detail = error.hint === undefined ? {} : { hint: error.hint };
    return new HttpProblem(code, error.message, { status: 400, detail, cause: error });
  }
  const isOfFile = details['path'] !== undefined;
  return code in STATUS && !isOfFile ? ofRegistry(error, code) : new Error(error.message, { cause: error });
}

/** Whether a base that the client named is none: an unknown snapshot, a receipt that must not be used. */
function isOfRequest({ code, details }: CodedError): boolean {
  const isBase = details['base'] !== undefined && code === 'ERR_EXPORT_NOT_FOUND';
  return isBase || String(details['name']).startsWith('bases/');
}

function ofRegistry(error: CodedError, code: ErrorCode): HttpProblem {
  const status = STATUS[code] ?? 502;
  const waitMs = Math.max(1000, Number(error.details['retryAfterMs'] ?? RETRY_AFTER_MS));
  return new HttpProblem(code, `the registry behind this server: ${error.message}`, {
    status,
    headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
    detail: { hint: status === 503 ? 'try again later' : 'ask the operator of this server' },
    cause: error,
  });
}
