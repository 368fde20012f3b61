import type { ErrorCode } from '#core';

/** What a code alone cannot say. */
export interface HttpFacts {
  readonly status: number;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/**
 * A request that cannot be answered as it was meant, whichever app it is for: each encodes it in the form that its
 * clients read. Routes of the registry throw RegistryProblem, which has the codes of the distribution-spec.
 */
export class HttpProblem extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, { status, detail = {}, headers = {}, cause }: HttpFacts) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HttpProblem';
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.headers = headers;
  }
}
