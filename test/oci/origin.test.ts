import { expect, test } from 'vitest';
import { isPrivateHost, redactUrl, resolveLocation } from '../../src/oci/registry/origin.ts';

test.each([
  ['10.1.2.3', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.1', true],
  ['169.254.169.254', true],
  ['100.64.0.1', true],
  ['127.0.0.1', true],
  ['0.0.0.0', true],
  ['localhost', true],
  ['[::1]', true],
  ['[::]', true],
  ['[fd00::1]', true],
  ['[fe80::1]', true],
  ['[::ffff:a00:1]', true],
  ['[2001:db8::1]', false],
  ['[::ffff:808:808]', false],
  ['8.8.8.8', false],
  ['registry.example.com', false],
])('isPrivateHost: %s is %s', (host, expected) => {
  expect(isPrivateHost(host)).toBe(expected);
});

const rules = (registry: string, liftScheme = false) => ({ what: 'redirect', registry: new URL(registry), liftScheme });

test.each([
  ['/v2/x', 'https://r.io/v2/a', 'https://r.io/v2/x'],
  ['x?y=1', 'https://cdn.io/a/b', 'https://cdn.io/a/x?y=1'],
  ['//s3.io/k', 'https://r.io/a', 'https://s3.io/k'],
  ['https://r.io:443/x', 'https://r.io/a', 'https://r.io/x'],
])('resolveLocation: %s seen from %s is %s', (location, from, expected) => {
  expect(resolveLocation(location, new URL(from), rules('https://r.io')).href).toBe(expected);
});

test.each([
  ['http://s3.io/k', 'https://r.io', 'https to http'],
  ['http://r.io/k', 'https://r.io', 'https to http'],
  ['https://10.0.0.1/k', 'https://r.io', 'private address'],
  ['https://[::ffff:10.0.0.1]/k', 'https://r.io', 'private address'],
  ['https://0x7f.1/k', 'https://r.io', 'private address'],
  ['http://169.254.169.254/latest/meta-data', 'http://r.io', 'private address'],
  ['http://localhost:5000/', 'http://r.io', 'private address'],
  ['http://127.0.0.2/', 'http://127.0.0.1:5000', 'private address'],
  ['https://u:p@s3.io/k', 'https://r.io', 'user name'],
  ['ftp://r.io/', 'https://r.io', 'neither http nor https'],
  ['file:///etc/passwd', 'https://r.io', 'neither http nor https'],
  ['https://', 'https://r.io', 'not a URL'],
])('resolveLocation: %s from %s is refused', (location, registry, why) => {
  expect(() => resolveLocation(location, new URL(registry), rules(registry))).toThrowError(
    expect.objectContaining({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL', message: expect.stringContaining(why) }),
  );
});

test('resolveLocation: a private registry may name itself, on any port', () => {
  const registry = 'http://10.0.0.1:5000';
  expect(resolveLocation('http://10.0.0.1:9000/x', new URL(registry), rules(registry)).port).toBe('9000');
});

test('resolveLocation: http at a TLS registry is the registry where that may be', () => {
  const from = new URL('https://r.io:8443/a');
  expect(resolveLocation('http://r.io/u?s=1', from, rules('https://r.io:8443', true)).href).toBe(
    'https://r.io:8443/u?s=1',
  );
  expect(() => resolveLocation('http://other.io/u', from, rules('https://r.io:8443', true))).toThrow('https to http');
});

test('redactUrl: no user, no query, no fragment', () => {
  expect(redactUrl('https://u:p@h.io:1/a/b?sig=secret#x')).toBe('https://h.io:1/a/b');
  expect(redactUrl('nonsense')).toBe('(not a URL)');
});
