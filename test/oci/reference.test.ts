import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatReference, isLoopbackHost, isRepositoryName, isTag, nameOf, parseReference, tagOf } from '#oci/image';

const DIGEST = `sha256:${'a1'.repeat(32)}`;
const SHA512 = `sha512:${'0f'.repeat(64)}`;

test.each([
  ['ghcr.io/a/b:1.2', { kind: 'registry', registry: 'ghcr.io', repository: 'a/b', tag: '1.2' }],
  ['localhost/a:x', { kind: 'registry', registry: 'localhost', repository: 'a', tag: 'x' }],
  ['localhost:5000/a', { kind: 'registry', registry: 'localhost:5000', repository: 'a' }],
  ['127.0.0.1:80/a/b/c', { kind: 'registry', registry: '127.0.0.1:80', repository: 'a/b/c' }],
  ['[::1]:5000/a:t', { kind: 'registry', registry: '[::1]:5000', repository: 'a', tag: 't' }],
  [`h.io/a:t@${DIGEST}`, { kind: 'registry', registry: 'h.io', repository: 'a', tag: 't', digest: DIGEST }],
  [`h.io/a@${SHA512}`, { kind: 'registry', registry: 'h.io', repository: 'a', digest: SHA512 }],
  ['h.io/a__b/c-d.e', { kind: 'registry', registry: 'h.io', repository: 'a__b/c-d.e' }],
  ['oci:out/layout:go-raw', { kind: 'layout', path: 'out/layout', tag: 'go-raw' }],
  ['oci:/abs/dir', { kind: 'layout', path: '/abs/dir' }],
  ['oci:.', { kind: 'layout', path: '.' }],
  ['oci:a:b/c', { kind: 'layout', path: 'a', repository: 'b/c' }],
  ['oci:a:b/c:d', { kind: 'layout', path: 'a', repository: 'b/c', tag: 'd' }],
  ['oci:a:b:d', { kind: 'layout', path: 'a', repository: 'b', tag: 'd' }],
  ['oci:dir/l:h.io:5000/a/b:1', { kind: 'layout', path: 'dir/l', repository: 'h.io:5000/a/b', tag: '1' }],
  ['oci:l:127.0.0.1:5000/a', { kind: 'layout', path: 'l', repository: '127.0.0.1:5000/a' }],
  [`oci:l:h.io/a@${DIGEST}`, { kind: 'layout', path: 'l', repository: 'h.io/a', digest: DIGEST }],
  ['oci:a:B/c:d', { kind: 'layout', path: 'a:B/c', tag: 'd' }],
  ['oci:C:/kit:d', { kind: 'layout', path: 'C:/kit', tag: 'd' }],
  ['docker-archive:a.tar', { kind: 'docker-archive', path: 'a.tar' }],
  ['docker-archive:a.tar:alpine:3', { kind: 'docker-archive', path: 'a.tar', repository: 'alpine', tag: '3' }],
  ['oci-archive:-:h.io/a:1', { kind: 'archive', path: '-', repository: 'h.io/a', tag: '1' }],
  ['oci:me@home/dir:t', { kind: 'layout', path: 'me@home/dir', tag: 't' }],
  ['oci:me@home:t', { kind: 'layout', path: 'me@home', tag: 't' }],
  [`oci:dir:t@${DIGEST}`, { kind: 'layout', path: 'dir', tag: 't', digest: DIGEST }],
  ['oci-archive:kit.tar:v1', { kind: 'archive', path: 'kit.tar', tag: 'v1' }],
  [`oci-archive:/m/kit.tar@${DIGEST}`, { kind: 'archive', path: '/m/kit.tar', digest: DIGEST }],
])('parseReference: %s', (text, expected) => {
  const reference = parseReference(text);
  expect(reference).toEqual({ tag: undefined, digest: undefined, ...expected });
  expect(formatReference(reference)).toBe(text);
});

test.each([
  ['', 'registry host missing'],
  ['busybox', 'registry host missing'],
  ['team/app:1', 'registry host missing'],
  ['https://h.io/a:1', 'is a URL'],
  ['h.io/', 'not a valid repository name'],
  ['h.io/A/b', 'not a valid repository name'],
  ['h.io/a//b', 'not a valid repository name'],
  ['h.io/a/:t', 'not a valid repository name'],
  ['h.io/../a', 'not a valid repository name'],
  ['h.io/a b', 'not a valid repository name'],
  [`h.io/${'a'.repeat(252)}`, 'not a valid repository name'],
  ['h.io/a:', 'not a valid tag'],
  ['h.io/a:-x', 'not a valid tag'],
  [`h.io/a:${'x'.repeat(129)}`, 'not a valid tag'],
  ['h.io:0/a', 'not a valid host'],
  ['h.io:70000/a', 'not a valid host'],
  ['h.io:1x/a', 'not a valid host'],
  ['-h.io/a', 'not a valid host'],
  ['user:pw@h.io/a', 'it contains a login'],
  ['h.io/a@latest', 'an @ without a digest'],
  ['oci:', 'path missing'],
  ['oci::t', 'path missing'],
  ['oci:dir:b@d tag', 'not a valid tag'],
  ['oci-archive:', 'path missing'],
])('parseReference: refuses %j', (text, what) => {
  expect(() => parseReference(text)).toThrowError(
    expect.objectContaining({
      code: 'ERR_EXPORT_REFERENCE_INVALID',
      message: expect.stringContaining(what),
      hint: expect.stringMatching(/./),
    }),
  );
});

test.each([`h.io/a@sha256:${'A1'.repeat(32)}`, 'h.io/a@sha256:12', 'oci:d@sha256:12'])(
  'parseReference: refuses the digest of %s',
  (text) => {
    expect(() => parseReference(text)).toThrowError(expect.objectContaining({ code: 'ERR_EXPORT_DIGEST_INVALID' }));
  },
);

test.each([
  'user:sek/ret@h.io/a:1',
  'user:sek@ret@h.io/a:1',
  'h.io/user:sekret@h.io/a:1',
  'h.io/user:sek@ret',
  'user:sekret@h.io',
  `user:sek/ret@h.io/a@${DIGEST}`,
  'user:sha256:sek/ret@h.io/a',
  'https://user:sek/ret@h.io/a',
  'https://user:sekret@h.io/a:1',
  'oci://user:sekret@h.io/a:1',
  `oci://user:sek/ret@h.io/a@${DIGEST}`,
])('parseReference: of %s nothing is quoted', (text) => {
  const parse = () => parseReference(text);
  expect(parse).toThrowError(
    expect.objectContaining({
      code: 'ERR_EXPORT_REFERENCE_INVALID',
      message: expect.stringMatching(/^(?!.*(?:user|sek|ret|h\.io))/s),
      hint: expect.stringMatching(/omit the login.*--username.*--password-stdin/),
      details: {},
    }),
  );
});

test.each([
  ['oci://registry.example.com/team/app:1', /HOST.*REPO:TAG.*oci:DIR:TAG/],
  ['oci:///srv/layout:1', /oci:DIR:TAG/],
  ['oci:////srv/layout', /oci:DIR:TAG/],
  ['oci://', /REPO:TAG/],
  ['OCI://h.io/a:1', /REPO:TAG/],
  ['oci-archive://srv/a.tar', /oci-archive:FILE/],
  ['docker://h.io/a:1', /omit docker:\/\//],
  ['Docker://h.io/a:1', /omit Docker:\/\//],
  ['https://h.io/a:1', /omit https:\/\//],
  ['HTTPS://h.io/v2/a/manifests/1', /omit HTTPS:\/\//],
  ['http://127.0.0.1:5000/a:1', /--plain-http/],
  ['file:///srv/layout', /oci:DIR/],
  ['ocidir://srv/layout:1', /oci:DIR/],
  ['s3://bucket/a', /REPO:TAG/],
  [`oci://h.io/a@${DIGEST}`, /REPO:TAG/],
  ['containers-storage:localhost/a:1', /skopeo copy/],
  ['dir:/srv/image', /skopeo copy/],
  ['dir:image', /skopeo copy/],
  ['docker-daemon:a:1', /skopeo copy/],
  ['OCI:dir:1', /lower case/],
  ['oci-layout:dir:1', /oci:DIR/],
])('parseReference: %s is refused as what another tool means by it', (text, hint) => {
  expect(() => parseReference(text)).toThrowError(
    expect.objectContaining({ code: 'ERR_EXPORT_REFERENCE_INVALID', hint: expect.stringMatching(hint) }),
  );
});

test.each(['dir:5000/a:1', 'docker:5000/a', 'oci:dir//a:1', 'oci:./h.io/a:1'])(
  'parseReference: %s is what it was',
  (text) => {
    expect(formatReference(parseReference(text))).toBe(text);
  },
);

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const repository = fc
  .array(
    fc.tuple(word, fc.constantFrom('.', '_', '__', '-', '--'), word).map((parts) => parts.join('')),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join('/'));
const host = fc.oneof(
  fc.tuple(word, word).map((parts) => parts.join('.')),
  fc.constantFrom('localhost', '[::1]', '127.0.0.1'),
);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/), { nil: undefined });
const digest = fc.option(
  fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`),
  { nil: undefined },
);
const suffix = fc
  .tuple(tag, digest)
  .map(([t, d]) => `${t === undefined ? '' : `:${t}`}${d === undefined ? '' : `@${d}`}`);

test('parseReference: the inverse of formatReference, for registries', () => {
  fc.assert(
    fc.property(host, port, repository, suffix, (h, p, r, s) => {
      const text = `${h}${p === undefined ? '' : `:${p}`}/${r}${s}`;
      expect(formatReference(parseReference(text))).toBe(text);
    }),
  );
});

test('parseReference: the inverse of formatReference, for layouts', () => {
  const path = fc
    .array(fc.stringMatching(/^[A-Za-z0-9 .@_-]{1,10}$/), { minLength: 1, maxLength: 4 })
    .map((p) => p.join('/'));
  fc.assert(
    fc.property(fc.constantFrom('oci:', 'oci-archive:'), path, suffix, (prefix, p, s) => {
      expect(formatReference(parseReference(`${prefix}${p}${s}`))).toBe(`${prefix}${p}${s}`);
    }),
  );
});

test('parseReference: any text gives a reference that is written back, or a coded error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `oci:${text}`),
        fc.string().map((text) => `h.io/${text}`),
      ),
      (text) => {
        try {
          expect(formatReference(parseReference(text))).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_EXPORT_(REFERENCE|DIGEST)_INVALID$/) });
        }
      },
    ),
  );
});

test('nameOf and tagOf: what is missing is said, nothing is assumed', () => {
  expect(nameOf(parseReference(`h.io/a:t@${DIGEST}`))).toBe(DIGEST);
  expect(nameOf(parseReference('h.io/a:t'))).toBe('t');
  expect(tagOf(parseReference(`h.io/a:t@${DIGEST}`))).toBe('t');
  const hint = { code: 'ERR_EXPORT_REFERENCE_INVALID', hint: expect.stringContaining(':TAG') };
  expect(() => nameOf(parseReference('h.io/a'))).toThrowError(expect.objectContaining(hint));
  expect(() => tagOf(parseReference(`oci:dir@${DIGEST}`))).toThrowError(expect.objectContaining(hint));
});

test.each([
  ['localhost', true],
  ['localhost:5000', true],
  ['LOCALHOST', true],
  ['a.localhost:1', true],
  ['127.0.0.1', true],
  ['127.8.9.1:443', true],
  ['[::1]', true],
  ['[::1]:5000', true],
  ['localhost.example.com', false],
  ['notlocalhost', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.com', false],
  ['[::2]', false],
])('isLoopbackHost: %s is %s', (registry, expected) => {
  expect(isLoopbackHost(registry)).toBe(expected);
});

test('isRepositoryName and isTag: the edges of the grammar', () => {
  expect(['a', 'a/b', 'a-b', 'a--b', 'a__b', 'a.b'].every(isRepositoryName)).toBe(true);
  expect(['', '/a', 'a/', 'a___b', 'a..b', '-a', 'a-', 'Ab', 'a/_b'].some(isRepositoryName)).toBe(false);
  expect(['a', '_', 'A.b-c', 'x'.repeat(128)].every(isTag)).toBe(true);
  expect(['', '.a', '-a', 'a/b', 'a:b', 'é', 'x'.repeat(129)].some(isTag)).toBe(false);
});
