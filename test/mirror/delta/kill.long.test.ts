import { cp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instantOf, systemClock } from '#core';
import { CliFixture } from '../../bad-input/fixture.ts';
import { killAtRandom, killTimeoutMs } from '../kill-rounds.ts';
import { type KitFixture, noiseText, openKits, pushTagged } from '../kit-fixture.ts';
import { contentOf, startRegistry, treeOf, within } from '../mirror-fixture.ts';

/** Of every import, so that what it leaves can be compared. */
const AT = instantOf(systemClock.now());

let kits: KitFixture;
let cli: CliFixture;
let full: string;
let delta: string;

beforeAll(async () => {
  cli = await CliFixture.open();
  kits = await openKits();
  const { host } = kits.registry;
  await within(`${host}/apps/many`, async (repository) => {
    for (let i = 0; i < 20; i++) await pushTagged(repository, `t${i}`, noiseText(20_000, `many ${i}`));
    await pushTagged(repository, 'large', noiseText(4_000_000, 'large'));
  });
  full = await kits.export('full');
  await within(`${host}/apps/many`, async (repository) => {
    for (let i = 10; i < 30; i++) await pushTagged(repository, `t${i}`, noiseText(20_000, `more ${i}`));
    await repository.untag('t0');
  });
  // What the base has in another repository.
  await within(`${host}/apps/new`, (repository) => pushTagged(repository, 'large', noiseText(4_000_000, 'large')));
  delta = await kits.export('delta', '--base', 'main.1');
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await kits.registry.close();
});

test('an export of a delta into a directory', { timeout: killTimeoutMs }, async () => {
  const { mirror } = kits;
  const to = mirror.path('killed');
  const args = [
    'mirror',
    'export',
    mirror.spec,
    '--to',
    to,
    '--base',
    'main.1',
    '--kit-key',
    mirror.path('stream.pem'),
  ];
  const clear = () => rm(to, { recursive: true, force: true });
  expect((await killAtRandom(cli, { args, end: () => treeOf(to), clear })).kills).toBeGreaterThan(0);
  expect(await treeOf(to)).toEqual(await treeOf(delta));
});

test('an import of a delta with --prune, into a registry that has the base', { timeout: killTimeoutMs }, async () => {
  const zone = await startRegistry();
  const [state, first] = [kits.mirror.path('state'), kits.mirror.path('state-first')];
  const importing = (kit: string, dir: string, ...more: string[]) => {
    const trust = ['--trust', kits.mirror.root, '--state', dir, '--at', AT];
    return ['mirror', 'import', kit, '--to', zone.host, ...trust, ...more];
  };
  try {
    expect(await cli.run(importing(full, first))).toMatchObject({ exit: 0 });
    const held = { blobs: [...zone.blobs], manifests: [...zone.manifests], tags: [...zone.tags] };
    const clear = async () => {
      for (const map of [zone.blobs, zone.manifests, zone.tags, zone.uploads]) map.clear();
      for (const [key, bytes] of held.blobs) zone.blobs.set(key, bytes);
      for (const [key, manifest] of held.manifests) zone.manifests.set(key, manifest);
      for (const [key, digest] of held.tags) zone.tags.set(key, digest);
      await rm(state, { recursive: true, force: true });
      await cp(first, state, { recursive: true });
    };
    await clear();
    const end = async () => [contentOf(zone), await filesOf(state)];
    const args = importing(delta, state, '--prune');
    expect((await killAtRandom(cli, { args, end, clear })).kills).toBeGreaterThan(0);
    expect(zone.tags.has('apps/many t0')).toBe(false);
    expect(zone.tags.has('apps/new large')).toBe(true);
  } finally {
    await zone.close();
  }
});

/** The files of a state, but for temporary ones. */
async function filesOf(state: string): Promise<Record<string, string>> {
  const tree = await treeOf(state);
  return Object.fromEntries(Object.entries(tree).filter(([name]) => !name.endsWith('.tmp')));
}
