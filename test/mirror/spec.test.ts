import { describe, expect, test } from 'vitest';
import { digestOf } from '#core';
import { resolveRepositories } from '../../src/mirror/snapshot.ts';
import { parseMirrorSpec } from '../../src/mirror/spec.ts';

const HEAD = `version: 1
stream: main
source: registry.example:5000/team
snapshots: registry.example:5000/mirrors/main
tuf: tuf
`;

const parse = (text: string | Uint8Array, path = '/specs/mirror.yaml') =>
  parseMirrorSpec(typeof text === 'string' ? Buffer.from(text) : text, path);

/** A spec with these repositories, in YAML's flow style. */
const withRepositories = (...repositories: string[]) =>
  `${HEAD}repositories:\n${repositories.map((each) => `  - ${each}\n`).join('')}`;

const PLAIN = '{ name: apps/web, signatures: none }';

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_EXPORT_MIRROR_SPEC', hint: expect.any(String) });
    return (error as Error).message;
  }
  throw new Error('no error');
}

describe('a mirror spec', () => {
  test('is read: prefix, snapshots, paths relative to the file, digest of the bytes', () => {
    const text = `${HEAD}trust: [keys/a.pub, /etc/b.pub]
repositories:
  - name: apps/web
    signatures: { keys: [../cosign.pub] }
`;
    const spec = parse(text);
    expect(spec).toMatchObject({
      digest: digestOf(Buffer.from(text)),
      stream: 'main',
      source: { registry: 'registry.example:5000', prefix: 'team/' },
      snapshots: { registry: 'registry.example:5000', repository: 'mirrors/main' },
      tuf: '/specs/tuf',
      trust: ['/specs/keys/a.pub', '/etc/b.pub'],
    });
    const [rule] = spec.rules;
    expect(rule).toMatchObject({ cosignTags: true, referrers: undefined, immutable: [], keys: ['/cosign.pub'] });
    expect(parse(withRepositories(PLAIN).replace('/team', '')).source.prefix).toBe('');
    expect(parse(withRepositories(PLAIN)).rules[0]?.keys).toBeUndefined();
  });

  test.each([
    ['YAML that ends too early', `${HEAD}repositories: [`, 'line 6, column 1'],
    ['a tab as indentation', `${HEAD}repositories:\n\t- x\n`, 'line 7, column 1'],
    ['a member twice', `${HEAD}stream: other\nrepositories: [${PLAIN}]\n`, 'line 6, column 1'],
    ['a member twice, quoted', `${HEAD}"stream": other\nrepositories: [${PLAIN}]\n`, 'line 6, column 1'],
    ['an anchor', withRepositories('&a { name: a, signatures: none }'), 'line 7, column 8'],
    ['an alias', `${HEAD}repositories: [*a]\n`, 'line 6'],
    ['a merge key', withRepositories('{ name: a, signatures: none, <<: { profile: a:b } }'), 'line 7, column 38'],
    ['a tag of its own', withRepositories('{ name: !secret a, signatures: none }'), 'line 7, column 13'],
    ['a tag of YAML', withRepositories('{ name: !!str a, signatures: none }'), 'line 7, column 19'],
    ['a binary', withRepositories('{ name: !!binary YQ==, signatures: none }'), 'line 7, column 22'],
    ['two documents', `${withRepositories(PLAIN)}---\n${withRepositories(PLAIN)}`, 'line 8, column 1'],
    ['a member that is not a text', `${withRepositories(PLAIN)}? [a]\n: b\n`, 'line 8, column 3'],
    ['an unknown member', withRepositories('{ name: a, signatures: none, tag: x }'), 'line 7, column 39'],
    ['an unknown member of the top', `${withRepositories(PLAIN)}extra: 1\n`, 'line 8, column 8'],
    ['a missing member', withRepositories('{ name: a }'), 'line 7, column 5'],
    ['no repositories', `${HEAD}repositories: []\n`, 'line 6, column 15'],
    ['another version', withRepositories(PLAIN).replace('version: 1', 'version: 2'), 'line 1, column 10'],
    ['a stream name with a slash', withRepositories(PLAIN).replace('main', 'a/b'), 'line 2, column 9'],
    ['a tag that is a number', withRepositories('{ name: a, signatures: none, tags: [1.0] }'), 'line 7, column 41'],
    ['a choice of nothing', withRepositories('{ name: a, signatures: none, tags: [{}] }'), 'line 7, column 41'],
    ['newest 0', withRepositories('{ name: a, signatures: none, tags: [{ newest: 0 }] }'), 'line 7, column 51'],
    ['a semver that is none', withRepositories('{ name: a, signatures: none, tags: [{ semver: "^^1" }] }'), 'line 7'],
    ['no keys', withRepositories('{ name: a, signatures: { keys: [] } }'), 'line 7, column 36'],
    ['signatures of another word', withRepositories('{ name: a, signatures: maybe }'), 'line 7, column 28'],
    ['a source with a tag', withRepositories(PLAIN).replace('/team', '/team:1'), 'line 3, column 9'],
    ['a source that is a layout', withRepositories(PLAIN).replace('registry.example:5000/team', 'oci:dir'), 'line 3'],
    ['a source that ends with a slash', withRepositories(PLAIN).replace('/team', '/'), 'line 3, column 9'],
    ['snapshots with a tag', withRepositories(PLAIN).replace('mirrors/main', 'mirrors/main:1'), 'line 4, column 12'],
    [
      'snapshots without repository',
      withRepositories(PLAIN).replace('registry.example:5000/mirrors/main', 'a'),
      'line 4',
    ],
    ['a star only in the target', withRepositories('{ name: a, target: b/*, signatures: none }'), 'line 7, column 24'],
    ['a star only in the name', withRepositories('{ name: a/*, target: b, signatures: none }'), 'line 7, column 26'],
    ['two stars in both', withRepositories('{ name: "*/*", target: "*/b/*", signatures: none }'), 'line 7, column 28'],
    ['a question mark with a target', withRepositories('{ name: "a?", target: "b?", signatures: none }'), 'line 7'],
  ])('with %s is refused, with line and column', (_, text, place) => {
    expect(messageOf(() => parse(text))).toContain(place);
  });

  test('is refused above 4 MiB, and where it is not UTF-8', () => {
    const padded = `${withRepositories(PLAIN)}#${' '.repeat(4 * 1024 * 1024)}`;
    expect(messageOf(() => parse(padded))).toContain('more than 4194304');
    expect(parse(padded.slice(0, 4 * 1024 * 1024)).stream).toBe('main');
    expect(messageOf(() => parse(Buffer.from([0x61, 0x3a, 0x20, 0xff])))).toContain('UTF-8');
    expect(messageOf(() => parse(''))).toContain('line 1');
  });

  test('is read by the rules of YAML 1.2, whatever version it says', () => {
    const text = withRepositories('{ name: a, signatures: none, cosignTags: yes }');
    expect(messageOf(() => parse(`%YAML 1.1\n---\n${text}`))).toContain('line 9');
  });

  // With a comparison of each member with all others the second would take minutes.
  test('that is hostile comes to an end: nested, and with many members', { timeout: 60_000 }, () => {
    for (const text of ['['.repeat(4000), '{a: '.repeat(4000), `\n${'- '.repeat(4000)}`])
      messageOf(() => parse(`${HEAD}repositories: ${text}`));
    const members = Array.from({ length: 100_000 }, (_, i) => `k${i}: 1\n`).join('');
    expect(messageOf(() => parse(`${withRepositories(PLAIN)}${members}`))).toContain('k0');
  });
});

describe('repositories', () => {
  const resolve = (catalog: string[], ...repositories: string[]) =>
    resolveRepositories(parse(withRepositories(...repositories)), async () => catalog);
  const names = async (catalog: string[], ...repositories: string[]) =>
    (await resolve(catalog, ...repositories)).map(({ sourceName, name }) => `${sourceName} as ${name}`);

  test('take the names of the target, and a star what the other star matched', async () => {
    const catalog = ['team/apps/web', 'team/apps/x/y', 'team/db', 'other/apps/web', 'mirrors/main'];
    expect(await names(catalog, '{ name: apps/*, target: zone/*/copy, signatures: none }')).toEqual([
      'apps/web as zone/web/copy',
      'apps/x/y as zone/x/y/copy',
    ]);
    expect(await names([], '{ name: apps/web, target: web, signatures: none }')).toEqual(['apps/web as web']);
  });

  test('go by the rule that names them before globs, and of globs by the first', async () => {
    const catalog = ['team/apps/api', 'team/apps/web'];
    const found = await resolve(
      catalog,
      '{ name: "*", target: "all/*", signatures: none }',
      '{ name: apps/*, target: late/*, signatures: none }',
      '{ name: apps/web, target: named, signatures: none }',
    );
    expect(found.map(({ name }) => name).sort()).toEqual(['all/apps/api', 'named']);
  });

  test.each([
    ['two of one name', '{ name: a, target: x, signatures: none }', '{ name: b, target: x, signatures: none }'],
    ['one that a glob gives too', '{ name: apps/*, target: "*", signatures: none }', '{ name: web, signatures: none }'],
    ['one that is not a name', '{ name: a, target: A, signatures: none }', PLAIN],
    ['that of the snapshots', '{ name: a, target: mirrors/main, signatures: none }', PLAIN],
  ])('are refused with %s in the zone', async (_, ...repositories) => {
    await expect(resolve(['team/apps/web'], ...repositories)).rejects.toMatchObject({
      code: 'ERR_EXPORT_MIRROR_SPEC',
      hint: expect.any(String),
    });
  });

  test('need a catalog for a glob only, and one that it matches', async () => {
    const spec = parse(withRepositories(PLAIN));
    const list = () => Promise.reject(new Error('asked'));
    expect(await resolveRepositories(spec, list)).toHaveLength(1);
    await expect(resolve(['team/a'], '{ name: b*, signatures: none }')).rejects.toMatchObject({
      code: 'ERR_EXPORT_SELECTION_EMPTY',
      hint: expect.any(String),
    });
  });
});

describe('tags', () => {
  const all = ['1.0.0', '1.2.0', '1.10.0', '2.0.0-rc.1', 'v1.3', 'latest', 'dev-1', `sha256-${'a'.repeat(64)}.sig`];
  test.each([
    [
      'all, but those that belong to a manifest',
      '',
      ['1.0.0', '1.2.0', '1.10.0', '2.0.0-rc.1', 'v1.3', 'latest', 'dev-1'],
    ],
    ['globs', 'tags: ["1.*", latest]', ['1.0.0', '1.2.0', '1.10.0', 'latest']],
    ['a range', 'tags: [{ semver: ">=1.1 <2" }]', ['1.2.0', '1.10.0', 'v1.3']],
    ['include and exclude', 'tags: [{ include: ["1.*"], exclude: ["*.10.*"] }]', ['1.0.0', '1.2.0']],
    ['exclude alone', 'tags: [{ exclude: ["*.*"] }]', ['latest', 'dev-1']],
    ['the newest two', 'tags: [{ include: ["1.*"], newest: 2 }]', ['1.2.0', '1.10.0']],
    ['several choices', 'tags: [latest, { include: ["1.*"], newest: 1 }]', ['1.10.0', 'latest']],
    ['never those of a manifest', 'tags: ["sha256-*"]', []],
  ])('are picked by %s', (_, tags, expected) => {
    const text = withRepositories(`{ name: a, signatures: none${tags === '' ? '' : `, ${tags}`} }`);
    expect([...(parse(text).rules[0]?.tags(all) ?? [])].sort()).toEqual([...expected].sort());
  });
});
