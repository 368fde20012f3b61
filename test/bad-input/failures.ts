import { expect } from 'vitest';
import { type ErrorCode, exitStatusOf } from '#core';
import type { CliFixture, Outcome } from './fixture.ts';

/** What a failure has to look like. */
export interface Failure {
  readonly code: ErrorCode;
  /** Words of the message: the thing that is wrong, by name. */
  readonly says?: string | RegExp;
  /** Words of the next step. */
  readonly hint?: string | RegExp;
}

/**
 * Holds an outcome against a failure: the exit status of its code, nothing on stdout, one line that begins
 * `error CODE: `, one that begins `hint: `, no stack, and no temporary file left. Notes that it waited for a registry may come before.
 */
export async function expectFailure(fixture: CliFixture, outcome: Outcome, failure: Failure): Promise<void> {
  const lines = outcome.stderr.split('\n').filter((line) => !/^waiting \d+ s for /.test(line));
  const [first = '', second = '', ...rest] = lines;
  expect(first, outcome.stderr).toMatch(new RegExp(`^error ${failure.code}: .`));
  expect(second, outcome.stderr).toMatch(/^hint: ./);
  expect(rest, outcome.stderr).toEqual(['']);
  expect(outcome.exit).toBe(exitStatusOf(failure.code));
  expect(outcome.stdout).toBe('');
  if (failure.says !== undefined) expect(first).toMatch(failure.says);
  if (failure.hint !== undefined) expect(second).toMatch(failure.hint);
  expect(await fixture.leftovers()).toEqual([]);
}
