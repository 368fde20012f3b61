import { cp, lstat, mkdir, readdir, readFile, rename, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { collectGarbage, type DiskStore, openStore, openStoreRepository } from '#oci/store';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { noise, pushArtifact, pushBytes } from '../content.ts';
import { streamOf } from './stream-of.ts';

const refused = expect.objectContaining({ code: 'ERR_EXPORT_NOT_WRITABLE' });

interface LinkFixture {
  readonly base: string;
  /** The tenant's folder. */
  readonly root: string;
  readonly victim: string;
  readonly image: Descriptor;
  open(): Promise<DiskStore>;
  /** Puts a link to the victim's file or folder in the place of the store's own. */
  linkTo(path: string): Promise<void>;
  snapshot(): Promise<string[]>;
}

/** A store and another's of the same content, all of it old. */
async function linkFixture(): Promise<LinkFixture> {
  const base = await makeTempDir();
  const store = await openStore(join(base, 'store'), { tenant: 'default' });
  const repository = openStoreRepository(store, 'a');
  const image = await pushArtifact(repository, 'v1');
  await repository.tag(image, 'v1');
  await pushArtifact(repository, 'signature', { subject: image });
  await pushBytes(repository, noise(3000));
  await store.repository('a').uploads.start();
  await mkdir(join(base, 'store/default/_temp'), { recursive: true });
  const victim = join(base, 'victim');
  const root = join(base, 'store/default');
  await cp(root, victim, { recursive: true });
  for (const folder of [root, victim]) {
    for (const path of await readdir(folder, { recursive: true })) await utimes(join(folder, path), 1, 1);
  }
  return {
    base,
    root,
    victim,
    image,
    open: () => openStore(join(base, 'store'), { tenant: 'default' }),
    linkTo: async (path) => {
      await rename(join(root, path), join(base, 'aside'));
      await symlink(join(victim, path), join(root, path));
    },
    snapshot: async () => {
      const paths = (await readdir(victim, { recursive: true })).sort();
      return Promise.all(
        paths.map(async (path) => {
          const found = await lstat(join(victim, path));
          const bytes = found.isFile() ? (await readFile(join(victim, path))).toString('base64') : '';
          return `${path} ${found.mtimeMs} ${bytes}`;
        }),
      );
    },
  };
}

const FOLDERS = [
  'blobs',
  'blobs/sha256',
  'repositories',
  'repositories/a',
  'repositories/a/_blobs',
  'repositories/a/_manifests/sha256',
  'repositories/a/_uploads',
  '_temp',
];

test.each(FOLDERS)('gc deletes nothing through a link at %s', async (path) => {
  const { open, linkTo, snapshot, root } = await linkFixture();
  await linkTo(path);
  const before = await snapshot();
  await collectGarbage(await open(), { untagged: true }).catch((error: unknown) => expect(error).toEqual(refused));
  expect(await snapshot()).toEqual(before);
  expect((await lstat(join(root, path))).isSymbolicLink()).toBe(true);
});

test.each(FOLDERS)('a dry run of gc with a link at %s says what the run says', async (path) => {
  const { open, linkTo } = await linkFixture();
  await linkTo(path);
  const store = await open();
  const options = { untagged: true, now: new Date(Date.now() + 86_400_000) };
  const dry = await collectGarbage(store, { ...options, dryRun: true }).catch((error: unknown) => error);
  const real = await collectGarbage(store, options).catch((error: unknown) => error);
  expect(dry).toEqual(real instanceof Error ? refused : real);
});

test.each([...FOLDERS, 'repositories/a/_tags', 'repositories/a/_referrers', 'repositories/a/_referrers/sha256'])(
  'pushes, tags and deletes write nothing through a link at %s',
  async (path) => {
    const { open, linkTo, snapshot, image } = await linkFixture();
    await linkTo(path);
    const before = await snapshot();
    const store = await open();
    const repository = openStoreRepository(store, 'a');
    const { uploads } = store.repository('a');
    const faults: unknown[] = [];
    for (const write of [
      () => pushBytes(repository, noise(500)),
      () => pushArtifact(repository, 'another', { subject: image }),
      () => repository.tag(image, 'v2'),
      () => repository.tag(image, 'v1'),
      async () => uploads.append(await uploads.start(), streamOf(noise(30), 10)),
      () => repository.delete(image),
    ]) {
      await write().catch((error: unknown) => faults.push(error));
    }
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults)
      expect([refused, expect.objectContaining({ code: 'ERR_EXPORT_NOT_FOUND' })]).toContainEqual(fault);
    expect(await snapshot()).toEqual(before);
  },
);

test('the folder of a tenant may not be a link, the folder of the store may', async () => {
  const { base, root, image } = await linkFixture();
  await symlink(join(base, 'store'), join(base, 'alias'));
  const aliased = await openStore(join(base, 'alias'), { tenant: 'default' });
  await openStoreRepository(aliased, 'a').tag(image, 'v2');
  await symlink(root, join(base, 'store/other'));
  const linked = openStoreRepository(await openStore(join(base, 'store'), { tenant: 'other' }), 'a');
  await expect(linked.tag(image, 'v3')).rejects.toThrow(refused);
});

test('an upload whose file is a link is not written to', async () => {
  const { open, root, victim } = await linkFixture();
  const { uploads } = (await open()).repository('a');
  const id = await uploads.start();
  const path = join(root, 'repositories/a/_uploads', id);
  await rename(path, join(victim, 'theirs'));
  await symlink(join(victim, 'theirs'), path);
  await expect(uploads.append(id, streamOf(noise(30), 10))).rejects.toThrow(refused);
  expect(await readFile(join(victim, 'theirs'))).toHaveLength(0);
});
