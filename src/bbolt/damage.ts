import { CodedError } from '#core';

/** What is wrong: `page 3 has keys out of order` is `{ page: 3, problem: 'has keys out of order' }`. */
export interface BboltFault {
  /** Undefined where it is the file as a whole; the problem is a sentence then. */
  readonly page: number | undefined;
  readonly problem: string;
}

/** The error for an invalid bbolt file. */
export function damaged(path: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${path}: invalid bbolt file: ${what}`, {
    hint: 'do not use this file; fetch or build it again',
    details: { path, problem: what },
  });
}

/** Says what is wrong with a page; whoever knows the file makes an error of it. */
export class PageFault extends Error implements BboltFault {
  readonly page: number;
  readonly problem: string;

  constructor(page: number, problem: string) {
    super(`page ${page} ${problem}`);
    this.page = page;
    this.problem = problem;
  }
}
