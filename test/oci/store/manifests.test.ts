import { readdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { mediaTypes } from '#core';
import { openStore } from '#oci/store';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, noise } from '../content.ts';
import { manifestOf } from './contract/manifests.ts';

const absent = describe(noise(10, 'absent'), mediaTypes.ociManifest);

test('a tag that has gone or moved leaves no file of its own', async () => {
  const repository = (await openStore(await makeTempDir(), { tenant: 'default' })).repository('a/b');
  const { manifests, tags, paths } = repository;
  const one = await manifests.put(await manifestOf(repository, { annotations: { n: '1' } }), { tags: ['a', 'b', 'c'] });
  await manifests.put(await manifestOf(repository, { annotations: { n: '2' } }), { tags: ['b', 'd'] });
  expect((await tags.of(one.descriptor.digest)).sort()).toEqual(['a', 'c']);
  await manifests.delete(one.descriptor.digest);
  expect(await readdir(paths.tags)).toHaveLength(2);
});

test('names that are none reach no file', async () => {
  const { tags } = (await openStore(await makeTempDir(), { tenant: 'default' })).repository('a');
  for (const tag of ['..', '.', '-x', 'a/b', '', 'a'.repeat(129), 'a\0', 'é']) {
    await expect(tags.write(tag, absent.digest)).rejects.toMatchObject({ code: 'ERR_EXPORT_REFERENCE_INVALID' });
  }
  for (const tenant of ['..', '', 'A', 'a/b', '-a', 'a'.repeat(64)]) {
    await expect(openStore('unused', { tenant })).rejects.toMatchObject({ code: 'ERR_EXPORT_USAGE' });
  }
});

test('damage in the store is told from absence', async () => {
  const store = await openStore(await makeTempDir(), { tenant: 'default' });
  const repository = store.repository('a');
  const bytes = await manifestOf(repository);
  const { descriptor } = await repository.manifests.put(bytes, { tags: ['latest'] });
  const damaged = { code: 'ERR_EXPORT_STORE_INVALID' };
  await writeFile(store.paths.blob(descriptor.digest), Buffer.alloc(bytes.byteLength, 'x'));
  await expect(repository.manifests.read(descriptor)).rejects.toMatchObject(damaged);
  await writeFile(repository.paths.manifestLink(descriptor.digest), '{}');
  await expect(repository.manifests.describe(descriptor.digest)).rejects.toMatchObject(damaged);
  await repository.manifests.put(bytes);
  expect(await repository.manifests.describe(descriptor.digest)).toEqual(descriptor);
});

test('a store of another version is refused, and a read-only one makes nothing', async () => {
  const root = await makeTempDir();
  const reader = await openStore(root, { tenant: 'default', readOnly: true });
  expect(await reader.repository('a').tags.list({ limit: 5 })).toEqual({ items: [], more: false });
  expect(await readdir(root)).toEqual([]);
  const { paths } = await openStore(root, { tenant: 'default' });
  await writeFile(paths.marker, '{"storeVersion":2}');
  await expect(openStore(root, { tenant: 'default' })).rejects.toMatchObject({ code: 'ERR_EXPORT_STORE_INVALID' });
});
