import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Written in parts, so that this file does not name them either. */
const REGISTRY_HOSTS = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['npm', 'pkg', 'github', 'com'],
  ['proxy', 'golang', 'org'],
  ['sum', 'golang', 'org'],
  ['goproxy', 'io'],
  ['goproxy', 'cn'],
  ['files', 'pythonhosted', 'org'],
  ['test', 'pypi', 'org'],
  ['static', 'crates', 'io'],
  ['index', 'crates', 'io'],
  ['repo1', 'maven', 'org'],
  ['repo', 'maven', 'apache', 'org'],
  ['deb', 'debian', 'org'],
  ['security', 'debian', 'org'],
  ['snapshot', 'debian', 'org'],
].map((parts) => parts.join('.'));

/** Where machines keep their own things; a test that needs such a path asks for it instead. */
const MACHINE_PATHS = ['work', 'root', 'home/[a-z]+', 'Users/[A-Za-z]+', 'tmp/[a-z]'].map(
  (path) => new RegExp(`(?<![\\w.$})~-])/${path}/`),
);

/** Every committed or to-be-committed text of the project; nothing in it may depend on the machine it was written on. */
const texts = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString('utf8')
  .split('\0')
  .filter((file) => file !== '' && file !== 'test/lint/hygiene.test.ts' && isText(file))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));

function isText(file: string): boolean {
  const stats = statSync(join(root, file), { throwIfNoEntry: false });
  return stats?.isFile() === true && !/\.(zip|gz|zst|tar|tgz|db|bin|png)$/.test(file);
}

function placesOf(pattern: RegExp | string): string[] {
  return texts.flatMap(({ file, text }) =>
    text.split('\n').flatMap((line, i) => (line.search(asPattern(pattern)) < 0 ? [] : [`${file}:${i + 1}`])),
  );
}

function asPattern(pattern: RegExp | string): RegExp {
  return typeof pattern === 'string' ? new RegExp(pattern.replaceAll('.', '\\.')) : pattern;
}

test.each(REGISTRY_HOSTS)('no file names the package registry %s', (host) => {
  expect(placesOf(host)).toEqual([]);
});

test('no file names the registries that this machine is set up with', () => {
  const { npm_config_registry: npm = '', GOPROXY = '', PIP_INDEX_URL: pip = '' } = process.env;
  const hosts = [npm, pip, ...GOPROXY.split(/[,|]/)]
    .filter((url) => URL.canParse(url))
    .map((url) => new URL(url).hostname);
  for (const host of hosts.filter((name) => name.includes('.'))) expect(placesOf(host)).toEqual([]);
});

test.each(MACHINE_PATHS)('no file names a path of a machine: %s', (pattern) => {
  expect(placesOf(pattern)).toEqual([]);
});
