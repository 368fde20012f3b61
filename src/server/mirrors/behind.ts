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
 * Runs what asks the registry behind a mirror. Its faults are none of the client, and not the server's own: its own
 * login, for example, may be refused.
 *
 * @throws HttpProblem with status 502 or 503 and Retry-After; other errors as they are
 */
export async function askingBehind<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw problemBehind(error);
  }
}

/** Whether a base that the client named is none: an unknown snapshot, a receipt that must not be used. */
function isOfRequest({ code, details }: CodedError): boolean {
  const isBase = details['base'] !== undefined && code === 'ERR_EXPORT_NOT_FOUND';
  return isBase || String(details['name']).startsWith('bases/');
}

function problemBehind(error: unknown): unknown {
  if (!isCoded(error)) return error;
  if (error.code === 'ERR_EXPORT_TUF_STATE') {
    // There is nothing to fetch yet.
    const detail = { hint: 'ask the operator to take a snapshot: export-center mirror snapshot' };
    return new HttpProblem('ERR_EXPORT_NOT_FOUND', 'the mirror has no snapshot', { status: 404, detail, cause: error });
  }
  if (isOfRequest(error)) {
    const detail = error.hint === undefined ? {} : { hint: error.hint };
    return new HttpProblem(error.code, error.message, { status: 400, detail, cause: error });
  }
  const status = STATUS[error.code];
  if (status === undefined) return error;
  const waitMs = Math.max(1000, Number(error.details['retryAfterMs'] ?? RETRY_AFTER_MS));
  return new HttpProblem(error.code, `the registry behind this server: ${error.message}`, {
    status,
    headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
    detail: { hint: status === 503 ? 'try again later' : 'ask the operator of this server' },
    cause: error,
  });
}
