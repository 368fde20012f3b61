import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { anchorsOf, listPages, proseOf, readPage, root } from './markdown.ts';

const pages = listPages('*.md');

test.each(pages)('%s: every link leads somewhere', (page) => {
  const text = readPage(page);
  for (const [, target = ''] of proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(https?|mailto):/.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path));
    expect(existsSync(join(root, file)), `${target} of ${page}`).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(readPage(file)), `${target} of ${page}`).toContain(anchor);
  }
});

/** Paths of this checkout that a page names in passing, e.g. `docs/FORMATS.md`. */
const NAMED = /`((?:src|docs|test|scripts|manifests-schema|examples|bin)\/[A-Za-z0-9._/-]+)`/g;

test.each(pages)('%s: every path that it names is there', (page) => {
  const [, ...planned] = readPage(page).split('Planned packages: ');
  const soon = planned.flatMap((text) => [...(text.split('\n')[0] ?? '').matchAll(NAMED)].map(([, path]) => path));
  for (const [, path = ''] of readPage(page).matchAll(NAMED)) {
    if (soon.includes(path)) continue;
    expect(existsSync(join(root, path)), `${path}, which ${page} names`).toBe(true);
    if (path.endsWith('/')) expect(statSync(join(root, path)).isDirectory()).toBe(true);
  }
});

test('every page that the source names is there', () => {
  for (const file of listPages('src/**/*.ts', 'test/**/*.ts', 'scripts/**/*.ts', 'manifests-schema/*.json')) {
    for (const [page] of readPage(file).matchAll(/\bdocs\/[\w./-]+\.md\b/g)) {
      expect(existsSync(join(root, page)), `${page}, which ${file} names`).toBe(true);
    }
  }
});
