import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseChallenges } from '../../src/oci/registry/auth/challenge.ts';
import { coversScopes, encodeScopes, mergeScopes, parseScopes } from '../../src/oci/registry/auth/scopes.ts';
import {
  nextLink,
  parseContentRange,
  parseLinks,
  parseRetryAfter,
  parseUploadRange,
  parseWarnings,
} from '../../src/oci/registry/headers.ts';

const plain = (values: string[]) =>
  parseChallenges(values).map(({ scheme, params }) => ({ scheme, ...Object.fromEntries(params) }));

test.each([
  ['Basic', [{ scheme: 'basic' }]],
  ['Basic realm="x"', [{ scheme: 'basic', realm: 'x' }]],
  [
    'Bearer realm="https://a/t",service="r",scope="repository:a/b:pull,push"',
    [{ scheme: 'bearer', realm: 'https://a/t', service: 'r', scope: 'repository:a/b:pull,push' }],
  ],
  ['bearer REALM=x , Service = "y z"', [{ scheme: 'bearer', realm: 'x', service: 'y z' }]],
  ['Negotiate, Basic realm="x"', [{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'x' }]],
  ['Negotiate YII==, Bearer realm="t"', [{ scheme: 'negotiate' }, { scheme: 'bearer', realm: 't' }]],
  [
    'Basic realm="a", Bearer realm="b", error="c"',
    [
      { scheme: 'basic', realm: 'a' },
      { scheme: 'bearer', realm: 'b', error: 'c' },
    ],
  ],
  ['Basic realm="a \\"quoted\\", b"', [{ scheme: 'basic', realm: 'a "quoted", b' }]],
  [', ,Basic realm=""', [{ scheme: 'basic', realm: '' }]],
  ['Bearer realm="first",realm="second"', [{ scheme: 'bearer', realm: 'first' }]],
  ['Bearer realm="open', [{ scheme: 'bearer' }]],
  ['', []],
  ['=', []],
])('parseChallenges: %s', (value, expected) => {
  expect(plain([value])).toEqual(expected);
});

test('parseChallenges: several headers in their order', () => {
  expect(plain(['Negotiate', 'Basic realm="x"'])).toEqual([{ scheme: 'negotiate' }, { scheme: 'basic', realm: 'x' }]);
});

test('parseChallenges: what is written comes back', () => {
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const value = fc.string().map((text) => text.replace(/[\r\n]/g, ''));
  const challenge = fc.tuple(
    token,
    fc.uniqueArray(fc.tuple(token, value), { selector: ([name]) => name, minLength: 1, maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(challenge, { minLength: 1, maxLength: 4 }), (challenges) => {
      const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
      const text = challenges
        .map(([scheme, params]) => `${scheme} ${params.map(([name, raw]) => `${name}=${quote(raw)}`).join(', ')}`)
        .join(', ');
      expect(parseChallenges([text]).map(({ scheme, params }) => [scheme, [...params]])).toEqual(challenges);
    }),
  );
});

test('parseChallenges: any text ends, and soon', () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => Array.isArray(parseChallenges([text]))));
  const began = performance.now();
  for (const text of [`Bearer ${'a=",'.repeat(20_000)}`, `${'a '.repeat(50_000)}`, `Basic ${'='.repeat(100_000)}`])
    parseChallenges([text]);
  expect(performance.now() - began).toBeLessThan(2000);
});

test('scopes: merged by resource, push first, the same for the same set', () => {
  const merged = mergeScopes(
    parseScopes('repository:b:pull'),
    parseScopes('repository:host:5000/a:push repository:host:5000/a:pull'),
    parseScopes('registry:catalog:*'),
  );
  expect(encodeScopes(merged)).toEqual(['registry:catalog:*', 'repository:host:5000/a:pull,push', 'repository:b:pull']);
  expect(encodeScopes(mergeScopes(parseScopes('repository:a:*'), parseScopes('repository:a:pull')))).toEqual([
    'repository:a:*',
  ]);
  expect(coversScopes(merged, parseScopes('repository:b:pull'))).toBe(true);
  expect(coversScopes(merged, parseScopes('registry:catalog:anything'))).toBe(true);
  expect(coversScopes(merged, parseScopes('repository:b:push'))).toBe(false);
  expect(coversScopes(merged, parseScopes('repository:c:pull'))).toBe(false);
});

test('scopes: a merged set covers each that went into it', () => {
  const scopes = fc
    .dictionary(
      fc.constantFrom('repository:a', 'repository:b/c', 'registry:x'),
      fc.uniqueArray(fc.constantFrom('pull', 'push', 'delete', '*'), { minLength: 1 }),
    )
    .map((object) => new Map(Object.entries(object).map(([key, actions]) => [key, new Set(actions)] as const)));
  fc.assert(
    fc.property(scopes, scopes, (a, b) => {
      const merged = mergeScopes(a, b);
      expect(coversScopes(merged, a) && coversScopes(merged, b)).toBe(true);
      expect(encodeScopes(mergeScopes(b, a))).toEqual(encodeScopes(merged));
      expect(encodeScopes(parseScopes(encodeScopes(merged).join(' ')))).toEqual(encodeScopes(merged));
    }),
  );
});

test.each([
  ['</v2/a/tags/list?n=2&last=x>; rel="next"', '/v2/a/tags/list?n=2&last=x'],
  ['</p>; rel=next', '/p'],
  ['</p>;REL="prev next"', '/p'],
  ['</a>; rel="prev", </b>; title="x, y"; rel="next"', '/b'],
  ['<https://h/x,y;z>; rel=next; foo', 'https://h/x,y;z'],
  ['</a>; rel=prev', undefined],
  ['</a>', undefined],
  ['/a; rel=next', undefined],
  ['', undefined],
])('nextLink: %s', (value, expected) => {
  expect(nextLink(value)).toBe(expected);
});

test('parseLinks: what is written comes back', () => {
  const target = fc.stringMatching(/^\/[a-z0-9/?&=%,;._-]{0,20}$/);
  const rels = fc.array(fc.constantFrom('next', 'prev', 'first'), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(fc.tuple(target, rels), { maxLength: 5 }), (links) => {
      const text = links.map(([url, types]) => `<${url}>; title="a, \\"b\\""; rel="${types.join(' ')}"`).join(', ');
      expect(parseLinks(text).map((link) => [link.target, link.rels])).toEqual(links);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseLinks(text))));
});

test('parseContentRange: what is written comes back, and nothing else', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), fc.boolean(), (start, length, rest, known) => {
      const end = start + length;
      const size = end + 1 + rest;
      expect(parseContentRange(`bytes ${start}-${end}/${known ? size : '*'}`)).toEqual({
        range: { start, end },
        size: known ? size : undefined,
      });
      expect(parseContentRange(`bytes ${end + 1}-${start}/*`)).toBeUndefined();
      expect(parseContentRange(`bytes ${start}-${end}/${end}`)).toBeUndefined();
    }),
  );
  for (const text of [undefined, '', 'bytes */10', 'bytes 1-2', 'items 1-2/3', 'bytes -1-2/3', '1-2/3']) {
    expect(parseContentRange(text)).toBeUndefined();
  }
});

test('parseUploadRange: how many bytes have arrived', () => {
  expect(parseUploadRange('0-0')).toBe(1);
  expect(parseUploadRange('0-1023')).toBe(1024);
  expect(parseUploadRange('bytes=0-9')).toBe(10);
  for (const text of [undefined, '', '1-5', '0-', '0--1', 'x']) expect(parseUploadRange(text)).toBeUndefined();
});

test('parseRetryAfter: seconds and dates', () => {
  const now = new Date('2026-08-22T10:00:00Z');
  expect(parseRetryAfter('0', now)).toBe(0);
  expect(parseRetryAfter(' 120 ', now)).toBe(120_000);
  expect(parseRetryAfter('Sat, 22 Aug 2026 10:00:30 GMT', now)).toBe(30_000);
  expect(parseRetryAfter('Sat, 22 Aug 2026 09:00:00 GMT', now)).toBe(0);
  for (const text of [undefined, '', '-1', '1.5', 'soon', '2026-08-22T10:00:30Z'])
    expect(parseRetryAfter(text, now)).toBeUndefined();
});

test.each<[string, string[]]>([
  ['299 - "Your token expires in 30 seconds."', ['Your token expires in 30 seconds.']],
  ['299 - "one", 299 - "two"', ['one', 'two']],
  ['299 - "a \\"quoted\\", 299 - \\"b"', ['a "quoted", 299 - "b']],
  ['110 - "Response is Stale", 299 - "after"', ['after']],
  ['299 cache.example:80 "of a cache"', []],
  ['299 - "dated" "Wed, 21 Oct 2015 07:28:00 GMT", 299 - "next"', ['dated', 'next']],
  ['299 - "gr\u00c3\u00bc\u00c3\u009f"', ['grüß']],
  ['299 - "gr\u00fc\u00df"', ['grüß']],
  ['299 - "red \u001b[31m or \u009b31m\u0007"', ['red [31m or 31m']],
  [`299 - "${'x'.repeat(4000)}"`, [`${'x'.repeat(300)}…`]],
  ['299 - ""', []],
  ['299 - "open', []],
  ['', []],
])('parseWarnings: %s', (value, expected) => {
  expect(parseWarnings([value])).toEqual(expected);
});

test('parseWarnings: what is written comes back', () => {
  const text = fc
    .string({ unit: 'grapheme', maxLength: 40 })
    .map((raw) => raw.replace(/[\p{Cc}\p{Cf}\u2028\u2029\ufffd]/gu, '').trim())
    .filter((shown) => shown !== '');
  fc.assert(
    fc.property(fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { maxLength: 3 }), (headers) => {
      const quote = (shown: string) => `"${shown.replace(/["\\]/g, '\\$&')}"`;
      const values = headers.map((texts) => texts.map((shown) => `299 - ${quote(shown)}`).join(', '));
      expect(parseWarnings(values.map((value) => Buffer.from(value).toString('latin1')))).toEqual(headers.flat());
    }),
  );
});

test('parseWarnings: whatever a registry sends, it ends, and shows nothing that a terminal obeys', () => {
  const hostile = fc.string({
    unit: fc.constantFrom('299', ' ', '-', '"', '\\', ',', 'x', '\u001b', '\u009b', '\u202e'),
  });
  fc.assert(
    fc.property(fc.array(hostile), (values) => {
      for (const shown of parseWarnings(values)) expect(shown).toMatch(/^[^\p{Cc}\p{Cf}]{1,301}$/u);
    }),
  );
});
