import { expect, test } from 'vitest';
import { parseTenant } from '#core';

test.each(['a', '0', 'default', 'team-a', 'a--b', 'x'.repeat(63)])('a tenant: %s', (text) => {
  expect(parseTenant(text)).toBe(text);
});

test.each(['', '-a', 'a-', 'A', 'a.b', 'a/b', '../x', 'a b', 'é', 'x'.repeat(64), 'a\n'])(
  'not a tenant: %j',
  (text) => {
    expect(() => parseTenant(text)).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_USAGE' }));
  },
);
