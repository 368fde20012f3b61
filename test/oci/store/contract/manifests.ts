import { expect, test } from 'vitest';
import { type Digest, encodeCanonical, type JsonValue, mediaTypes } from '#core';
import type { StoredRepository } from '#oci/store';
import { readJson } from '../../../core/read-json.ts';
import { describe, listAll, noise } from '../../content.ts';
import { streamOf } from '../stream-of.ts';
import { opening, type StorageFixture } from './storage.ts';

const absent = describe(noise(10, 'absent'), mediaTypes.ociManifest);

async function pushBlob({ uploads }: StoredRepository, text: string, mediaType = 'text/plain') {
  const bytes = Buffer.from(text);
  const descriptor = describe(bytes, mediaType);
  await uploads.put(descriptor.digest, streamOf(bytes, 10));
  return descriptor;
}

/** An image manifest with some fields changed. */
export async function manifestOf(
  repository: StoredRepository,
  fields: Record<string, unknown> = {},
): Promise<Uint8Array> {
  const config = await pushBlob(repository, '{}', 'application/vnd.oci.empty.v1+json');
  const layer = await pushBlob(repository, 'a layer');
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer], ...fields };
  return encodeCanonical(readJson(JSON.stringify(manifest)) as JsonValue);
}

async function listReferrers({ referrers }: StoredRepository, subject: Digest, artifactType?: string) {
  const digests: Digest[] = [];
  let after: string | undefined;
  do {
    const page = await referrers.list(subject, { artifactType, after });
    digests.push(...page.items.map(({ digest }) => digest));
    after = page.next;
  } while (after !== undefined);
  return digests;
}

/** What manifests, tags and referrers of a repository promise (src/oci/store/registry-store.ts). */
export function manifestContract(setUp: () => Promise<StorageFixture>): void {
  const open = opening(setUp);
  const openRepository = async () => (await open()).repository('a/b');

  test('a manifest comes back byte by byte, by digest and by tag', async () => {
    const repository = await openRepository();
    const bytes = Buffer.concat([await manifestOf(repository), Buffer.from('\n \n')]);
    const { descriptor, subject } = await repository.manifests.put(bytes, { tags: ['latest', 'V1'] });
    expect(subject).toBeUndefined();
    expect(descriptor).toEqual(describe(bytes, mediaTypes.ociManifest));
    expect(await repository.manifests.describe(descriptor.digest)).toEqual(descriptor);
    expect(Buffer.compare((await repository.manifests.read(descriptor)) ?? expect.fail(), bytes)).toBe(0);
    expect(await repository.tags.read('latest')).toBe(descriptor.digest);
    expect(await repository.tags.read('V1')).toBe(descriptor.digest);
    expect(await repository.tags.read('v1')).toBeUndefined();
    expect(await repository.manifests.describe(absent.digest)).toBeUndefined();
  });

  test('sha512 is as good as sha256, and a wrong digest is refused', async () => {
    const repository = await openRepository();
    const bytes = await manifestOf(repository);
    const { digest } = describe(bytes, undefined, 'sha512');
    expect((await repository.manifests.put(bytes, { digest })).descriptor.digest).toBe(digest);
    expect((await repository.manifests.describe(digest))?.size).toBe(bytes.byteLength);
    await expect(repository.manifests.put(bytes, { digest: absent.digest })).rejects.toMatchObject({
      code: 'ERR_EXPORT_DIGEST_MISMATCH',
    });
    expect(await repository.manifests.describe(absent.digest)).toBeUndefined();
  });

  test.each([
    ['another type than announced', {}, mediaTypes.ociIndex],
    ['both kinds at once', { manifests: [] }, undefined],
    ['no config', { config: null }, undefined],
    ['layers that are no list', { layers: {} }, undefined],
    ['schema 1', { schemaVersion: 1 }, undefined],
    ['a type that is not known', { mediaType: 'application/vnd.example+json' }, undefined],
    ['a layer with an unusable digest', { layers: [{ ...absent, digest: 'sha256:../../x' }] }, undefined],
    ['a layer with a negative size', { layers: [{ ...absent, size: -1 }] }, undefined],
    ['a subject that is no descriptor', { subject: 'sha256:x' }, undefined],
  ])('refused: %s', async (_, fields, mediaType) => {
    const repository = await openRepository();
    const put = repository.manifests.put(await manifestOf(repository, fields), { mediaType, tags: ['latest'] });
    await expect(put).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
    expect(await repository.tags.read('latest')).toBeUndefined();
    expect(await listAll(repository.tags.all())).toEqual([]);
  });

  test('refused: what is no JSON object, and what is too large', async () => {
    const { manifests } = await openRepository();
    for (const text of ['', '[]', '{', '{"schemaVersion":2,"schemaVersion":2}']) {
      await expect(manifests.put(Buffer.from(text))).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
    }
    await expect(manifests.put(Buffer.alloc(4 * 1024 * 1024 + 1, ' '))).rejects.toMatchObject({
      code: 'ERR_EXPORT_TOO_LARGE',
    });
  });

  test('a manifest needs what it names, of the size that it names', async () => {
    const repository = await openRepository();
    const missing = { code: 'ERR_EXPORT_NOT_FOUND', details: { missing: absent.digest } };
    const layer = await pushBlob(repository, 'twelve bytes');
    const manifest = await manifestOf(repository, { layers: [absent] });
    await expect(repository.manifests.put(manifest)).rejects.toMatchObject(missing);
    const index = (manifests: unknown) =>
      manifestOf(repository, { mediaType: mediaTypes.ociIndex, config: undefined, layers: undefined, manifests });
    await expect(repository.manifests.put(await index([absent]))).rejects.toMatchObject(missing);
    await expect(
      repository.manifests.put(await manifestOf(repository, { layers: [{ ...layer, size: 11 }] })),
    ).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
    const { descriptor } = await repository.manifests.put(await manifestOf(repository, { layers: [layer] }));
    await repository.manifests.put(await index([descriptor, layer]));
  });

  test('a manifest does not need layers that may not be passed on, nor its subject', async () => {
    const repository = await openRepository();
    const layers = [
      {
        ...absent,
        mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
        urls: ['https://x.test/'],
      },
      { ...absent, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' },
    ];
    const { subject } = await repository.manifests.put(await manifestOf(repository, { layers, subject: absent }));
    expect(subject).toBe(absent.digest);
  });

  test('another repository has neither its manifests nor its tags', async () => {
    const store = await open();
    const repository = store.repository('a');
    const { descriptor } = await repository.manifests.put(await manifestOf(repository), { tags: ['latest'] });
    for (const name of ['b', 'a/a', 'a/b']) {
      const other = store.repository(name);
      expect(await other.exists()).toBe(false);
      expect(await other.manifests.describe(descriptor.digest)).toBeUndefined();
      expect(await other.tags.read('latest')).toBeUndefined();
      await expect(other.manifests.tag(descriptor.digest, 'x')).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
    }
    expect(await repository.exists()).toBe(true);
  });

  test('deleting by digest takes the tags that point there, and no others', async () => {
    const repository = await openRepository();
    const { manifests, tags } = repository;
    const one = await manifests.put(await manifestOf(repository, { annotations: { n: '1' } }), {
      tags: ['a', 'b', 'c'],
    });
    const two = await manifests.put(await manifestOf(repository, { annotations: { n: '2' } }), { tags: ['b', 'd'] });
    await tags.delete('c');
    expect(await manifests.delete(one.descriptor.digest)).toBe(true);
    expect(await listAll(tags.all())).toEqual(['b', 'd']);
    expect(await manifests.delete(one.descriptor.digest)).toBe(false);
    await manifests.put(await manifestOf(repository, { annotations: { n: '1' } }));
    expect(await listAll(tags.all())).toEqual(['b', 'd']);
    expect(await tags.read('b')).toBe(two.descriptor.digest);
  });

  test('a tag that moves to and fro while its manifests are deleted points at one that is there, or is gone', async () => {
    const repository = (await open()).repository('a');
    const { manifests, tags } = repository;
    const other = (await open()).repository('a').manifests;
    const [first, second] = [{ annotations: { n: '1' } }, { annotations: { n: '2' } }];
    const bytes = [await manifestOf(repository, first), await manifestOf(repository, second)] as const;
    for (let round = 0; round < 15; round++) {
      const digests = [describe(bytes[0]).digest, describe(bytes[1]).digest] as const;
      await Promise.all([
        manifests.put(bytes[0], { tags: ['t'] }),
        manifests.put(bytes[1], { tags: ['t'] }),
        manifests.delete(digests[round % 2] ?? digests[0]),
        other.put(bytes[0], { tags: ['t', 'u'] }),
        other.delete(digests[0]),
      ]);
      for await (const tag of tags.all()) {
        const digest = (await tags.read(tag)) ?? expect.fail(`${tag} is listed and cannot be read`);
        expect(await manifests.describe(digest)).toBeDefined();
      }
    }
  });

  test('tags are listed in byte order, page by page, from any name on', async () => {
    const repository = await openRepository();
    const names = ['10', '9', 'A', 'Z', '_', 'a', 'a-b', 'a.b', 'ab', 'b'];
    await repository.manifests.put(await manifestOf(repository), { tags: names });
    const { tags } = repository;
    expect(await tags.list({ limit: 100 })).toEqual({ items: names, more: false });
    expect(await tags.list({ limit: 10 })).toEqual({ items: names, more: false });
    expect(await tags.list({ limit: 3 })).toEqual({ items: ['10', '9', 'A'], more: true });
    expect(await tags.list({ limit: 3, after: 'A' })).toEqual({ items: ['Z', '_', 'a'], more: true });
    expect(await tags.list({ limit: 3, after: 'B' })).toEqual({ items: ['Z', '_', 'a'], more: true });
    expect(await tags.list({ limit: 3, after: 'a.b' })).toEqual({ items: ['ab', 'b'], more: false });
    expect(await tags.list({ limit: 3, after: 'b' })).toEqual({ items: [], more: false });
    expect(await tags.list({ limit: 0 })).toEqual({ items: [], more: false });
  });

  test('refused: names that are none', async () => {
    const store = await open();
    for (const name of [
      '..',
      'a/../b',
      '/a',
      'a/',
      'a//b',
      'A',
      '_tags',
      'a/_blobs',
      '.a',
      'a\0b',
      'a'.repeat(256),
      '',
    ]) {
      expect(() => store.repository(name)).toThrowError(/not a valid repository name/);
    }
    const { tags } = store.repository('a');
    for (const tag of ['..', '.', '-x', 'a/b', '', 'a'.repeat(129), 'a\0', 'é']) {
      await expect(tags.read(tag)).rejects.toMatchObject({ code: 'ERR_EXPORT_REFERENCE_INVALID' });
      await expect(tags.delete(tag)).rejects.toMatchObject({ code: 'ERR_EXPORT_REFERENCE_INVALID' });
    }
    for (const tenant of ['..', '', 'A', 'a/b', '-a', 'a'.repeat(64)]) {
      await expect(open(tenant)).rejects.toMatchObject({ code: 'ERR_EXPORT_USAGE' });
    }
  });

  test('referrers: in order, filtered; a manifest that is gone is not listed', async () => {
    const repository = await openRepository();
    const put = async (n: number, artifactType: string) =>
      (
        await repository.manifests.put(
          await manifestOf(repository, { subject: absent, artifactType, annotations: { n: `${n}` } }),
        )
      ).descriptor.digest;
    const digests: Digest[] = [];
    for (let n = 0; n < 12; n++) digests.push(await put(n, n % 3 === 0 ? 'application/x' : 'application/y'));
    const hexOrder = digests.toSorted();
    expect(await listReferrers(repository, absent.digest)).toEqual(hexOrder);
    expect(await listReferrers(repository, absent.digest, 'application/x')).toHaveLength(4);
    expect(await listReferrers(repository, absent.digest, 'application/z')).toEqual([]);
    await repository.manifests.delete(digests[0] ?? expect.fail());
    expect(await listReferrers(repository, absent.digest)).toEqual(hexOrder.filter((digest) => digest !== digests[0]));
    const { items } = await repository.referrers.list(absent.digest, { after: hexOrder[5]?.slice(7) });
    expect(items.map(({ digest }) => digest)).toEqual(hexOrder.slice(6).filter((digest) => digest !== digests[0]));
  });

  test('referrers: pages are bounded in entries and in bytes', async () => {
    const repository = await openRepository();
    const put = async (n: number) =>
      await repository.manifests.put(
        await manifestOf(repository, { subject: absent, annotations: { n: `${n}`, text: 'x'.repeat(1_500_000) } }),
      );
    for (let n = 0; n < 5; n++) await put(n);
    const first = await repository.referrers.list(absent.digest);
    expect(first.items.length).toBeLessThan(5);
    expect(JSON.stringify(first.items).length).toBeLessThan(5 * 1024 * 1024);
    expect(first.next).toBeDefined();
    expect(await listReferrers(repository, absent.digest)).toHaveLength(5);
  });
}
