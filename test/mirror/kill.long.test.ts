import { readFile, rm, stat } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instantOf, systemClock } from '#core';
import { CliFixture } from '../bad-input/fixture.ts';
import { killAtRandom, killTimeoutMs } from './kill-rounds.ts';
import { type KitFixture, noiseText, openKits, pushTagged } from './kit-fixture.ts';
import { contentOf, startRegistry, treeOf, within } from './mirror-fixture.ts';

/** Of every import, so that what it leaves can be compared. */
const AT = instantOf(systemClock.now());

let kits: KitFixture;
let cli: CliFixture;
let kit: string;

beforeAll(async () => {
  cli = await CliFixture.open();
  kits = await openKits();
  await within(`${kits.registry.host}/apps/many`, async (repository) => {
    for (let i = 0; i < 40; i++) await pushTagged(repository, `t${i}`, noiseText(20_000, `many ${i}`));
    await pushTagged(repository, 'large', noiseText(8_000_000, 'large'));
  });
  kit = await kits.export('kit');
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await kits.registry.close();
});

const exporting = (to: string) => {
  const { mirror } = kits;
  return ['mirror', 'export', mirror.spec, '--to', to, '--kit-key', mirror.path('stream.pem')];
};

const importing = (to: string, state: string) => {
  const trust = ['--trust', kits.mirror.root, '--state', state, '--at', AT];
  return ['mirror', 'import', kit, '--to', to, ...trust];
};

test('an export into a directory', { timeout: killTimeoutMs }, async () => {
  const to = kits.mirror.path('killed');
  const clear = () => rm(to, { recursive: true, force: true });
  const killed = await killAtRandom(cli, { args: exporting(to), end: () => treeOf(to), clear });
  expect(await treeOf(to)).toEqual(await treeOf(kit));
  expect(killed.kills).toBeGreaterThan(0);
});

test('an export into a tar', { timeout: killTimeoutMs }, async () => {
  const to = kits.mirror.path('killed.tar');
  const clear = async () => {
    await rm(to, { force: true });
    await rm(`${to}.part`, { force: true });
  };
  const end = async () => [(await readFile(to)).toString('base64'), await stat(`${to}.part`).catch(() => 'absent')];
  expect((await killAtRandom(cli, { args: exporting(to), end, clear })).kills).toBeGreaterThan(0);
});

test('an export into parts', { timeout: killTimeoutMs }, async () => {
  const to = kits.mirror.path('killed-parts');
  const clear = () => rm(to, { recursive: true, force: true });
  const args = [...exporting(to), '--part-size', '1MB'];
  expect((await killAtRandom(cli, { args, end: () => treeOf(to), clear })).kills).toBeGreaterThan(0);
});

test('an import into a registry', { timeout: killTimeoutMs }, async () => {
  const zone = await startRegistry();
  const state = kits.mirror.path('state-registry');
  try {
    const clear = async () => {
      for (const held of [zone.blobs, zone.manifests, zone.tags, zone.uploads]) held.clear();
      await rm(state, { recursive: true, force: true });
    };
    const end = async () => [contentOf(zone), await stateOf(state)];
    expect((await killAtRandom(cli, { args: importing(zone.host, state), end, clear })).kills).toBeGreaterThan(0);
  } finally {
    await zone.close();
  }
});

test('an import from parts', { timeout: killTimeoutMs }, async () => {
  const [parts, layout, state] = ['parts', 'layout-of-parts', 'state-of-parts'].map((name) => kits.mirror.path(name));
  expect(await cli.run([...exporting(parts as string), '--part-size', '1MB'])).toMatchObject({ exit: 0 });
  const trust = ['--trust', kits.mirror.root, '--state', state as string, '--at', AT];
  const args = ['mirror', 'import', parts as string, '--to', `oci:${layout}`, ...trust];
  const clear = async () => {
    for (const path of [layout, state]) await rm(path as string, { recursive: true, force: true });
  };
  const end = async () => [await treeOf(layout as string), await stateOf(state as string)];
  expect((await killAtRandom(cli, { args, end, clear })).kills).toBeGreaterThan(0);
});

test('an import into a layout', { timeout: killTimeoutMs }, async () => {
  const [layout, state] = [kits.mirror.path('killed-layout'), kits.mirror.path('state-layout')];
  const clear = async () => {
    for (const path of [layout, state]) await rm(path, { recursive: true, force: true });
  };
  const end = async () => [await treeOf(layout), await stateOf(state)];
  expect((await killAtRandom(cli, { args: importing(`oci:${layout}`, state), end, clear })).kills).toBeGreaterThan(0);
});

/** The files of a state, but for temporary ones. */
async function stateOf(state: string): Promise<Record<string, string>> {
  const tree = await treeOf(state);
  return Object.fromEntries(Object.entries(tree).filter(([name]) => !name.endsWith('.tmp')));
}
