import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import type { Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { applyEdits, type LayoutIndex } from '../../../src/oci/layout/index-file.ts';
import { cli, cliJson } from '../../cli/command-line.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { listAll, pushArtifact } from '../content.ts';

const HEX = 'ab'.repeat(32);
let dir: string;
let layout: Repository;
let one: Descriptor;
let two: Descriptor;

beforeEach(async () => {
  dir = await makeTempDir();
  layout = await openLayout(join(dir, 'l'), { create: true });
  [one, two] = [await pushArtifact(layout, 'one'), await pushArtifact(layout, 'two')];
  await layout.flush?.();
});

afterEach(async () => {
  await layout.close();
});

/** Gives the two artifacts names as other tools write them. */
async function name(...names: Record<string, string>[]): Promise<void> {
  const manifests = names.map((annotations, i) => ({ ...(i === 0 ? one : two), annotations }));
  await writeFile(join(dir, 'l/index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

const ref = (text: string) => ({ 'org.opencontainers.image.ref.name': text });
const full = (text: string) => ({ 'io.containerd.image.name': text });

test.each([
  [`h.io/agent@sha256:${HEX}`, []],
  [`h.io:5000/agent@sha256:${HEX}`, []],
  [`@sha256:${HEX}`, []],
  [`sha256:${HEX}`, []],
  [`@blake3:${HEX}`, []],
  [`3@sha256:${HEX}`, ['3']],
  [`h.io/agent:3@sha512:${HEX}${HEX}`, ['3']],
  ['h.io/agent:3', ['3']],
  ['h.io:5000/agent', []],
  ['agent', ['agent']],
  [`agent:${'0a'.repeat(20)}`, ['0a'.repeat(20)]],
  ['Team/Agent:3', ['3']],
])('tags: %s gives %j', async (text, tags) => {
  await name(ref(text));
  expect(await listAll(layout.tags())).toEqual(tags);
  for (const tag of tags) expect((await layout.resolve(tag))?.digest).toBe(one.digest);
  expect(await layout.resolve(HEX)).toBeUndefined();
});

test.each([
  ['full names', ref('h.io/a:latest'), ref('h.io/b:latest')],
  ['docker save', { ...ref('latest'), ...full('h.io/a:latest') }, { ...ref('latest'), ...full('h.io/b:latest') }],
  ['containerd names alone', full('h.io/a:latest'), full('h.io/b:latest')],
  ['names with digests', ref(`h.io/a:latest@sha256:${HEX}`), ref(`h.io/b:latest@sha256:${HEX}`)],
])('two repositories with one tag: listed and found by their names (%s)', async (_, first, second) => {
  await name(first, second);
  expect(await listAll(layout.tags())).toEqual(['h.io/a:latest', 'h.io/b:latest']);
  expect((await layout.resolve('h.io/a:latest'))?.digest).toBe(one.digest);
  expect((await layout.resolve('b:latest'))?.digest).toBe(two.digest);
  await expect(layout.resolve('latest')).rejects.toMatchObject({
    code: 'ERR_EXPORT_REFERENCE_INVALID',
    message: expect.stringContaining('h.io/a, h.io/b'),
    hint: `specify one: oci:${join(dir, 'l')}:h.io/a:latest`,
  });
  const scoped = await openLayout(join(dir, 'l'), { repository: 'h.io/b' });
  expect(await listAll(scoped.tags())).toEqual(['latest']);
  expect((await scoped.resolve('latest'))?.digest).toBe(two.digest);
  expect((await listAll(scoped.manifests())).map(({ digest }) => digest)).toEqual([two.digest]);
});

test('a bare tag is found beside the same tag of a repository, which is listed in full', async () => {
  await name(ref('latest'), ref('h.io/b:latest'));
  expect(await listAll(layout.tags())).toEqual(['h.io/b:latest', 'latest']);
  expect((await layout.resolve('latest'))?.digest).toBe(one.digest);
  expect((await layout.resolve('h.io/b:latest'))?.digest).toBe(two.digest);
});

test('one repository: its tags are listed as they are', async () => {
  await name(ref('h.io/a:1'), ref('h.io/a:2'));
  expect(await listAll(layout.tags())).toEqual(['1', '2']);
});

test('setting a tag by its full name leaves the tag of another repository, and what says more than a tag', async () => {
  await name(ref('h.io/a:latest'), ref(`h.io/b@sha256:${HEX}`));
  await layout.tag(two, 'latest', { repository: 'h.io/b', inFull: true });
  expect(await listAll(layout.tags())).toEqual(['h.io/a:latest', 'h.io/b:latest']);
  const { manifests } = readJson(await readFile(join(dir, 'l/index.json'))) as { manifests: Descriptor[] };
  expect(manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'])).toEqual([
    'h.io/a:latest',
    'h.io/b:latest',
    `h.io/b@sha256:${HEX}`,
  ]);
});

test('an edit that sets the tag of a repository again replaces its entry, however that is written', () => {
  const index: LayoutIndex = {
    head: {},
    entries: [
      { digest: `sha256:${HEX}`, size: 1, mediaType: 'a/b', annotations: { ...ref('1'), ...full('h.io/a:1') } },
    ],
  };
  const edit = { kind: 'tag', descriptor: one, tag: '1', repository: 'h.io/a' } as const;
  for (const inFull of [false, true]) {
    const { entries } = applyEdits(index, [{ ...edit, inFull }]);
    const named = entries.filter(({ annotations }) => annotations !== undefined);
    expect(named.map(({ digest }) => digest)).toEqual([one.digest]);
  }
});

test('copy: the tag of one repository is not moved by that of another, unless it is named in full', async () => {
  await name(ref('h.io/a:latest'), ref('h.io/b:latest'));
  const [l, out] = [`oci:${join(dir, 'l')}`, `oci:${join(dir, 'out')}`];
  expect(await cli('copy', `${l}:h.io/a:latest`, out)).toMatchObject({ status: 0 });
  expect(await cli('copy', `${l}:h.io/a:latest`, out)).toMatchObject({ status: 0 });
  const refused = await cli('copy', `${l}:h.io/b:latest`, out);
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining('ERR_EXPORT_TAG_CONFLICT') });
  expect(refused.err).toContain('it is the tag of h.io/a, not of h.io/b');
  expect(await cliJson('ls', '--long', out)).toMatchObject({ tags: [{ tag: 'latest', digest: one.digest }] });
  expect(await cli('copy', `${l}:h.io/b:latest`, `${out}:h.io/b:latest`)).toMatchObject({ status: 0 });
  expect(await cliJson('ls', '--long', out)).toMatchObject({
    tags: [
      { tag: 'h.io/a:latest', digest: one.digest },
      { tag: 'h.io/b:latest', digest: two.digest },
    ],
  });
});

test('copy --all-tags: several repositories stay apart in a layout and an archive, and are not merged into one', async () => {
  await name(ref('h.io/a:latest'), ref('h.io/b:latest'));
  const l = `oci:${join(dir, 'l')}`;
  for (const out of [`oci:${join(dir, 'out')}`, `oci-archive:${join(dir, 'out.tar')}`]) {
    expect(await cli('copy', '--all-tags', l, out)).toMatchObject({ status: 0 });
    expect(await cliJson('ls', '--long', out)).toMatchObject({
      tags: [{ tag: 'h.io/a:latest' }, { tag: 'h.io/b:latest' }],
    });
    const merged = await cli('copy', '--all-tags', out, `oci:${join(dir, 'one')}:h.io/one`);
    expect(merged).toMatchObject({ status: 2, err: expect.stringContaining('several repositories: h.io/a, h.io/b') });
  }
  expect(await cli('copy', '--all-tags', `${l}:h.io/a`, `oci:${join(dir, 'one')}:h.io/one`)).toMatchObject({
    status: 0,
  });
  expect(await cliJson('ls', '--long', `oci:${join(dir, 'one')}`)).toMatchObject({
    tags: [{ tag: 'latest', digest: one.digest }],
  });
});

test('copy: from a registry, a layout remembers which repository a tag is of', async () => {
  await layout.tag(one, 'latest', { repository: 'h.io/a' });
  expect(await layout.repositoryOf?.('latest')).toBe('h.io/a');
  const text = await readFile(join(dir, 'l/index.json'), 'utf8');
  expect(text).toContain('"io.containerd.image.name":"h.io/a:latest","org.opencontainers.image.ref.name":"latest"');
});

test('copy --all-tags: the index is written a few times, however many tags there are', async () => {
  const tags = Array.from({ length: 200 }, (_, i) => `v${i}`);
  for (const tag of tags) await layout.tag(one, tag, { batch: true });
  await layout.flush?.();
  const target = await openLayout(join(dir, 'out'), { create: true, durable: false });
  const writes: string[] = [];
  const { copy, listRoots } = await import('#oci/transfer');
  const roots = await listRoots(layout);
  const watched = new Proxy(target, {
    get: (object, key) => {
      if (key === 'flush') writes.push('flush');
      const value = Reflect.get(object, key, object) as unknown;
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(object) : value;
    },
  });
  await copy(layout, watched, [one], { tags: roots.tags });
  expect(writes).toEqual(['flush']);
  const elsewhere = await openLayout(join(dir, 'out'));
  expect(await listAll(elsewhere.tags())).toEqual(tags.toSorted());
  await target.close();
});
