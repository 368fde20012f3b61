import type { ErrorCode } from '#core';

/** Status, details and headers of a problem. */
export interface HttpProblemOptions {
  readonly status: number;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/**
 * A failed request, for either app; each app encodes it in its own error format. Routes of the registry throw
 * RegistryProblem, which has the codes of the distribution-spec.
 */
export class HttpProblem extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, { status, detail = {}, headers = {}, cause }: HttpProblemOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HttpProblem';
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.headers = headers;
  }
}
