import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Digest } from '#core';
import { readJson } from '../../core/read-json.ts';
import { type KitFixture, kitJson, noiseText, openKits, pushTagged } from '../kit-fixture.ts';
import { jsonOf, startRegistry, treeOf, within } from '../mirror-fixture.ts';

/** What a kit has under blobs/, by digest. */
async function blobsIn(kit: string): Promise<Set<string>> {
  const names = await readdir(join(kit, 'blobs/sha256'));
  return new Set(names.map((name) => `sha256:${name}`));
}

/** Names in a kit's index.json. */
async function namesIn(kit: string): Promise<string[]> {
  const { manifests } = readJson(await readFile(join(kit, 'index.json'), 'utf8'));
  return manifests.flatMap(({ annotations }: { annotations?: Record<string, string> }) =>
    Object.values(annotations ?? {}),
  );
}

describe('a delta', () => {
  let kits: KitFixture;
  let full: string;
  let second: string;
  let plan: ReturnType<typeof jsonOf>;
  const planWith = async (...bases: string[]) =>
    jsonOf(await kits.mirror.plan('--output', 'json', ...bases.flatMap((base) => ['--base', base])));

  beforeAll(async () => {
    kits = await openKits();
    full = await kits.export('full');
    const { host } = kits.registry;
    await within(`${host}/apps/web`, async (repository) => {
      await pushTagged(repository, '1.1', noiseText(50_000, 'new'));
      await pushTagged(repository, 'latest', 'web');
      await repository.untag('1.0');
    });
    second = await kits.export('second', '--base', 'main.1');
    plan = await planWith('main.1');
  });

  test('carries what the base lacks, and the snapshot', async () => {
    const [had, has] = [await blobsIn(full), await blobsIn(second)];
    const { snapshot, bases } = await kitJson(second);
    expect(bases).toEqual([{ kind: 'snapshot', digest: (await kitJson(full)).snapshot.digest }]);
    const shared = [...has].filter((digest) => had.has(digest));
    // The empty config, which the snapshot's own manifest names.
    expect(shared).toHaveLength(1);
    expect(has.has(snapshot.digest)).toBe(true);
    expect(has.size).toBe(plan.manifests + plan.blobs);
    expect(plan.contentBytes).toBeLessThan(100_000);
  });

  test('lists in index.json what it carries, by name', async () => {
    const names = await namesIn(second);
    expect(names).toContain('apps/web:1.1');
    expect(names).toContain('mirrors/main:main.2');
    expect(names).not.toContain('apps/web:latest');
    expect(names).not.toContain('apps/api:2.0');
  });

  test('says which tags are new, moved and removed', () => {
    expect(plan.tags.new).toEqual(['apps/web:1.1']);
    expect(plan.tags.moved).toEqual(['apps/web:latest']);
    expect(plan.tags.removed).toContain('apps/web:1.0');
  });

  test('is the same as a directory, as a tar and on standard output, and resumes', async () => {
    const tar = `${second}.tar`;
    const written = jsonOf(await kits.mirror.exportTo(tar, '--base', 'main.1', '--output', 'json'));
    const bytes = await readFile(tar);
    expect(bytes.length).toBe(written.tarBytes);
    expect(written.tarBytes).toBe(plan.tarBytes);
    expect((await kits.mirror.exportTo('-', '--base', 'main.1', '--quiet')).out.equals(bytes)).toBe(true);
    const rest = await kits.mirror.exportTo('-', '--base', 'main.1', '--quiet', '--offset', '4321');
    expect(rest.out.equals(bytes.subarray(4321))).toBe(true);
    const other = kits.mirror.path('resumed.tar');
    await writeFile(`${other}.part`, bytes.subarray(0, 60_000));
    const resumed = jsonOf(await kits.mirror.exportTo(other, '--base', 'main.1', '--output', 'json'));
    expect(resumed.bytesWritten).toBe(bytes.length - 60_000);
    expect((await readFile(other)).equals(bytes)).toBe(true);
  });

  test('written again changes nothing', async () => {
    const before = await treeOf(second);
    const ended = jsonOf(
      await kits.mirror.exportTo(
        second,
        '--base',
        'main.1',
        '--kit-key',
        kits.mirror.path('stream.pem'),
        '--output',
        'json',
      ),
    );
    expect(ended.bytesWritten).toBe(0);
    expect(await treeOf(second)).toEqual(before);
  });

  test('on the newest snapshot carries the snapshot alone, and is imported where that is', async () => {
    const kit = await kits.export('nothing-new', '--base', 'main.2');
    const own = await planWith('main.2');
    expect(own.tags).toEqual({ new: [], moved: [], removed: [] });
    expect((await namesIn(kit)).filter((name) => !name.startsWith('mirrors/main:'))).toEqual([]);
    const zone = await startRegistry();
    const state = ['--state', kits.mirror.path('state-newest'), '--output', 'json'];
    jsonOf(await kits.mirror.importTo(await kits.export('full-2'), zone.host, ...state));
    const report = jsonOf(await kits.mirror.importTo(kit, zone.host, ...state));
    expect(report).toMatchObject({ sequence: 2, tagged: [], fidelity: { lacking: [] } });
    await zone.close();
  });

  test('has an id that depends on the set of bases, not on their order', async () => {
    const list = kits.mirror.path('list.txt');
    await writeFile(list, [...(await blobsIn(full))].map((digest) => `${digest}\n`).join(''));
    const one = await planWith('main.1', `list:${list}`);
    const other = await planWith(`list:${list}`, 'main.1', 'main.1');
    expect(one.kit).toBe(other.kit);
    expect(one.bases.map(({ kind }: { kind: string }) => kind)).toEqual(['list', 'snapshot']);
    expect(new Set([one.kit, plan.kit, (await planWith()).kit]).size).toBe(3);
  });

  test('for several bases carries what any of them lacks', async () => {
    const list = kits.mirror.path('little.txt');
    const api = (await kits.registry.tags.get('apps/api 2.0')) as Digest;
    await writeFile(list, `${api}\n`);
    const [both, one] = [await planWith('main.1', `list:${list}`), await planWith(`list:${list}`)];
    expect(both.contentBytes).toBe(one.contentBytes);
    expect(both.reliedOn.files).toBe(1);
  });
});
