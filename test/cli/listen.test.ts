import { expect, test } from 'vitest';
import { parseListen } from '../../src/cli/listen.ts';

test.each([
  ['127.0.0.1:8080', '127.0.0.1', 8080],
  ['[::1]:0', '::1', 0],
  ['localhost:65535', 'localhost', 65535],
])('parseListen: %s', (text, host, port) => {
  expect(parseListen(text)).toEqual({ host, port });
});

test.each(['', '8080', ':8080', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', '::1:8080', 'http://a:1'])(
  'parseListen: refuses %j',
  (text) => {
    expect(() => parseListen(text)).toThrowError(expect.objectContaining({ code: 'ERR_EXPORT_USAGE' }));
  },
);
