import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hexOf } from '#core';
import { checkStore } from '#oci/store';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { listAll, noise, pushArtifact, pushBytes, readAll } from '../content.ts';
import { faults, openUsedStore } from './upkeep.ts';

async function openDamaged() {
  const used = await openUsedStore(await makeTempDir());
  const { layers } = readJson(Buffer.from(await readAll(await used.a.fetch(used.image))).toString()) as {
    layers: { digest: `sha256:${string}` & typeof used.image.digest }[];
  };
  const [layer] = layers;
  return { ...used, layer: layer?.digest ?? expect.fail('no layer'), paths: used.store.repository('a').paths };
}

test('a valid store: nothing to say, and every byte was read', async () => {
  const { store } = await openDamaged();
  let sizeBytes = 0;
  expect(await listAll(checkStore(store, { onBytes: (size) => (sizeBytes += size) }))).toEqual([]);
  const files = await readdir(store.paths.blobs, { recursive: true, withFileTypes: true });
  expect(files.filter((entry) => entry.isFile())).toHaveLength(7);
  expect(sizeBytes).toBeGreaterThan(500);
});

test('a byte that changed, a blob that was cut, a blob that is lost', async () => {
  for (const [change, kind] of [
    [(path: string) => writeFile(path, 'imagE'), 'damaged'],
    [(path: string) => writeFile(path, 'imag'), 'damaged'],
    [(path: string) => rm(path), 'missing'],
  ] as const) {
    const { store, layer } = await openDamaged();
    await change(store.paths.blob(layer));
    const place = kind === 'missing' ? { repository: 'a' } : {};
    expect(await faults(store)).toEqual([{ kind, object: 'blob', name: layer, ...place }]);
  }
});

test('a layer that the repository does not have', async () => {
  const { store, layer, image, paths } = await openDamaged();
  await rm(paths.blobLink(layer));
  expect(await faults(store)).toEqual([
    { kind: 'missing', object: 'blob', name: layer, repository: 'a', namedBy: image.digest },
  ]);
  expect(await listAll(checkStore(store))).toContainEqual({ kind: 'unreachable', object: 'blob', name: layer });
});

test('a manifest whose bytes are damaged, whose bytes are lost, whose link is damaged', async () => {
  for (const [change, kind] of [
    ['bytes', 'damaged'],
    ['gone', 'missing'],
    ['link', 'damaged'],
  ] as const) {
    const { store, image, paths } = await openDamaged();
    if (change === 'bytes') await writeFile(store.paths.blob(image.digest), 'x'.repeat(image.size));
    if (change === 'gone') await rm(store.paths.blob(image.digest));
    if (change === 'link') await writeFile(paths.manifestLink(image.digest), '{');
    expect(await faults(store)).toContainEqual({ kind, object: 'manifest', name: image.digest, repository: 'a' });
  }
});

test('a tag that points nowhere, and one that points at nothing readable', async () => {
  const { store, image, paths } = await openDamaged();
  await writeFile(join(paths.tags, 'v2'), 'nonsense');
  await rm(paths.manifestLink(image.digest));
  const found = await faults(store);
  expect(found).toContainEqual({ kind: 'missing', object: 'tag', name: 'v1', repository: 'a' });
  expect(found).toContainEqual({ kind: 'damaged', object: 'tag', name: 'v2', repository: 'a' });
});

test('a referrer that is not listed, and one whose entry is damaged', async () => {
  const { store, a, image, paths } = await openDamaged();
  const [signature] = await listAll(a.referrers(image.digest));
  const entry = join(paths.referrers(image.digest), hexOf(signature?.digest ?? expect.fail()));
  await writeFile(entry, '{');
  const finding = { object: 'referrer', name: signature?.digest, repository: 'a' };
  expect(await faults(store)).toEqual([{ kind: 'damaged', ...finding }]);
  await rm(entry);
  expect(await faults(store)).toEqual([{ kind: 'missing', ...finding, namedBy: signature?.digest }]);
});

test('what nothing names is told apart from faults', async () => {
  const { store, a } = await openDamaged();
  const blob = await pushBytes(a, noise(10));
  expect(await listAll(checkStore(store))).toEqual([
    { kind: 'unreachable', object: 'blob', name: blob.digest, repository: 'a' },
  ]);
});

test('pushing again mends all of it', async () => {
  const { store, a, image, layer, paths } = await openDamaged();
  await rm(store.paths.blob(layer));
  await rm(paths.manifestLink(image.digest));
  await rm(paths.referrerRoot, { recursive: true });
  expect((await faults(store)).length).toBeGreaterThan(2);
  const again = await pushArtifact(a, 'image');
  await a.tag(again, 'v1');
  const { manifests } = store.repository('a');
  for (const text of ['signature', 'signature of the signature']) {
    const subject = text === 'signature' ? image : await pushArtifact(a, 'signature', { subject: image });
    const referrer = await pushArtifact(a, text, { subject });
    const bytes = (await manifests.read(referrer)) ?? expect.fail();
    await manifests.put(bytes);
  }
  expect(await faults(store)).toEqual([]);
});
