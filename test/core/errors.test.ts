import { expect, test } from 'vitest';
import { CodedError, errorCodes, exitStatusOf, isCoded } from '#core';

test('exitStatusOf: every code has one of the documented statuses', () => {
  for (const code of errorCodes) expect([1, 2, 3, 4, 5, 75, 130]).toContain(exitStatusOf(code));
});

test('isCoded: asks for any code, or for one of some', () => {
  const error = new CodedError('ERR_EXPORT_NETWORK', 'x');
  expect(isCoded(error)).toBe(true);
  expect(isCoded(error, 'ERR_EXPORT_IO', 'ERR_EXPORT_NETWORK')).toBe(true);
  expect(isCoded(error, 'ERR_EXPORT_IO')).toBe(false);
  expect(isCoded(new Error('x'))).toBe(false);
});
