import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { describePeers, type RunResult, runCommand, runPeer } from '../peers/peers.ts';
import type { Report } from './cli.ts';
import { clientNames, digestsIn, layoutClients, pull, pullLayout, skopeo } from './clients.ts';
import { artifacts, openFixture, type PipelineFixture, registryNames } from './fixture.ts';

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const exportType = 'application/vnd.stellaops.export.manifest.v1+json';

describePeers([...clientNames, 'docker-registry', 'bbolt'], 'stock clients', () => {
  let fixture: PipelineFixture;
  const reports = new Map<string, Report>();
  beforeAll(async () => {
    fixture = await openFixture();
    for (const artifact of artifacts) reports.set(artifact.profile, await fixture.publish(artifact));
  }, 120_000);
  afterAll(() => fixture.close());

  describe.each(artifacts)('$profile', ({ profile, repository, tag }) => {
    const report = (): Report => reports.get(profile) as Report;

    test('has one digest at all three places', () => {
      const digest = new RegExp(`@${report().digest}$`);
      const places = [report(), ...(report().alsoPublished ?? [])];
      expect(places.map((place) => place.reference)).toEqual(Array(3).fill(expect.stringMatching(digest)));
    });

    describe.each(registryNames)('in %s', (name) => {
      const reference = (): string => fixture.registry(name).reference(repository, tag);

      test.each(clientNames)('%s pulls every byte', async (client) => {
        const folder = join(await fixture.folder(), 'pulled');
        succeeded(await pull(client, reference(), folder));
        await expectContent(folder, client);
      });

      test('crane finds it valid, under the digest that was reported', async () => {
        succeeded(await runPeer('crane', ['validate', '--insecure', '--remote', reference()]));
        const { stdout } = await runPeer('crane', ['digest', '--insecure', reference()]);
        expect(stdout.trim()).toBe(report().digest);
      });

      test('skopeo copies it to a folder and back, and no digest changes', async () => {
        const folder = join(await fixture.folder(), 'copied');
        const back = `${fixture.registry(name).host}/back/${repository}:${tag}`;
        succeeded(await skopeo(['--src-tls-verify=false', `docker://${reference()}`, `dir:${folder}`]));
        succeeded(await skopeo(['--dest-tls-verify=false', `dir:${folder}`, `docker://${back}`]));
        const { stdout } = await runPeer('crane', ['digest', '--insecure', back]);
        expect(stdout.trim()).toBe(report().digest);
      });

      test('oras discovers signature and provenance', async () => {
        const { stdout } = await runPeer('oras', ['discover', '--plain-http', '--format', 'json', reference()]);
        expectReferrers(stdout);
      });

      test('oras pulls the export.json that hangs on it or lies in it', async () => {
        const folder = join(await fixture.folder(), 'pulled');
        const referrer = report().referrers.find(({ artifactType }) => artifactType === exportType);
        const from = `${fixture.registry(name).host}/${repository}@${referrer?.digest ?? report().digest}`;
        succeeded(await runPeer('oras', ['pull', '--plain-http', from, '--output', folder]));
        const { stdout } = await runCommand('cat', [join(folder, 'export.json')]);
        expect(readJson(stdout)).toMatchObject({ asOf: report().asOf, records: { kept: report().records.kept } });
      });
    });

    test.each(layoutClients)('%s reads every byte out of the layout', async (client) => {
      const folder = join(await fixture.folder(), 'pulled');
      succeeded(await pullLayout(client, fixture.layouts.path(repository), tag, folder));
      await expectContent(folder, client);
    });

    test('oras discovers signature and provenance in the layout', async () => {
      const layout = `${fixture.layouts.path(repository)}:${tag}`;
      const { stdout } = await runPeer('oras', ['discover', '--oci-layout', '--format', 'json', layout]);
      expectReferrers(stdout);
    });

    /** Every layer lies in the folder, byte by byte; under its title where the client lays down titles. */
    async function expectContent(folder: string, client: string): Promise<void> {
      const found = await digestsIn(folder);
      const { layers, digest } = report();
      if (client === 'oras' || client === 'regctl') {
        expect(Object.fromEntries(found)).toEqual(
          Object.fromEntries(layers.map((layer) => [layer.title, layer.digest])),
        );
      } else {
        expect([...found.values()]).toEqual(expect.arrayContaining([digest, ...layers.map((layer) => layer.digest)]));
      }
      if (layers.some(({ title }) => title === 'checksums.txt')) await expectChecksums(folder, found);
      else await expectDatabase(folder, found);
    }

    async function expectChecksums(folder: string, found: ReadonlyMap<string, string>): Promise<void> {
      if (!found.has('checksums.txt')) return;
      const { code, stdout, stderr } = await runCommand('sha256sum', ['-c', '--strict', 'checksums.txt'], {
        cwd: folder,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const lines = stdout.trim().split('\n');
      expect(lines).toHaveLength(found.size - 1);
      expect(lines.every((line) => line.endsWith(': OK'))).toBe(true);
    }

    async function expectDatabase(folder: string, found: ReadonlyMap<string, string>): Promise<void> {
      if (!found.has('db.tar.gz')) return;
      succeeded(await runCommand('tar', ['-xzf', 'db.tar.gz'], { cwd: folder }));
      expect(await runPeer('bbolt', ['check', join(folder, 'trivy.db')])).toMatchObject({ code: 0, stdout: 'OK\n' });
    }

    function expectReferrers(discovered: string): void {
      const { referrers } = readJson(discovered) as { referrers: readonly Discovered[] };
      const predicates = referrers.flatMap(({ annotations }) => annotations['dev.sigstore.bundle.predicateType'] ?? []);
      expect(predicates.sort()).toEqual(['https://sigstore.dev/cosign/sign/v1', 'https://slsa.dev/provenance/v1']);
      const types = referrers.map(({ artifactType }) => artifactType).sort();
      expect(types).toEqual([bundleType, bundleType, ...(profile === 'trivy:db' ? [exportType] : [])]);
      expect(referrers.map(({ digest }) => digest).sort()).toEqual(
        report()
          .referrers.map(({ digest }) => digest)
          .sort(),
      );
    }
  });
});

interface Discovered {
  readonly artifactType: string;
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
}

function succeeded({ code, stderr }: RunResult): void {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}
