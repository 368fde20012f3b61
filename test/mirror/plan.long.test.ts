import { createPublicKey, verify } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeEnvelope } from '#signing';
import { readJson } from '../core/read-json.ts';
import { type KitFixture, noiseText, openKits, pushTagged } from './kit-fixture.ts';
import { jsonOf, treeOf, within } from './mirror-fixture.ts';

let kits: KitFixture;
const planWith = (...more: string[]) => kits.mirror.plan(...more);
const jsonPlan = async (...more: string[]) => jsonOf(await planWith('--output', 'json', ...more));

beforeAll(async () => {
  kits = await openKits();
  await kits.export('full');
  await within(`${kits.registry.host}/apps/web`, (repository) =>
    pushTagged(repository, '1.1', noiseText(50_000, 'new')),
  );
  await kits.export('second', '--base', 'main.1');
});
afterAll(() => kits.registry.close());

/** Size and number of files of a kit in a directory, by whether they are blobs. */
async function filesOf(kit: string) {
  const names = Object.keys(await treeOf(kit)).filter((name) => name !== 'checksums.txt.sig');
  const sizes = await Promise.all(names.map(async (name) => ({ name, size: (await stat(`${kit}/${name}`)).size })));
  const sum = (list: typeof sizes) => list.reduce((total, { size }) => total + size, 0);
  const [blobs, others] = [
    sizes.filter(({ name }) => name.startsWith('blobs/')),
    sizes.filter(({ name }) => !name.startsWith('blobs/')),
  ];
  return {
    blobs: { files: blobs.length, sizeBytes: sum(blobs) },
    others: { files: others.length, sizeBytes: sum(others) },
  };
}

describe('a plan', () => {
  test.each([
    ['full', []],
    ['second', ['--base', 'main.1']],
  ])('is exact to the byte for the export that follows: %s', async (name, bases) => {
    const plan = await jsonPlan(...bases);
    const tar = kits.mirror.path(`${name}-plan.tar`);
    const exported = jsonOf(await kits.mirror.exportTo(tar, ...bases, '--output', 'json'));
    expect(exported.kit).toBe(plan.kit);
    expect((await stat(tar)).size).toBe(plan.tarBytes);
    const signed = kits.mirror.path(`${name}-signed.tar`);
    jsonOf(
      await kits.mirror.exportTo(signed, ...bases, '--kit-key', kits.mirror.path('stream.pem'), '--output', 'json'),
    );
    expect((await stat(signed)).size).toBe(plan.signedTarBytes);
    const dir = kits.mirror.path(`${name}-dir`);
    jsonOf(await kits.mirror.exportTo(dir, ...bases, '--output', 'json'));
    const { blobs, others } = await filesOf(dir);
    const { manifests, blobs: layers, metadata } = plan.classes;
    expect({ files: manifests.files + layers.files, sizeBytes: manifests.sizeBytes + layers.sizeBytes }).toEqual(blobs);
    expect(metadata).toEqual(others);
    expect(plan.contentBytes).toBe(blobs.sizeBytes);
  });

  test('counts media, space and time', async () => {
    const options = [
      '--media-size',
      '100kB',
      '--rate',
      '50kB/s',
      '--zone-free',
      '1.5GB',
      '--to',
      kits.mirror.path('a/b/c'),
    ];
    const plan = await jsonPlan(...options);
    const parts = ['--part-size', '100kB', '--kit-key', kits.mirror.path('stream.pem')];
    const cut = jsonOf(await kits.mirror.exportTo(kits.mirror.path('plan-parts'), ...parts, '--output', 'json'));
    expect(plan.media).toEqual({ sizeBytes: 100_000, count: cut.parts });
    expect(plan.time).toEqual({ bytesPerSecond: 50_000, seconds: Math.ceil(plan.signedTarBytes / 50_000) });
    expect(plan.space.zone).toEqual({ freeBytes: 1_500_000_000, neededBytes: plan.contentBytes });
    expect(plan.space.source).toMatchObject({ neededBytes: plan.signedTarBytes });
    expect(plan.space.source.freeBytes).toBeGreaterThan(0);
    const text = (await planWith(...options, '--zone-free', '1B')).out.toString();
    expect(text).toContain('space in the zone: 1 B free');
    expect(text).toContain('NOT ENOUGH');
    expect(text).toMatch(/^media of 97\.7 KiB: \d+$/m);
    const mounted = await jsonPlan('--zone-free', kits.mirror.dir);
    expect(mounted.space.zone.freeBytes).toBeGreaterThan(1);
  });

  test('is signed as a statement about the kit and its snapshot', async () => {
    const path = kits.mirror.path('plan.dsse.json');
    const options = ['--base', 'main.1', '--media-size', '1MB', '--key', kits.mirror.path('stream.pem')];
    const plan = await jsonPlan(...options, '--statement', path);
    const envelope = decodeEnvelope(await readFile(path), path);
    const key = createPublicKey(await readFile(kits.mirror.path('stream.pem.pub')));
    const type = 'application/vnd.in-toto+json';
    const { payload } = envelope;
    const message = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.byteLength} `), payload]);
    expect(verify(null, message, key, envelope.signature)).toBe(true);
    const statement = readJson(Buffer.from(payload).toString());
    expect(statement.predicateType).toBe('https://stellaops.io/export-center/mirror-plan/v1');
    expect(statement.subject).toEqual([
      { name: 'kit.json', digest: { sha256: plan.kit.slice(7) } },
      { name: 'snapshot', digest: { sha256: plan.snapshot.slice(7) } },
    ]);
    const { kit: _, snapshot: __, ...rest } = plan;
    expect(statement.predicate).toMatchObject(rest);
  });

  test('refuses sizes, rates and half a signature', async () => {
    for (const bad of [
      ['--media-size', '0'],
      ['--media-size', '4.7'.concat('XB')],
      ['--media-size', '-1GB'],
      ['--rate', '20MB'],
      ['--zone-free', '1.5.5GB'],
      ['--zone-free', kits.mirror.path('not-mounted')],
      ['--media-size', '4.7'],
      ['--key', kits.mirror.path('stream.pem')],
      ['--statement', kits.mirror.path('x.json')],
    ]) {
      expect(await planWith(...bad), bad.join(' ')).toMatchObject({ status: 2 });
    }
  });
});
