import { readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex } from '#oci/image';
import { checkStore, collectGarbage, openStoreRepository } from '#oci/store';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, pushBytes, readAll } from '../content.ts';
import { streamOf } from './stream-of.ts';
import { age, faults, openUsedStore } from './upkeep.ts';

const HOUR = 3600;
const nothing = { uploads: 0, manifests: 0, links: 0, blobs: 0, sizeBytes: 0, skipped: [] };

test('what is needed stays, however old; what is not goes when the grace is over', async () => {
  const { store, a, image } = await openUsedStore(await makeTempDir());
  const leftover = await pushBytes(a, noise(5000));
  await store.repository('a').uploads.append(await store.repository('a').uploads.start(), streamOf(noise(300), 100));
  await store.repository('other').uploads.start();
  expect(await collectGarbage(store)).toEqual(nothing);
  await age(store, HOUR - 60);
  expect(await collectGarbage(store)).toEqual(nothing);
  await age(store, HOUR + 60);
  const expected = { ...nothing, uploads: 2, links: 1, blobs: 1, sizeBytes: 5300 };
  expect(await collectGarbage(store, { dryRun: true })).toMatchObject({ uploads: 2, links: 1 });
  expect(await a.exists(leftover)).toBe(true);
  await age(store, HOUR + 60);
  expect(await collectGarbage(store)).toEqual(expected);
  expect(await a.exists(leftover)).toBe(false);
  expect((await a.resolve('v1'))?.digest).toBe(image.digest);
  expect(await listAll(checkStore(store))).toEqual([]);
  await age(store, 100 * HOUR);
  expect(await collectGarbage(store)).toEqual(nothing);
});

test('a blob goes only when no repository has it', async () => {
  const { store, a } = await openUsedStore(await makeTempDir());
  const b = openStoreRepository(store, 'b/c');
  await pushArtifact(b, 'shared');
  const shared = await pushBytes(a, Buffer.from('shared'), 'text/plain');
  await age(store, 2 * HOUR);
  expect(await collectGarbage(store)).toMatchObject({ links: 1, blobs: 0 });
  expect(await a.exists(shared)).toBe(false);
  expect(await b.exists(shared)).toBe(true);
});

test('deleting and collecting gives the room back', async () => {
  const { store, a, image } = await openUsedStore(await makeTempDir());
  for await (const referrer of a.referrers(image.digest)) await a.delete(referrer);
  await a.delete(image);
  await age(store, 2 * HOUR);
  await collectGarbage(store, { untagged: true });
  expect(await listAll(checkStore(store))).toEqual([]);
  const files = await readdir(store.paths.blobs, { recursive: true, withFileTypes: true });
  expect(files.filter((entry) => entry.isFile())).toEqual([]);
});

test('untagged: what tags lead to stays, over indexes and subjects; the rest goes', async () => {
  const { store, a, image } = await openUsedStore(await makeTempDir());
  const child = await pushArtifact(a, 'child');
  const ofChild = await pushArtifact(a, 'signature of the child', { subject: child });
  const index = packIndex({ manifests: [child] });
  await a.push(index.descriptor, inPieces(index.bytes, 100));
  await a.tag(index.descriptor, 'index');
  const legacyTag = (digest: string) => `${digest.replace(':', '-')}.sig`;
  const legacy = await pushArtifact(a, 'legacy signature');
  await a.tag(legacy, legacyTag(image.digest));
  const elsewhere = await pushArtifact(a, 'legacy signature of something elsewhere');
  await a.tag(elsewhere, legacyTag(describe(noise(3)).digest));

  const untagged = await pushArtifact(a, 'untagged');
  const ofUntagged = await pushArtifact(a, 'signature of it', { subject: untagged });
  const legacyOfUntagged = await pushArtifact(a, 'legacy signature of it');
  await a.tag(legacyOfUntagged, legacyTag(untagged.digest));
  const orphan = await pushArtifact(a, 'orphan', { subject: describe(noise(4), image.mediaType) });

  await age(store, 2 * HOUR);
  expect(await collectGarbage(store)).toMatchObject({ manifests: 0, links: 0, blobs: 0 });
  expect(await collectGarbage(store, { untagged: true })).toMatchObject({ manifests: 4, links: 4, blobs: 8 });
  const isThere = async ({ digest }: Descriptor) => (await a.resolve(digest)) !== undefined;
  for (const gone of [untagged, ofUntagged, legacyOfUntagged, orphan]) expect(await isThere(gone)).toBe(false);
  for (const kept of [image, child, ofChild, index.descriptor, legacy, elsewhere])
    expect(await isThere(kept)).toBe(true);
  expect(await listAll(a.referrers(image.digest))).toHaveLength(1);
  expect(await listAll(a.tags())).not.toContain(legacyTag(untagged.digest));
  expect(await listAll(checkStore(store))).toEqual([]);
});

test('what was used within the grace stays, used by whatever means', async () => {
  const { store, a } = await openUsedStore(await makeTempDir());
  const blobs = await Promise.all(['head', 'mount', 'push'].map((text) => pushBytes(a, Buffer.from(text))));
  await age(store, 2 * HOUR);
  const [head, mount, push] = blobs as [Descriptor, Descriptor, Descriptor];
  expect(await store.repository('a').blobs.use(head.digest)).toBe(head.size);
  expect(await store.repository('b').blobs.mount(mount.digest, store.repository('a').blobs)).toBe(true);
  await pushBytes(a, Buffer.from('push'));
  expect(await collectGarbage(store)).toMatchObject({ links: 1, blobs: 0 });
  expect(await store.repository('b').blobs.size(mount.digest)).toBe(mount.size);
  expect(await a.exists(head)).toBe(true);
  expect(await a.exists(push)).toBe(true);
});

test('a run that was cut short: what it had moved aside goes, or comes back where it was used', async () => {
  const { store, a } = await openUsedStore(await makeTempDir());
  const [used, unused] = [await pushBytes(a, noise(10)), await pushBytes(a, noise(20))];
  const { paths } = store.repository('a');
  await age(store, 2 * HOUR);
  for (const { digest } of [used, unused]) await rename(paths.blobLink(digest), `${paths.blobLink(digest)}.gone`);
  await utimes(`${paths.blobLink(used.digest)}.gone`, new Date(), new Date());
  await collectGarbage(store);
  expect(await a.exists(used)).toBe(true);
  expect(await a.exists(unused)).toBe(false);
  expect((await readdir(dirname(paths.blobLink(unused.digest)))).join()).not.toContain('gone');
});

test('a repository with a manifest that cannot be read is left alone, the others are not', async () => {
  const { store, a, image } = await openUsedStore(await makeTempDir());
  const leftover = await pushBytes(a, noise(50));
  await pushBytes(openStoreRepository(store, 'b'), noise(60));
  await writeFile(store.paths.blob(image.digest), 'damaged');
  await age(store, 2 * HOUR);
  expect(await collectGarbage(store, { untagged: true })).toMatchObject({ skipped: ['a'], links: 1, blobs: 1 });
  expect(await a.exists(leftover)).toBe(true);
  await rm(store.paths.blob(image.digest));
  expect(await collectGarbage(store, { untagged: true })).toMatchObject({ skipped: ['a'], links: 0 });
});

test('beside pushes that take up old blobs, nothing that was acknowledged loses a part', async () => {
  const { store, a } = await openUsedStore(await makeTempDir());
  const texts = Array.from({ length: 12 }, (_, i) => `layer ${i}`);
  for (let round = 0; round < 6; round++) {
    for (const text of texts) await pushBytes(a, Buffer.from(text), 'text/plain');
    await age(store, 2 * HOUR);
    const pushes = texts.map(async (text) => {
      const manifest = await pushArtifact(a, text, { annotations: { round: `${round}` } });
      await a.tag(manifest, text.replace(' ', '-'));
      return manifest;
    });
    await Promise.all([
      collectGarbage(store, { untagged: true }),
      ...pushes.map((push) => push.catch(() => undefined)),
    ]);
    const done = (await Promise.allSettled(pushes)).filter((result) => result.status === 'fulfilled');
    expect(done.length).toBeGreaterThan(0);
    for (const { value } of done) {
      expect((await readAll(await a.fetch(value))).byteLength).toBe(value.size);
      const { layers } = readJson(Buffer.from(await readAll(await a.fetch(value))).toString()) as {
        layers: Descriptor[];
      };
      for (const layer of layers) await readAll(await a.fetch(layer));
    }
    expect(await faults(store)).toEqual([]);
  }
});

test('a grace that is too short to be safe is refused', async () => {
  const { store } = await openUsedStore(await makeTempDir());
  await expect(collectGarbage(store, { graceSeconds: 60 })).rejects.toThrow(RangeError);
});
