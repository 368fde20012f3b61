import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { cosignTagOf } from '#oci/image';
import { CliFixture } from '../../bad-input/fixture.ts';
import { describeRealData } from '../../line/real-data.ts';
import { type DockerRegistry, runPeer, startDockerRegistry } from '../../peers/peers.ts';
import { kitJson, pushTagged } from '../kit-fixture.ts';
import { jsonOf, type MirrorFixture, openMirror, within } from '../mirror-fixture.ts';
import { advanceReferenceMirror, countMirror, fillReferenceMirror, makerTools } from '../reference-mirror.ts';

const peers = [...Object.values(makerTools), 'docker-registry', 'trivydb-ref', 'crane', 'skopeo'] as const;

/**
 * Zone A imports day 1 and the delta of day 2, zone B day 1 alone, zone C nothing. The kit of day 4 is lost. On day 5 one
 * delta serves A and B, on the bases of both; C gets a full kit.
 */
describeRealData(peers, 'the reference mirror, day by day', () => {
  let source: DockerRegistry;
  let zoneA: DockerRegistry;
  let zoneB: string;
  let zoneC: DockerRegistry;
  let stock: DockerRegistry;
  let cli: CliFixture;
  let mirror: MirrorFixture;
  const kits: Record<string, string> = {};
  const take = async (name: string, ...bases: string[]) => {
    jsonOf(await mirror.snapshot('--output', 'json'));
    return exportTo(name, ...bases);
  };
  const exportTo = async (name: string, ...bases: string[]) => {
    const options = bases.flatMap((base) => ['--base', base]);
    kits[name] = mirror.path(name);
    const ended = await mirror.exportTo(
      kits[name],
      '--kit-key',
      mirror.path('stream.pem'),
      ...options,
      '--output',
      'json',
    );
    return jsonOf(ended);
  };
  const importTo = (zone: string, kit: string, ...more: string[]) => {
    const state = mirror.path(`state-${zone.replaceAll(/\W/g, '-')}`);
    return mirror.importTo(kits[kit] as string, zone, '--state', state, '--output', 'json', ...more);
  };

  beforeAll(async () => {
    [source, zoneA, zoneC, stock] = (await Promise.all(
      Array.from({ length: 4 }, () => startDockerRegistry({ deletes: true })),
    )) as [DockerRegistry, DockerRegistry, DockerRegistry, DockerRegistry];
    cli = await CliFixture.open();
    const server = cli.start(['serve', '--data', 'served', '--listen', '127.0.0.1:0']);
    zoneB = (await server.said(/http:\/\/(127\.0\.0\.1:\d+)/))[1] ?? '';
    mirror = await openMirror(source.host);
    await fillReferenceMirror(mirror.dir, source.host);
    await mirror.writeSpec('  - { name: "*", signatures: none }\n');
    await take('day1');
    for (const zone of [zoneA.host, zoneB, stock.host]) jsonOf(await importTo(zone, 'day1'));
    await within(`${source.host}/security/trivy-db`, async (repository) => {
      const before = (await repository.resolve('2')) as Descriptor;
      await advanceReferenceMirror(mirror.dir, source.host);
      // A signature of what has no tag any more is not mirrored.
      const signature = await repository.resolve(cosignTagOf(before.digest, 'sig'));
      await repository.delete(signature as Descriptor);
    });
  });
  afterAll(async () => {
    for (const registry of [source, zoneA, zoneC, stock]) await registry.stop();
    await cli[Symbol.asyncDispose]();
  });

  test('day 2: a delta loses nothing, and sends nothing that the zone had', async () => {
    const delta = await take('day2', 'main.1');
    const full = await exportTo('day2-full');
    expect(delta.contentBytes + delta.reliedOn.sizeBytes).toBe(full.contentBytes);
    expect(delta.reliedOn.sizeBytes).toBeGreaterThan(0);
    const report = jsonOf(await importTo(zoneA.host, 'day2'));
    expect(report.bytesSent).toBeLessThanOrEqual(delta.contentBytes);
    expect(await countMirror(source.host, zoneA.host)).toMatchObject({ code: 0 });
  });

  test('the delta of day 2 is read by oras and skopeo where the target has its base, and not elsewhere', async () => {
    const cwd = kits['day2'] as string;
    const oras = (to: string, ...options: string[]) =>
      runPeer('oras', ['cp', ...options, '--from-oci-layout-path', '.', '--to-plain-http', 'apps/web:1.2', to], {
        cwd,
      });
    const skopeo = (to: string) => {
      const args = ['copy', '--insecure-policy', '--all', '--dest-tls-verify=false', 'oci:.:apps/web:1.2'];
      return runPeer('skopeo', [...args, `docker://${to}`], { cwd });
    };
    const digest = async (reference: string) => {
      const { code, stdout, stderr } = await runPeer('crane', ['digest', '--insecure', reference]);
      expect(code, stderr).toBe(0);
      return stdout.trim();
    };
    for (const [tag, copy] of [
      ['1.2', (to: string) => oras(to, '-r')],
      ['by-skopeo', skopeo],
    ] as const) {
      const to = `${stock.host}/apps/web:${tag}`;
      const copied = await copy(to);
      expect(copied.code, copied.stderr).toBe(0);
      expect(await digest(to)).toBe(await digest(`${source.host}/apps/web:1.2`));
      expect(await runPeer('crane', ['validate', '--insecure', '--remote', to])).toMatchObject({ code: 0 });
      expect((await copy(`${zoneC.host}/other/web:${tag}`)).code).not.toBe(0);
    }
  });

  test('day 5, after the medium of day 4 is lost: one delta for two zones, a full kit for the third', async () => {
    await within(`${source.host}/apps/web`, (repository) => pushTagged(repository, '1.3', 'day 4'));
    const lost = await take('day4', 'main.2');
    await within(`${source.host}/apps/api`, (repository) => pushTagged(repository, '2.2', 'day 5'));
    await take('day5', 'main.2', 'main.1');
    await exportTo('day5-after-day4', 'main.3');
    await exportTo('day5-full');
    const refused = await importTo(zoneA.host, 'day5-after-day4');
    expect(refused).toMatchObject({ status: 2, err: expect.stringContaining('--base main.2') });
    expect(lost.sequence).toBe(3);
    expect((await kitJson(kits['day5'] as string)).bases).toHaveLength(2);
    jsonOf(await importTo(zoneA.host, 'day5'));
    const pruned = jsonOf(await importTo(zoneB, 'day5', '--prune')).tombstones.pruned;
    expect(pruned).toContain('apps/api:2.0');
    jsonOf(await importTo(zoneC.host, 'day5-full'));
    for (const zone of [zoneA.host, zoneB, zoneC.host]) {
      const counted = await countMirror(source.host, zone);
      expect(counted.code, `${zone}: ${counted.stdout}${counted.stderr}`).toBe(0);
    }
  });

  test('docker-registry, which removes no single tag, is named by --prune', async () => {
    const ended = await importTo(zoneA.host, 'day5', '--prune');
    expect(ended).toMatchObject({ status: 1, err: expect.stringContaining('did not remove') });
    expect(await countMirror(source.host, zoneA.host)).toMatchObject({ code: 0 });
  });
});
