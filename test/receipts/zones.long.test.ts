import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addSeconds, type Digest, instantOf, systemClock } from '#core';
import { type Receipt, signReceipt } from '#mirror';
import { createSigner, type KeyPair } from '#signing';
import { type KitFixture, noiseText, openKits, pushTagged } from '../mirror/kit-fixture.ts';
import { cliBytes, jsonOf, treeOf, within, writePem } from '../mirror/mirror-fixture.ts';

/** Of every receipt of the first snapshot. */
const AT = instantOf(systemClock.now());

let kits: KitFixture;
let plant: KeyPair;
let ship: KeyPair;
/** The snapshots of the mirror, by sequence number. */
const snapshots: Digest[] = [];

const path = (...names: string[]) => kits.mirror.path(...names);
const zone = (verb: string, ...args: string[]) => cliBytes('mirror', 'zone', verb, kits.mirror.spec, ...args);
const list = async () => jsonOf(await zone('list', '--output', 'json'));

beforeAll(async () => {
  kits = await openKits();
  [plant, ship] = [await writePem(path('plant.pem')), await writePem(path('ship.pem'))];
  const spec = await readFile(kits.mirror.spec, 'utf8');
  await writeFile(kits.mirror.spec, spec.replace('tuf: tuf\n', 'tuf: tuf\nzones: zones\n'));
  for (let i = 0; i < 3; i++) {
    await within(`${kits.registry.host}/apps/web`, (web) => pushTagged(web, 'moving', noiseText(1000, `${i}`)));
    snapshots.push(jsonOf(await kits.mirror.snapshot('--output', 'json')).digest);
  }
});
afterAll(() => kits.registry.close());

beforeEach(async () => {
  await rm(path('zones'), { recursive: true, force: true });
  expect(await zone('add', 'plant', '--key', path('plant.pem.pub'))).toMatchObject({ status: 0 });
});

/** A receipt of a snapshot, in a file. */
async function receiptFile(sequence: number, change: Partial<Receipt> = {}, by: KeyPair = plant): Promise<string> {
  const receipt: Receipt = {
    stream: 'main',
    sequence,
    snapshot: snapshots[sequence - 1] as Digest,
    kit: `sha256:${'b'.repeat(64)}` as Digest,
    target: 'registry.zone:5000',
    rootVersion: 1,
    waived: [],
    fidelity: { repositories: 2, tags: 2, manifests: 3, blobs: 4, referrers: 1, lacking: [] },
    at: addSeconds(AT, sequence),
    ...change,
  };
  const file = path('receipt.json');
  await writeFile(file, await signReceipt(receipt, createSigner(by.privateKey)));
  return file;
}

async function expectRefused(file: string, code: string, ...more: string[]): Promise<string> {
  const before = await treeOf(path('zones'));
  const ended = await zone('receipt', file, ...more);
  expect(ended.err).toContain(`error ${code}: `);
  expect(ended.err).toContain('hint: ');
  expect(await treeOf(path('zones'))).toEqual(before);
  return ended.err;
}

describe('zones', () => {
  test('are added, listed and removed; adding one twice writes nothing', async () => {
    expect(await zone('add', 'ship', '--key', path('ship.pem.pub'))).toMatchObject({ status: 0 });
    const before = await treeOf(path('zones'));
    expect((await zone('add', 'ship', '--key', path('ship.pem.pub'))).out.toString()).toMatch(/^unchanged zone ship/);
    expect(await treeOf(path('zones'))).toEqual(before);
    expect((await list()).map((each: { zone: string }) => each.zone)).toEqual(['plant', 'ship']);
    expect((await zone('list')).out.toString()).toBe(
      'plant: no receipt, 3 snapshots behind\nship: no receipt, 3 snapshots behind\n',
    );
    expect(await zone('remove', 'plant')).toMatchObject({ status: 0 });
    expect((await list()).map((each: { zone: string }) => each.zone)).toEqual(['ship']);
    expect(await zone('remove', 'plant')).toMatchObject({
      status: 2,
      err: expect.stringContaining('ERR_EXPORT_ZONE_UNKNOWN'),
    });
  });

  test('have one key each, which is Ed25519', async () => {
    const exists = { status: 2, err: expect.stringContaining('ERR_EXPORT_ZONE_EXISTS') };
    expect(await zone('add', 'plant', '--key', path('ship.pem.pub'))).toMatchObject(exists);
    expect(await zone('add', 'other', '--key', path('plant.pem.pub'))).toMatchObject(exists);
    await writePem(path('p256.pem'), 'p256');
    const refused = { status: 2, err: expect.stringContaining('ERR_EXPORT_KEY_INVALID') };
    expect(await zone('add', 'other', '--key', path('p256.pem.pub'))).toMatchObject(refused);
    expect(await zone('add', 'other', '--key', path('plant.pem'))).toMatchObject(refused);
  });

  test.each(['..', '../x', 'a/b', 'A', '-a', 'a-', '.a', 'a.b', '', 'a'.repeat(65)])(
    'are not called %j',
    async (name) => {
      const ended = await zone('add', '--key', path('ship.pem.pub'), '--', name);
      expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('not a valid name of a zone') });
      expect((await list()).length).toBe(1);
    },
  );

  test('need a directory in the spec', async () => {
    const spec = path('without.yaml');
    await writeFile(spec, (await readFile(kits.mirror.spec, 'utf8')).replace('zones: zones\n', ''));
    const ended = await cliBytes('mirror', 'zone', 'list', spec);
    expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_MIRROR_SPEC') });
    expect(ended.err).toContain('zones: zones');
  });

  test('behind a link are neither written nor deleted', async () => {
    const elsewhere = path('elsewhere');
    await mkdir(elsewhere, { recursive: true });
    await writeFile(join(elsewhere, 'zone.pub'), await readFile(path('ship.pem.pub')));
    await symlink(elsewhere, path('zones/linked'));
    const before = await treeOf(elsewhere);
    await zone('remove', 'linked');
    await zone('add', 'linked', '--key', path('ship.pem.pub'));
    await zone('receipt', await receiptFile(1, {}, ship));
    expect(await treeOf(elsewhere)).toEqual(before);
  });
});

describe('a receipt', () => {
  test('is recorded for the zone whose key signed it, and once only', async () => {
    expect(await zone('add', 'ship', '--key', path('ship.pem.pub'))).toMatchObject({ status: 0 });
    const first = await zone('receipt', await receiptFile(2), '--output', 'json');
    expect(jsonOf(first)).toMatchObject({
      zone: 'plant',
      isNew: true,
      sequence: 2,
      snapshot: snapshots[1],
      lacking: 0,
    });
    const before = await treeOf(path('zones'));
    expect(jsonOf(await zone('receipt', path('receipt.json'), '--output', 'json'))).toMatchObject({ isNew: false });
    expect(await treeOf(path('zones'))).toEqual(before);
    const [atPlant, atShip] = await list();
    expect(atPlant).toMatchObject({
      zone: 'plant',
      behind: 1,
      receipt: { sequence: 2, verifiedAt: addSeconds(AT, 2) },
    });
    expect(atShip).toMatchObject({ zone: 'ship', behind: 3, receipt: null });
    const text = (await zone('list')).out.toString();
    expect(text).toContain(`plant: snapshot 2 since ${addSeconds(AT, 2)}, 1 snapshot behind\n`);
    expect(jsonOf(await zone('receipt', await receiptFile(3), '--output', 'json'))).toMatchObject({ isNew: true });
    expect((await zone('list')).out.toString()).toContain('up to date');
  });

  test('is what an import wrote', async () => {
    const kit = await kits.export('kit');
    const more = ['--zone-key', path('plant.pem'), '--zone', 'plant'];
    const report = jsonOf(await kits.mirror.importTo(kit, `oci:${path('target')}`, ...more, '--output', 'json'));
    expect(await zone('receipt', report.receipt)).toMatchObject({ status: 0 });
    expect(await list()).toMatchObject([{ zone: 'plant', behind: 0, receipt: { snapshot: report.snapshot } }]);
  });

  test('without a zone key is an error of usage', async () => {
    for (const more of [
      ['--zone', 'plant'],
      ['--receipt', 'x'],
    ]) {
      const ended = await kits.mirror.importTo(path('kit'), `oci:${path('target')}`, ...more);
      expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('requires --zone-key') });
    }
  });

  test('of a zone that is not known, of another one, of another stream is refused', async () => {
    await expectRefused(await receiptFile(1, {}, ship), 'ERR_EXPORT_SIGNATURE_INVALID');
    const error = await expectRefused(await receiptFile(1, { zone: 'ship' }), 'ERR_EXPORT_RECEIPT_INVALID');
    expect(error).toContain('says that it is of zone ship, but the key of zone plant signed it');
    await expectRefused(await receiptFile(1, { stream: 'other' }), 'ERR_EXPORT_STREAM_MISMATCH');
  });

  test('in a pipe, which is not waited for, a device or a directory is an error of usage', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', path('pipe')]);
    for (const file of [path('pipe'), '/dev/zero', path('zones')]) {
      expect(await expectRefused(file, 'ERR_EXPORT_USAGE')).toContain('not a regular file');
      const ended = await kits.mirror.plan('--base', `receipt:${file}`);
      expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('not a regular file') as string });
    }
  });

  test('of a snapshot that TUF does not list is refused', async () => {
    await expectRefused(await receiptFile(4, { snapshot: snapshots[0] as Digest }), 'ERR_EXPORT_RECEIPT_INVALID');
    await expectRefused(await receiptFile(1, { snapshot: snapshots[1] as Digest }), 'ERR_EXPORT_RECEIPT_INVALID');
  });

  test('that is forged or no receipt is refused', async () => {
    const file = await receiptFile(1);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/"payload":"..../, '"payload":"AAAA'));
    await expectRefused(file, 'ERR_EXPORT_SIGNATURE_INVALID');
    for (const other of ['{}', '', 'x'.repeat(1000)]) {
      await writeFile(file, other);
      await expectRefused(file, 'ERR_EXPORT_RECEIPT_INVALID');
    }
    await expectRefused(path('absent'), 'ERR_EXPORT_NOT_FOUND');
  });

  test('that is older than the recorded one is refused, unless told otherwise', async () => {
    expect(await zone('receipt', await receiptFile(3))).toMatchObject({ status: 0 });
    await expectRefused(await receiptFile(2), 'ERR_EXPORT_RECEIPT_REPLAYED');
    await expectRefused(await receiptFile(3, { at: AT }), 'ERR_EXPORT_RECEIPT_REPLAYED');
    await expectRefused(await receiptFile(2, { at: addSeconds(AT, 9) }), 'ERR_EXPORT_RECEIPT_REPLAYED');
    expect(await zone('receipt', await receiptFile(3, { at: addSeconds(AT, 4) }))).toMatchObject({ status: 0 });
    await expectRefused(await receiptFile(3), 'ERR_EXPORT_RECEIPT_REPLAYED');
    expect(await zone('receipt', await receiptFile(2), '--allow-older')).toMatchObject({ status: 0 });
    expect(await list()).toMatchObject([{ behind: 1, receipt: { sequence: 2 } }]);
  });

  test('of a target that lacks something is recorded, and the list says so', async () => {
    const fidelity = { repositories: 2, tags: 2, manifests: 3, blobs: 4, referrers: 1 };
    const lacking = [{ name: 'apps/web:1.0', problem: 'not found' }];
    expect(await zone('receipt', await receiptFile(3, { fidelity: { ...fidelity, lacking } }))).toMatchObject({
      status: 0,
    });
    expect((await zone('list')).out.toString()).toContain('up to date; it lacks 1 object');
  });

  test('that was damaged where it is kept is refused by name', async () => {
    expect(await zone('receipt', await receiptFile(1))).toMatchObject({ status: 0 });
    const file = path('zones/plant/main.dsse.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/"sig":"..../, '"sig":"AAAA'));
    const ended = await zone('list');
    expect(ended).toMatchObject({ status: 3, err: expect.stringContaining(file) });
    expect(ended.err).toContain('ERR_EXPORT_SIGNATURE_INVALID');
  });
});
