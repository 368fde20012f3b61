import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instantOf, systemClock } from '#core';
import { verifyReceipt, ZoneState } from '#mirror';
import { parsePublicKey } from '#signing';
import { CliFixture, type Outcome } from '../bad-input/fixture.ts';
import { type KitFixture, openKits } from '../mirror/kit-fixture.ts';
import { cliBytes, treeOf } from '../mirror/mirror-fixture.ts';

const AT = instantOf(systemClock.now());
const MAX_KILLS = 200;

let kits: KitFixture;
let cli: CliFixture;
let kit: string;

beforeAll(async () => {
  cli = await CliFixture.open();
  kits = await openKits();
  const spec = await readFile(kits.mirror.spec, 'utf8');
  await writeFile(kits.mirror.spec, spec.replace('tuf: tuf\n', 'tuf: tuf\nzones: zones\n'));
  kit = await kits.export('kit');
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await kits.registry.close();
});

const path = (...names: string[]) => kits.mirror.path(...names);

/** Runs a command that is killed when it opens a file of that place for the `count`-th time. */
function killedAt(args: readonly string[], place: string, count: number): Promise<Outcome> {
  return cli.run(args, {
    preload: [join(import.meta.dirname, '../bad-input/signal-at-open.process.ts')],
    env: { SIGNAL: 'SIGKILL', SIGNAL_AT: `^${place}(/|$)`, SIGNAL_COUNT: String(count) },
  });
}

test('an import that is killed at any step leaves no receipt that is not true', { timeout: 300_000 }, async () => {
  const state = path('state-killed');
  const trust = ['--trust', kits.mirror.root, '--state', state, '--at', AT, '--zone-key', path('zone.pem')];
  const importing = ['mirror', 'import', kit, '--to', `oci:${path('target')}`, ...trust];
  const key = parsePublicKey(await readFile(path('zone.pem.pub'), 'utf8'), 'zone', ['ed25519']);
  const receipt = join(state, 'receipts/main.1.dsse.json');
  let kills = 0;
  let withoutReceipt = 0;
  for (let count = 1; count < MAX_KILLS; count++) {
    await rm(state, { recursive: true, force: true });
    await rm(path('target'), { recursive: true, force: true });
    if ((await killedAt(importing, state, count)).exit !== null) break;
    kills++;
    const imported = await new ZoneState(state).read();
    const bytes = await readFile(receipt).catch(() => undefined);
    if (bytes !== undefined) expect(verifyReceipt(bytes, key, 'receipt').snapshot).toBe(imported?.snapshot);
    if (imported !== undefined && bytes === undefined) withoutReceipt++;
    const target = await treeOf(path('target'));
    expect(await cli.run(importing)).toMatchObject({ exit: 0, stderr: '' });
    expect(verifyReceipt(await readFile(receipt), key, 'receipt')).toMatchObject({ sequence: 1, at: AT });
    // What the receipt said before is what the target had.
    if (bytes !== undefined) expect(await treeOf(path('target'))).toEqual(target);
  }
  expect(kills).toBeGreaterThan(5);
  expect(withoutReceipt).toBeGreaterThan(0);
});

test('a receipt that is recorded while the power fails is there whole or not at all', {
  timeout: 300_000,
}, async () => {
  const zones = path('zones');
  const add = ['mirror', 'zone', 'add', kits.mirror.spec, 'plant', '--key', path('zone.pem.pub')];
  const record = ['mirror', 'zone', 'receipt', kits.mirror.spec, path('state-killed/receipts/main.1.dsse.json')];
  const commands = [add, record, ['mirror', 'zone', 'remove', kits.mirror.spec, 'plant']];
  let kills = 0;
  for (const [i, args] of commands.entries()) {
    for (let count = 1; count < MAX_KILLS; count++) {
      await rm(zones, { recursive: true, force: true });
      for (const before of commands.slice(0, i)) expect(await cliBytes(...before)).toMatchObject({ status: 0 });
      if ((await killedAt(args, zones, count)).exit !== null) break;
      kills++;
      expect(await cliBytes('mirror', 'zone', 'list', kits.mirror.spec)).toMatchObject({ status: 0 });
      const again = await cliBytes(...args);
      // What was removed already cannot be removed again.
      expect(again.status === 0 || again.err.includes('ERR_EXPORT_ZONE_UNKNOWN'), again.err).toBe(true);
    }
    const left = (await readdir(join(zones, 'plant')).catch(() => [])).filter((name) => !name.startsWith('.'));
    expect(left).toEqual([['zone.pub'], ['main.dsse.json', 'zone.pub'], []][i]);
  }
  expect(kills).toBeGreaterThan(5);
});
