import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { instantOf, systemClock } from '#core';
import { type Receipt, signReceipt } from '#mirror';
import { createSigner, type KeyPair } from '#signing';
import { type KitFixture, kitJson, noiseText, openKits, pushTagged } from '../mirror/kit-fixture.ts';
import { cliBytes, jsonOf, within, writePem } from '../mirror/mirror-fixture.ts';

let kits: KitFixture;
let plant: KeyPair;
/** What imports reported, by the name of the zone. */
const reports = new Map<string, ReturnType<typeof jsonOf>>();

const path = (...names: string[]) => kits.mirror.path(...names);
const zone = (verb: string, ...args: string[]) => cliBytes('mirror', 'zone', verb, kits.mirror.spec, ...args);
const plan = async (...more: string[]) => jsonOf(await kits.mirror.plan('--output', 'json', ...more));

async function importInto(name: string, kit: string) {
  const more = ['--state', path(`state-${name}`), '--zone-key', path(`${name}.pem`), '--zone', name];
  const report = jsonOf(await kits.mirror.importTo(kit, `oci:${path(`zone-${name}`)}`, ...more, '--output', 'json'));
  reports.set(name, report);
  return report;
}

/** Digests that a plan of a kit for these bases would carry. */
const contentBytes = async (...more: string[]) => (await plan(...more)).contentBytes;

beforeAll(async () => {
  kits = await openKits();
  plant = await writePem(path('plant.pem'));
  await writePem(path('ship.pem'));
  const spec = await readFile(kits.mirror.spec, 'utf8');
  await writeFile(kits.mirror.spec, spec.replace('tuf: tuf\n', 'tuf: tuf\nzones: zones\n'));
  for (const name of ['plant', 'ship']) {
    expect(await zone('add', name, '--key', path(`${name}.pem.pub`))).toMatchObject({ status: 0 });
  }
  const { host } = kits.registry;
  // The plant has the first snapshot, the ship the second.
  await importInto('plant', await kits.export('first'));
  await within(`${host}/apps/web`, (web) => pushTagged(web, '1.1', noiseText(50_000, 'second')));
  await importInto('ship', await kits.export('second'));
  await within(`${host}/apps/web`, (web) => pushTagged(web, '1.2', noiseText(70_000, 'third')));
  jsonOf(await kits.mirror.snapshot('--output', 'json'));
});
afterAll(() => kits.registry.close());

test('a zone without a receipt is no base, nor is one that is not known', async () => {
  for (const name of ['plant', 'other']) {
    const ended = await kits.mirror.plan('--zone', name);
    expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_ZONE_UNKNOWN') });
  }
  expect(await kits.mirror.plan('--zone', '../plant')).toMatchObject({ status: 2 });
});

describe('a receipt', () => {
  beforeAll(async () => {
    for (const name of ['plant', 'ship']) {
      expect(await zone('receipt', reports.get(name).receipt)).toMatchObject({ status: 0 });
    }
  });

  test('is the base from which the next delta of its zone starts', async () => {
    const [delta, parts] = [path('delta'), path('delta-parts')];
    expect(await kits.mirror.exportTo(delta, '--zone', 'ship')).toMatchObject({ status: 0, err: '' });
    const cut = await kits.mirror.exportTo(parts, '--zone', 'ship', '--part-size', '65536');
    expect(cut).toMatchObject({ status: 0, err: '' });
    expect(await kitJson(delta)).toMatchObject({ bases: [{ kind: 'receipt' }] });
    expect(await contentBytes('--zone', 'ship')).toBe(await contentBytes('--base', 'main.2'));
    expect(await contentBytes('--zone', 'ship')).toBeLessThan(200_000);
    const state = join(path('state-ship'));
    const report = jsonOf(
      await kits.mirror.importTo(parts, `oci:${path('zone-ship')}`, '--state', state, '--output', 'json'),
    );
    expect(report).toMatchObject({ sequence: 3, fidelity: { lacking: [] } });
  });

  test('in a file is one too, if a known zone signed it', async () => {
    const { receipt } = reports.get('plant');
    expect(await contentBytes('--base', `receipt:${receipt}`)).toBe(await contentBytes('--zone', 'plant'));
    const forged = path('forged.json');
    await writeFile(forged, (await readFile(receipt, 'utf8')).replace(/"sig":"..../, '"sig":"AAAA'));
    const refused = { status: 3, err: expect.stringContaining('ERR_EXPORT_SIGNATURE_INVALID') };
    expect(await kits.mirror.plan('--base', `receipt:${forged}`)).toMatchObject(refused);
    expect(await kits.mirror.plan('--base', `receipt:${path('absent')}`)).toMatchObject({ status: 1 });
  });

  test('of several zones gives one kit for all of them: what they have in common is left out', async () => {
    const both = await plan('--zone', 'plant', '--zone', 'ship');
    expect(both.contentBytes).toBe(await contentBytes('--base', 'main.1', '--base', 'main.2'));
    expect(both.contentBytes).toBe(await contentBytes('--zone', 'plant'));
    expect(both.contentBytes).toBeGreaterThan(await contentBytes('--zone', 'ship'));
    const kit = path('both');
    const more = ['--zone', 'plant', '--zone', 'ship'];
    expect(await kits.mirror.exportTo(kit, ...more)).toMatchObject({ status: 0 });
    await importInto('plant', kit);
    await importInto('ship', kit);
    expect(reports.get('plant')).toMatchObject({ sequence: 3, fidelity: { lacking: [] } });
    expect(reports.get('ship')).toMatchObject({ sequence: 3, fidelity: { lacking: [] } });
  });
});

describe('a receipt of a zone that lacks something', () => {
  /** The receipt of the first snapshot, with what is lacking. */
  async function lackingReceipt(...names: string[]): Promise<string> {
    const first = await kitJson(path('first'));
    const receipt: Receipt = {
      ...{ stream: 'main', sequence: 1, snapshot: first.snapshot.digest, kit: first.snapshot.digest },
      ...{ target: 'registry.zone', rootVersion: 1, waived: [], at: instantOf(systemClock.now()) },
      fidelity: {
        ...{ repositories: 3, tags: 3, manifests: 3, blobs: 3, referrers: 1 },
        lacking: names.map((name) => ({ name, problem: 'not found' })),
      },
    };
    const file = path('lacking.json');
    await writeFile(file, await signReceipt(receipt, createSigner(plant.privateKey)));
    return `receipt:${file}`;
  }

  test('does not count for the repositories that lack it', async () => {
    const whole = await contentBytes('--base', await lackingReceipt());
    expect(whole).toBe(await contentBytes('--base', 'main.1'));
    const withoutApi = await contentBytes('--base', await lackingReceipt('apps/api:2.0'));
    const withoutWeb = await contentBytes('--base', await lackingReceipt(`apps/web@sha256:${'0'.repeat(64)}`));
    const full = await contentBytes();
    expect(withoutApi).toBeGreaterThanOrEqual(whole);
    expect(withoutWeb).toBeGreaterThan(whole + 300_000);
    expect(withoutWeb).toBeLessThan(full);
  });

  test('does not count at all where the snapshots themselves are lacking', async () => {
    const base = await lackingReceipt('mirrors/main:main.1');
    expect(await contentBytes('--base', base)).toBe(await contentBytes());
  });
});

describe('a short code', () => {
  test('is a base that proves nothing, as is said', async () => {
    const { code } = jsonOf(await cliBytes('mirror', 'status', '--state', path('state-code'), '--output', 'json'));
    expect(code).toBe(null);
    const first = await importInto('plant', path('both'));
    const ended = await kits.mirror.plan('--base', first.code.toLowerCase().replaceAll('-', ' '));
    expect(ended).toMatchObject({ status: 0, err: expect.stringContaining('a code proves nothing') });
    expect(await kits.mirror.plan('--quiet', '--base', first.code)).toMatchObject({ status: 0, err: '' });
    expect(await contentBytes('--base', first.code)).toBe(await contentBytes('--base', 'main.3'));
  });

  test('that is mistyped, of no snapshot, or of another stream is refused', async () => {
    const { code } = await importInto('plant', path('both'));
    const typo = code.replace('main.3.', 'main.2.');
    expect(await kits.mirror.plan('--base', typo)).toMatchObject({
      status: 2,
      err: expect.stringContaining('mistyped'),
    });
    const unknown = await kits.mirror.plan('--base', 'main.12.04HM-ASW9-5');
    expect(unknown).toMatchObject({ status: 1, err: expect.stringContaining('not the code of a snapshot of main') });
    const foreign = await kits.mirror.plan('--base', 'other.12.04HM-ASW9-5');
    expect(foreign).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_STREAM_MISMATCH') });
  });
});

test('a spec without zones says what to add', async () => {
  const spec = path('without.yaml');
  await writeFile(spec, (await readFile(kits.mirror.spec, 'utf8')).replace('zones: zones\n', ''));
  const ended = await cliBytes('mirror', 'plan', spec, '--zone', 'plant');
  expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('zones: zones') });
});
