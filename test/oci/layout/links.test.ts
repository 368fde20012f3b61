import { execFileSync } from 'node:child_process';
import { renameSync, symlinkSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { collectLayoutGarbage, openLayout } from '#oci/layout';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { noise, pushArtifact, pushBytes } from '../content.ts';

let base: string;
let root: string;
let victim: string;
let artifact: Descriptor;

/** A layout, and beside it a victim: another's layout of the same blobs, all old, of which nothing may change. */
beforeEach(async () => {
  base = await makeTempDir();
  [root, victim] = [join(base, 'layout'), join(base, 'victim')];
  const layout = await openLayout(root, { create: true });
  artifact = await pushArtifact(layout, 'v1');
  await layout.tag(artifact, 'v1');
  await pushBytes(layout, noise(3000));
  await layout.close();
  await mkdir(join(root, '.export-center'));
  await writeFile(join(root, '.export-center/notes'), 'old');
  await cp(root, victim, { recursive: true });
  for (const path of await readdir(victim, { recursive: true })) await utimes(join(victim, path), 1, 1);
  for (const path of await readdir(root, { recursive: true })) await utimes(join(root, path), 1, 1);
});

const OLD_BLOB = /^blobs\/sha256\/[0-9a-f]+$/;

/** Everything in the victim's folder, with its times. */
async function snapshot(): Promise<string[]> {
  const paths = (await readdir(victim, { recursive: true })).sort();
  return Promise.all(
    paths.map(async (path) => {
      const found = await stat(join(victim, path));
      const bytes = found.isFile() ? (await readFile(join(victim, path))).toString('base64') : '';
      return `${path} ${found.mtimeMs} ${bytes}`;
    }),
  );
}

/** Puts a link to the victim's file or folder in the place of the layout's own. */
async function linkTo(path: string): Promise<void> {
  await rename(join(root, path), join(base, 'aside'));
  await symlink(join(victim, path), join(root, path));
}

async function oneBlob(): Promise<string> {
  const names = await readdir(join(root, 'blobs/sha256'));
  return `blobs/sha256/${names[0]}`;
}

const refused = expect.objectContaining({ code: 'ERR_EXPORT_NOT_WRITABLE' });
const emptyIndex = '{"schemaVersion":2,"manifests":[]}';

test.each(['blobs', 'blobs/sha256', '.export-center', 'index.json', 'oci-layout', 'a blob', 'a leftover'])(
  'gc refuses a layout with a link at %s, and deletes nothing',
  async (place) => {
    await writeFile(join(root, 'index.json'), emptyIndex);
    const path = place === 'a blob' ? await oneBlob() : place === 'a leftover' ? '.export-center/notes' : place;
    if (place === 'a blob') expect(path).toMatch(OLD_BLOB);
    if (place === 'index.json') await writeFile(join(victim, 'index.json'), emptyIndex);
    const before = await snapshot();
    const own = await readdir(root, { recursive: true });
    await linkTo(path);
    await expect(collectLayoutGarbage(root, { graceSeconds: 0 })).rejects.toThrow(refused);
    await expect(collectLayoutGarbage(root, { graceSeconds: 0, dryRun: true })).rejects.toThrow(refused);
    expect(await snapshot()).toEqual(before);
    // A folder that is a link is listed without what is behind it.
    expect(own).toEqual(expect.arrayContaining(await readdir(root, { recursive: true })));
  },
);

test.each(['blobs', 'blobs/sha256', '.export-center', 'index.json', 'oci-layout'])(
  'push, tag and delete refuse a layout with a link at %s',
  async (path) => {
    await linkTo(path);
    const before = await snapshot();
    for (const write of [
      async (layout: Awaited<ReturnType<typeof openLayout>>) => void (await pushBytes(layout, noise(2000))),
      async (layout: Awaited<ReturnType<typeof openLayout>>) => void (await pushBytes(layout, noise(2_000_000))),
      async (layout: Awaited<ReturnType<typeof openLayout>>) => await layout.tag(artifact, 'v2'),
      async (layout: Awaited<ReturnType<typeof openLayout>>) => void (await layout.delete(artifact)),
      async (layout: Awaited<ReturnType<typeof openLayout>>) => void (await pushArtifact(layout, 'other')),
    ]) {
      const layout = await openLayout(root, { create: true });
      await expect(write(layout)).rejects.toThrow(refused);
    }
    expect(await snapshot()).toEqual(before);
  },
);

const pipe = (path: string) => execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', path]);

test.each<[string, (path: string) => unknown]>([
  ['a pipe', pipe],
  ['a folder', (path) => mkdir(path)],
  ['a link to what has no end', (path) => symlink('/dev/zero', path)],
])('%s in the place of the lock is refused at once', async (_, put) => {
  await put(join(root, '.export-center/lock'));
  const layout = await openLayout(root);
  await expect(layout.tag(artifact, 'v2').then(() => layout.flush())).rejects.toThrow(refused);
});

test('a blob that is a link is not taken for present, and not set to now', async () => {
  const path = await oneBlob();
  await linkTo(path);
  const before = await snapshot();
  const layout = await openLayout(root);
  const bytes = await readFile(join(victim, path));
  await expect(pushBytes(layout, bytes)).rejects.toThrow(refused);
  await layout.close();
  expect(await snapshot()).toEqual(before);
});

test('reading through links works: only writes and deletes are refused', async () => {
  await linkTo('blobs');
  const layout = await openLayout(root);
  expect((await layout.resolve('v1'))?.digest).toBe(artifact.digest);
  await layout.close();
});

test('the folder of the layout may be a link', async () => {
  await symlink(root, join(base, 'alias'));
  const layout = await openLayout(join(base, 'alias'));
  await layout.tag(artifact, 'v2');
  await layout.close();
  expect(await collectLayoutGarbage(join(base, 'alias'), { graceSeconds: 60 })).toMatchObject({ blobs: 1 });
});

test.each(['blobs', 'blobs/sha256', '.export-center'])('gc: %s is replaced by a link while it runs', async (path) => {
  await writeFile(join(root, 'index.json'), emptyIndex);
  const before = await snapshot();
  const controller = new AbortController();
  let calls = 0;
  // Asked before each blob: by then links have been looked for, and the blobs listed.
  const swap = (): void => {
    if (++calls !== 4) return;
    renameSync(join(root, path), join(base, 'aside'));
    symlinkSync(join(victim, path), join(root, path));
  };
  const signal = new Proxy(controller.signal, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'throwIfAborted') return swap;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  await expect(collectLayoutGarbage(root, { graceSeconds: 0, signal })).rejects.toThrow(refused);
  expect(calls).toBeGreaterThanOrEqual(4);
  expect(await snapshot()).toEqual(before);
});
