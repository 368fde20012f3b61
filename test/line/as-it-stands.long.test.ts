import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describePeers, requirePeer, runCommand, runPeer } from '../peers/peers.ts';
import type { Report } from './cli.ts';
import { digestsIn, pullLayout, skopeo } from './clients.ts';
import { describeRealData, realData } from './real-data.ts';

const commands = (port: number): string => `
export COSIGN_PASSWORD=
bin/export-center keys generate --out out/keys
bin/export-center serve --data out/data --listen 127.0.0.1:${port} &
bin/export-center export --profile json:raw --source ../shared/data/osv-go-2026-08-22.zip --to oci:out/layout:go-raw --key out/keys/cosign.key --output json
bin/export-center export --profile trivy:db --source ../shared/data/osv-go-2026-08-22.zip --source ../shared/data/osv-pypi-2024-10-11.zip --to 127.0.0.1:${port}/security/trivy-db:2 --key out/keys/cosign.key
bin/export-center verify 127.0.0.1:${port}/security/trivy-db:2 --key out/keys/cosign.pub
`;

describeRealData([], 'the five commands, as they stand in a checkout', () => {
  let dir: string;
  let checkout: string;
  let port: number;
  let server: string;
  let outcome: { readonly code: number; readonly stdout: string; readonly stderr: string };

  beforeAll(async () => {
    dir = await makeTempDir();
    checkout = join(dir, 'checkout');
    await mkdir(join(checkout, 'bin'), { recursive: true });
    await mkdir(join(dir, 'shared'));
    await symlink(join(import.meta.dirname, '../../bin/export-center'), join(checkout, 'bin/export-center'));
    await symlink(realData, join(dir, 'shared/data'));
    port = await freePort();
    outcome = await runBlock(`${commands(port)}\necho "server $!"`);
    server = /^server (\d+)$/m.exec(outcome.stdout)?.[1] ?? '';
  }, 120_000);
  afterAll(async () => {
    if (server !== '') process.kill(Number(server), 'SIGTERM');
  });

  /** Runs commands in a shell of its own, whose background jobs outlive it. */
  async function runBlock(text: string): Promise<typeof outcome> {
    const { PATH = '' } = process.env;
    const child = spawn('sh', ['-euc', text], { cwd: checkout, env: { PATH, HOME: dir } });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    const [code] = (await once(child, 'exit')) as [number];
    return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
  }

  const report = (): Report => {
    const line = outcome.stdout.split('\n').find((text) => text.startsWith('{'));
    return readJson(line ?? '') as Report;
  };

  test('all succeed, and the last proves what the fourth published', () => {
    expect(outcome.code, outcome.stderr).toBe(0);
    // Two records have ranges at which trivy would give up; they are told of, not dropped.
    expect(outcome.stderr).toMatch(
      /boundWidened: .*: PYSEC-2019-125 at \/affected\/0\/\S+, PYSEC-2021-371 at \/affected\/0\/\S+$/m,
    );
    expect(outcome.stderr).not.toMatch(/^error/m);
    expect(report()).toMatchObject({
      profile: 'json:raw',
      asOf: '2026-08-18T20:23:02Z',
      records: { kept: 4291, leftOut: 0, withheld: 0 },
    });
    expect(report().reference).toBe(`oci:out/layout:go-raw@${report().digest}`);
    const [exported, verified] =
      outcome.stdout.match(/127\.0\.0\.1:\d+\/security\/trivy-db:2@sha256:[0-9a-f]{64}/g) ?? [];
    expect(exported).toContain(`:${port}/`);
    expect(verified).toBe(exported);
    expect(outcome.stdout).toMatch(/6,925 records, 27 left out, 0 withheld/);
    expect(outcome.stdout).toMatch(/^verified {2}/m);
  });

  describePeers(['oras', 'crane', 'skopeo', 'bbolt', 'zstd'], 'stock tools on what they left', () => {
    test('oras pulls 4,291 records out of the layout, and sha256sum accepts every file', async () => {
      const folder = join(dir, 'pulled');
      expect(await pullLayout('oras', join(checkout, 'out/layout'), 'go-raw', folder)).toMatchObject({ code: 0 });
      const { code, stdout } = await runCommand('sha256sum', ['-c', '--strict', 'checksums.txt'], { cwd: folder });
      expect(code).toBe(0);
      expect(stdout.trim().split('\n')).toHaveLength(report().layers.length - 1);
      const shards = report().layers.filter(({ title }) => title.startsWith('data/'));
      const count = 'cat data/raw/advisories/*.zst | "$0" -dc | wc -l';
      const lines = await runCommand('sh', ['-c', count, requirePeer('zstd')], { cwd: folder });
      expect(shards.length).toBeGreaterThan(50);
      expect(Number(lines.stdout)).toBe(4291);
    });

    test('skopeo copies the layout to a folder and back, and no digest changes', { timeout: 120_000 }, async () => {
      const [folder, back] = [join(dir, 'copied'), join(dir, 'back')];
      expect(await skopeo([`oci:${join(checkout, 'out/layout')}:go-raw`, `dir:${folder}`])).toMatchObject({ code: 0 });
      expect(await skopeo([`dir:${folder}`, `oci:${back}:go-raw`])).toMatchObject({ code: 0 });
      const blobs = [...(await digestsIn(join(back, 'blobs'))).values()];
      expect(blobs).toEqual(expect.arrayContaining([report().digest, ...report().layers.map(({ digest }) => digest)]));
    });

    test('crane finds the database valid, and bbolt every page of it', async () => {
      const reference = `127.0.0.1:${port}/security/trivy-db:2`;
      expect(await runPeer('crane', ['validate', '--insecure', '--remote', reference])).toMatchObject({ code: 0 });
      const folder = join(dir, 'database');
      const pulled = await runPeer('oras', ['pull', '--plain-http', reference, '--output', folder]);
      expect(pulled).toMatchObject({ code: 0 });
      expect(await runCommand('tar', ['-xzf', 'db.tar.gz'], { cwd: folder })).toMatchObject({ code: 0 });
      expect(await runPeer('bbolt', ['check', join(folder, 'trivy.db')])).toMatchObject({ code: 0, stdout: 'OK\n' });
    });
  });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
