import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instantOf, systemClock } from '#core';
import { verifyReceipt } from '#mirror';
import { decodeEnvelope, parsePublicKey } from '#signing';
import { CliFixture, type Running } from '../bad-input/fixture.ts';
import { readJson } from '../core/read-json.ts';
import { killAtRandom, killTimeoutMs } from '../mirror/kill-rounds.ts';
import { type KitFixture, noiseText, openKits, pushTagged } from '../mirror/kit-fixture.ts';
import { jsonOf, treeOf, within } from '../mirror/mirror-fixture.ts';

const PART_SIZE = '1MiB';
/** Of every plan and import, so that what it leaves can be compared. */
const AT = instantOf(systemClock.now());

let kits: KitFixture;
let cli: CliFixture;
/** The kit of the first day, and deltas to the second one: a tar, and parts. */
let full: string;
let delta: string;
let parts: string;

const path = (...names: string[]) => kits.mirror.path(...names);
const signed = () => ['--kit-key', path('stream.pem')];
const exporting = (to: string, ...more: string[]) => {
  return ['mirror', 'export', kits.mirror.spec, '--to', to, '--base', 'main.1', ...signed(), ...more];
};
const importing = (kit: string, to: string, state: string) => {
  const trust = ['--trust', kits.mirror.root, '--state', state, '--at', AT, '--zone-key', path('zone.pem')];
  return ['mirror', 'import', kit, '--to', to, ...trust];
};

/** Starts a server that offers the mirror. @returns it, and the URL of the mirror */
async function serve(port: number): Promise<[Running, string]> {
  const listening = ['--data', path('served'), '--listen', `127.0.0.1:${port}`, '--output', 'json'];
  const started = cli.start(['serve', ...listening, '--mirror', kits.mirror.spec, ...signed()]);
  const [, at] = await started.said(/"url":"(http:[^"]+)"/);
  return [started, `${at}/v1/mirrors/main`];
}

beforeAll(async () => {
  cli = await CliFixture.open();
  kits = await openKits();
  await within(`${kits.registry.host}/apps/many`, async (repository) => {
    for (let i = 0; i < 20; i++) await pushTagged(repository, `old${i}`, noiseText(20_000, `old ${i}`));
  });
  full = await kits.export('full');
  await within(`${kits.registry.host}/apps/many`, async (repository) => {
    for (let i = 0; i < 20; i++) await pushTagged(repository, `new${i}`, noiseText(20_000, `new ${i}`));
    await pushTagged(repository, 'large', noiseText(8_000_000, 'large'));
    await pushTagged(repository, 'old0', 'moved');
  });
  delta = await kits.export('delta.tar', '--base', 'main.1');
  parts = await kits.export('parts', '--base', 'main.1', '--part-size', PART_SIZE);
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await kits.registry.close();
});

const removing =
  (...paths: string[]) =>
  async () => {
    for (const each of paths) await rm(each, { recursive: true, force: true });
  };

test('a plan that is written as a statement', { timeout: killTimeoutMs }, async () => {
  const statement = path('plan.dsse.json');
  const args = ['mirror', 'plan', kits.mirror.spec, '--base', 'main.1', '--key', path('stream.pem')];
  const killed = await killAtRandom(cli, {
    args: [...args, '--statement', statement],
    end: () => plannedIn(statement),
    clear: removing(statement),
  });
  expect(killed.kills).toBeGreaterThan(0);
});

test('an export into parts', { timeout: killTimeoutMs }, async () => {
  const to = path('killed-parts');
  const args = exporting(to, '--part-size', PART_SIZE);
  const killed = await killAtRandom(cli, { args, end: () => treeOf(to), clear: removing(to) });
  expect(await treeOf(to)).toEqual(await treeOf(parts));
  expect(killed.kills).toBeGreaterThan(0);
});

test('an import of parts into a layout', { timeout: killTimeoutMs }, async () => {
  const [before, layout, state] = [path('layout-before'), path('layout-killed'), path('state-of-layout')];
  expect(await cli.run(importing(full, `oci:${before}`, path('state-of-before')))).toMatchObject({ exit: 0 });
  const clear = async () => {
    await removing(layout, state)();
    await cp(before, layout, { recursive: true });
    await cp(path('state-of-before'), state, { recursive: true });
  };
  await clear();
  const end = async () => [await treeOf(layout), await truthOf(state)];
  const killed = await killAtRandom(cli, { args: importing(parts, `oci:${layout}`, state), end, clear });
  expect(killed.kills).toBeGreaterThan(0);
});

test('the server, while a client pulls', { timeout: killTimeoutMs }, async () => {
  const to = path('served.tar');
  const plan = jsonOf(await kits.mirror.plan('--base', 'main.1', '--output', 'json'));
  const [{ digest }] = plan.bases as [{ digest: string }];
  const pulling = (from: string) => ['mirror', 'pull', from, '--base', digest, '--to', to];
  let [running, at] = await serve(0);
  const port = Number(new URL(at).port);
  for (let round = 0; round < 3; round++) {
    await removing(to)();
    const client = cli.start(pulling(at));
    await Promise.race([client.outcome(), arrives(to)]);
    running.child.kill('SIGKILL');
    await running.outcome();
    await client.outcome();
    [running, at] = await serve(port);
    expect(await cli.run(pulling(at))).toMatchObject({ exit: 0 });
    expect((await readFile(to)).equals(await readFile(delta))).toBe(true);
  }
  running.child.kill('SIGTERM');
  await running.outcome();
});

/** What a statement says of a kit; the time of the plan is not part of it. */
async function plannedIn(statement: string) {
  const { payload } = decodeEnvelope(await readFile(statement), statement);
  const { predicate } = readJson(Buffer.from(payload).toString()) as { predicate: Record<string, unknown> };
  return { ...predicate, timePlanned: undefined };
}

/** Waits until something of a file has arrived. */
async function arrives(to: string): Promise<void> {
  for (;;) {
    if ((await besides(to)).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Files beside one that begin with its name. */
async function besides(file: string): Promise<string[]> {
  const name = file.slice(path().length + 1);
  return (await readdir(path())).filter((each) => each.startsWith(`${name}.`));
}

/** A state, whose receipt says what the state says. */
async function truthOf(state: string): Promise<Record<string, string>> {
  const key = parsePublicKey(await readFile(path('zone.pem.pub'), 'utf8'), 'zone', ['ed25519']);
  const receipt = verifyReceipt(await readFile(`${state}/receipts/main.2.dsse.json`), key, 'receipt');
  expect(await readFile(`${state}/state.json`, 'utf8')).toContain(receipt.snapshot);
  const tree = await treeOf(state);
  return Object.fromEntries(Object.entries(tree).filter(([name]) => !name.endsWith('.tmp')));
}
