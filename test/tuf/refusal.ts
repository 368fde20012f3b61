import { expect } from 'vitest';
import type { ErrorCode } from '#core';

/** An error with this code and a hint, whose message holds this text. */
export function refusal(code: ErrorCode, text = '') {
  return expect.objectContaining({ code, message: expect.stringContaining(text), hint: expect.any(String) });
}
