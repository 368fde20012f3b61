import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest } from '#core';
import { readJson } from '../core/read-json.ts';
import { type KitFixture, openKits } from '../mirror/kit-fixture.ts';
import { jsonOf } from '../mirror/mirror-fixture.ts';
import { describePeers, type RunResult, runPeer } from '../peers/peers.ts';

const cosigns = ['cosign25', 'cosign26', 'cosign3'] as const;

describePeers(cosigns, 'a receipt', () => {
  let kits: KitFixture;
  let receipt: string;
  let manifest: string;

  beforeAll(async () => {
    kits = await openKits();
    const kit = await kits.export('kit');
    const zoneKey = ['--zone-key', kits.mirror.path('zone.pem'), '--zone', 'plant'];
    const to = `oci:${kits.mirror.path('target')}`;
    const report = jsonOf(await kits.mirror.importTo(kit, to, ...zoneKey, '--output', 'json'));
    receipt = report.receipt;
    manifest = join(kit, 'blobs', (report.snapshot as Digest).replace(':', '/'));
  });
  afterAll(() => kits.registry.close());

  const verify = (
    cosign: (typeof cosigns)[number],
    by: string,
    envelope: string,
    subject: string,
  ): Promise<RunResult> => {
    const type = 'https://slsa.dev/verification_summary/v1';
    const args = ['verify-blob-attestation', '--key', by, '--insecure-ignore-tlog=true', '--type', type];
    const trust = cosign === 'cosign3' ? ['--new-bundle-format=false'] : [];
    return runPeer(cosign, [...args, ...trust, '--signature', envelope, subject]);
  };

  test.each(cosigns)(
    'is verified by %s, which refuses a damaged one, another key and another snapshot',
    async (cosign) => {
      const key = kits.mirror.path('zone.pem.pub');
      expect(await verify(cosign, key, receipt, manifest)).toMatchObject({ code: 0 });
      expect((await verify(cosign, kits.mirror.path('stream.pem.pub'), receipt, manifest)).code).not.toBe(0);
      expect((await verify(cosign, key, receipt, kits.mirror.spec)).code).not.toBe(0);
      const { payload, ...rest } = readJson(await readFile(receipt, 'utf8'));
      const forged = Buffer.from(payload, 'base64').toString().replace('"sequence":1', '"sequence":2');
      const damaged = kits.mirror.path('damaged.json');
      await writeFile(damaged, JSON.stringify({ payload: Buffer.from(forged).toString('base64'), ...rest }));
      expect((await verify(cosign, key, damaged, manifest)).code).not.toBe(0);
    },
  );
});
