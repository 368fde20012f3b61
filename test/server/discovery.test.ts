import { expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { readJson } from '../core/read-json.ts';
import { describe, noise } from '../oci/content.ts';
import { testRegistry } from './registry.ts';

const registry = testRegistry();
const indexType = 'application/vnd.oci.image.index.v1+json';

/** Follows Link headers from a path to the end. */
async function pages<T>(path: string): Promise<T[]> {
  const all: T[] = [];
  let next: string | undefined = path;
  while (next !== undefined) {
    const response: Response = await registry.request(next);
    expect(response.status).toBe(200);
    all.push(readJson(await response.text()) as T);
    next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
  }
  return all;
}

test('tags: sorted, in pages of n, from last on, each once', async () => {
  const { digest } = await registry.pushImage('layer', { tag: 'v0' });
  const names = ['10', '9', 'B', 'a', 'a-b', 'a.b', 'z_'];
  for (const tag of names) await registry.store.repository('a/b').manifests.tag(digest, tag);
  const all = [...names, 'v0'].sort();
  expect(await pages('/v2/a/b/tags/list')).toEqual([{ name: 'a/b', tags: all }]);
  for (const n of [1, 3, 8, 100]) {
    const found = await pages<{ tags: string[] }>(`/v2/a/b/tags/list?n=${n}`);
    expect(found.every(({ tags }) => tags.length <= n)).toBe(true);
    expect(found.flatMap(({ tags }) => tags)).toEqual(all);
  }
  expect(await pages('/v2/a/b/tags/list?n=0')).toEqual([{ name: 'a/b', tags: [] }]);
  expect(await pages('/v2/a/b/tags/list?last=C')).toEqual([{ name: 'a/b', tags: all.filter((tag) => tag > 'C') }]);
  expect(await pages('/v2/a/b/tags/list?last=zzz')).toEqual([{ name: 'a/b', tags: [] }]);
});

test('tags: a repository that has blobs and no tag has an empty list', async () => {
  await registry.pushBlob('x');
  expect(await pages('/v2/a/b/tags/list')).toEqual([{ name: 'a/b', tags: [] }]);
});

test('referrers: an index, filtered where it is asked for, and says so', async () => {
  const root = await registry.pushImage('root', { tag: 'root' });
  const annotations = { 'org.example': 'note' };
  const one = await registry.pushImage('one', { subject: root, artifactType: 'application/x.one', annotations });
  const two = await registry.pushImage('two', { subject: root, artifactType: 'application/x.two' });
  const response = await registry.request(`/v2/a/b/referrers/${root.digest}`);
  expect(response.headers.get('content-type')).toBe(indexType);
  expect(response.headers.get('oci-filters-applied')).toBeNull();
  const index = readJson(await response.text()) as { manifests: Descriptor[] };
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: indexType });
  expect(index.manifests.map(({ digest }) => digest)).toEqual([one.digest, two.digest].sort());
  expect(index.manifests.find(({ digest }) => digest === one.digest)).toEqual({ ...one, annotations });
  const filtered = await registry.request(`/v2/a/b/referrers/${root.digest}?artifactType=application%2Fx.two`);
  expect(filtered.headers.get('oci-filters-applied')).toBe('artifactType');
  expect((readJson(await filtered.text()) as { manifests: Descriptor[] }).manifests).toEqual([two]);
});

test('referrers: of anything anywhere there is a list, if an empty one', async () => {
  const { digest } = describe(noise(5));
  const empty = { schemaVersion: 2, mediaType: indexType, manifests: [] };
  expect(await pages(`/v2/nowhere/at/all/referrers/${digest}`)).toEqual([empty]);
  const sha512 = describe(noise(5), undefined, 'sha512').digest;
  expect(await pages(`/v2/nowhere/referrers/${sha512}`)).toEqual([empty]);
});

test('referrers: a list too large for one answer comes in pages', async () => {
  const root = await registry.pushImage('root');
  const long = 'x'.repeat(1_500_000);
  const digests: string[] = [];
  for (let i = 0; i < 5; i++) {
    digests.push((await registry.pushImage(`${i}`, { subject: root, annotations: { long } })).digest);
  }
  const found = await pages<{ manifests: Descriptor[] }>(
    `/v2/a/b/referrers/${root.digest}?artifactType=application/x.test`,
  );
  expect(found.length).toBeGreaterThan(1);
  expect(found.flatMap(({ manifests }) => manifests).map(({ digest }) => digest)).toEqual(digests.sort());
});

test('tags: a number of entries that no list reaches is clamped', async () => {
  await registry.pushImage('layer', { tag: 'v0' });
  for (const n of ['10001', '2147483648', '9007199254740993', '9'.repeat(400)]) {
    expect(await pages(`/v2/a/b/tags/list?n=${n}`)).toEqual([{ name: 'a/b', tags: ['v0'] }]);
  }
});

test('catalog: all repositories in byte order, in pages of n, from last on, each once', async () => {
  expect(await pages('/v2/_catalog')).toEqual([{ repositories: [] }]);
  const names = ['a', 'a-b', 'a/b', 'a/b/c', 'a.c/x', 'a0', 'ab', 'b/c/d', 'z__y'];
  for (const name of names) await registry.pushBlob(name, name);
  // Nothing was ever pushed here.
  await registry.request('/v2/begun/blobs/uploads/', { method: 'POST' });
  const all = [...names].sort();
  expect(await pages('/v2/_catalog')).toEqual([{ repositories: all }]);
  for (const n of [1, 2, 3, 9, 100, 2147483648]) {
    const found = await pages<{ repositories: string[] }>(`/v2/_catalog?n=${n}`);
    expect(found.every(({ repositories }) => repositories.length <= n)).toBe(true);
    expect(found.flatMap(({ repositories }) => repositories)).toEqual(all);
  }
  expect(await pages('/v2/_catalog?n=0')).toEqual([{ repositories: [] }]);
  for (const last of ['', 'a', 'a-', 'a/', 'a/b/', 'a/b/c', 'a1', '~', '../..', 'a/b/c/d/e']) {
    const found = await pages<{ repositories: string[] }>(`/v2/_catalog?n=2&last=${encodeURIComponent(last)}`);
    expect(
      found.flatMap(({ repositories }) => repositories),
      last,
    ).toEqual(all.filter((name) => name > last));
  }
  expect((await registry.request('/v2/_catalog?n=x')).status).toBe(400);
});
