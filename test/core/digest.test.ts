import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { algorithmOf, Digester, digestOf, hexOf, isDigest, parseDigest } from '#core';

const EMPTY_SHA256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('digestOf: the empty text has the digest that FIPS 180-4 gives it', () => {
  expect(digestOf('')).toBe(EMPTY_SHA256);
  expect(digestOf('', 'sha512')).toBe(`sha512:${createHash('sha512').digest('hex')}`);
});

test('parseDigest: keeps algorithm and hex apart', () => {
  const digest = parseDigest(EMPTY_SHA256);
  expect(algorithmOf(digest)).toBe('sha256');
  expect(hexOf(digest)).toBe(EMPTY_SHA256.slice(7));
});

test.each([
  ['', 'nothing'],
  ['sha256:', 'no digits'],
  [EMPTY_SHA256.toUpperCase(), 'upper case'],
  [EMPTY_SHA256.slice(0, -1), 'one digit short'],
  [`${EMPTY_SHA256}0`, 'one digit more'],
  [EMPTY_SHA256.replace('sha256', 'sha512'), 'the length of another algorithm'],
  [EMPTY_SHA256.replace('sha256', 'md5'), 'an algorithm that proves nothing'],
  [` ${EMPTY_SHA256}`, 'white space'],
])('parseDigest: refuses %j (%s)', (text) => {
  expect(isDigest(text)).toBe(false);
  expect(() => parseDigest(text)).toThrowError(expect.objectContaining({ code: 'ERR_EXPORT_DIGEST_INVALID' }));
});

test('Digester: any chunking gives the digest of the whole', () => {
  const bytes = new Uint8Array(1000).map((_, i) => i);
  const digester = new Digester();
  for (let at = 0; at < bytes.length; at += 7) digester.update(bytes.subarray(at, at + 7));
  expect(digester.size).toBe(1000);
  expect(digester.digest()).toBe(digestOf(bytes));
});
