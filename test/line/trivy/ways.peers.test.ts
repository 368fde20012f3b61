import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findingsIn, silence, trivies } from '../../artifacts/trivy/stock-trivy.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { type DockerRegistry, describePeers, requirePeer, runPeer, startDockerRegistry } from '../../peers/peers.ts';
import { exportReport, runHere, succeed } from '../cli.ts';
import { writeImageLayout } from './image-layout.ts';
import { packageLock } from './lock-files.ts';

const QUIET = ['--quiet', '--no-progress'];
const SCAN = ['--scanners', 'vuln', '--offline-scan', '--format', 'json'];
const AFFECTED = ['CVE-2026-1 acme 1.0.0 2.0.0'];

const record = {
  id: 'ACME-1',
  modified: '2026-01-01T00:00:00Z',
  aliases: ['CVE-2026-1'],
  affected: [
    {
      package: { ecosystem: 'npm', name: 'acme' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '2.0.0' }] }],
    },
  ],
};

const manifest = JSON.stringify({ name: 'acme', version: '1.0.0' });
const cycloneDx = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  components: [{ type: 'library', name: 'acme', version: '1.0.0', purl: 'pkg:npm/acme@1.0.0', 'bom-ref': 'acme' }],
};
const spdx = {
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: 'app',
  documentNamespace: 'https://spdx.example/app',
  creationInfo: { created: '2026-01-01T00:00:00Z', creators: ['Tool: example-1.0'] },
  packages: [
    {
      SPDXID: 'SPDXRef-acme',
      name: 'acme',
      versionInfo: '1.0.0',
      downloadLocation: 'NONE',
      externalRefs: [
        { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: 'pkg:npm/acme@1.0.0' },
      ],
    },
  ],
  relationships: [
    { spdxElementId: 'SPDXRef-DOCUMENT', relatedSpdxElement: 'SPDXRef-acme', relationshipType: 'DESCRIBES' },
  ],
};

/** What there is to scan, below a folder. */
async function writeTargets(dir: string): Promise<void> {
  const files: Record<string, string> = {
    [join('project', packageLock.name)]: packageLock.encode(new Map([['acme', '1.0.0']])),
    'root/usr/lib/node_modules/acme/package.json': manifest,
    'bom.cdx.json': JSON.stringify(cycloneDx),
    'bom.spdx.json': JSON.stringify(spdx),
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  await writeImageLayout(join(dir, 'image'), { 'usr/lib/node_modules/acme/package.json': manifest });
}

describePeers([...trivies, 'oras', 'docker-registry'], 'ways into trivy', () => {
  const ends: (() => unknown)[] = [];
  let dir: string;
  let registry: DockerRegistry;
  let repository: string;
  let digest: string;

  beforeAll(async () => {
    dir = await makeTempDir();
    await writeTargets(dir);
    await mkdir(join(dir, 'evidence'));
    await writeFile(join(dir, 'evidence/ACME-1.json'), JSON.stringify(record));
    registry = await startDockerRegistry();
    ends.push(() => registry.stop());
    repository = `${registry.host}/security/trivy-db`;
    await succeed(['keys', 'generate', '--out', join(dir, 'keys')], runHere);
    const source = ['--source', join(dir, 'evidence'), '--key', join(dir, 'keys/cosign.key')];
    const args = ['--profile', 'trivy:db', ...source, '--to', `${repository}:2`];
    ({ digest } = await exportReport(args, runHere));
  });
  afterAll(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** A registry of another kind, by what it answers. Gives `HOST:PORT`. */
  async function answering(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    ends.push(() => server.close());
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  describe.each(trivies)('%s', (trivy) => {
    const run = (args: readonly string[]) => runPeer(trivy, args, { cwd: dir, timeoutMs: 60_000 });

    /** What it reports with a cache of its own, unless told. */
    async function scan(args: readonly string[], cache?: string): Promise<string[]> {
      const [command = '', ...rest] = args;
      const folder = cache ?? (await makeTempDir());
      const { code, stdout, stderr } = await run([
        command,
        ...QUIET,
        ...silence[trivy],
        ...SCAN,
        '--cache-dir',
        folder,
        ...rest,
      ]);
      if (code !== 0) throw new Error(`${trivy} ended with ${code}: ${stderr.slice(-2000)}`);
      return findingsIn(stdout).map(({ id, installed, fixed }) => `${id} ${installed} ${fixed}`);
    }

    test('by tag, without a tag, and by digest', async () => {
      for (const suffix of [':2', '', `@${digest}`]) {
        expect(await scan(['fs', '--db-repository', `${repository}${suffix}`, 'project'])).toEqual(AFFECTED);
      }
    });

    // trivy 0.60 gives up where it is asked to wait.
    const busy = trivy === 'trivy' ? [503, 429] : [503];
    test.each(busy)('from the second repository where the first answers %i', async (status) => {
      const first = await answering((_, answer) => answer.writeHead(status).end());
      const repositories = ['--db-repository', `${first}/security/trivy-db:2`, '--db-repository', `${repository}:2`];
      expect(await scan(['fs', ...repositories, 'project'])).toEqual(AFFECTED);
    });

    test('not from a registry that changes one byte of the layer', async () => {
      const address = await answering(async ({ url = '' }, answer) => {
        const original = await fetch(`http://${registry.host}${url}`, {
          headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
        });
        const bytes = Buffer.from(await original.arrayBuffer());
        if (url.includes('/blobs/') && bytes.length > 100) bytes[100] = (bytes[100] ?? 0) ^ 1;
        answer.writeHead(original.status, { 'content-type': original.headers.get('content-type') ?? '' }).end(bytes);
      });
      await expect(scan(['fs', '--db-repository', `${address}/security/trivy-db:2`, 'project'])).rejects.toThrow(
        /ended with 1/,
      );
    });

    test('placed by hand: pulled by oras, unpacked by tar, used without an update', async () => {
      const cache = await makeTempDir();
      await mkdir(join(cache, 'db'));
      const pulled = await runPeer('oras', ['pull', '--plain-http', '--output', cache, `${repository}@${digest}`]);
      expect(pulled.code).toBe(0);
      execFileSync('tar', ['-xzf', join(cache, 'db.tar.gz'), '-C', join(cache, 'db')]);
      expect(await scan(['fs', '--skip-db-update', 'project'], cache)).toEqual(AFFECTED);
    });

    test('once downloaded, and then used without an update, by every command', async () => {
      const cache = await makeTempDir();
      const download = ['--download-db-only', '--db-repository', `${repository}:2`];
      expect((await run(['image', ...QUIET, ...silence[trivy], '--cache-dir', cache, ...download])).code).toBe(0);
      for (const target of [
        ['fs', 'project'],
        ['rootfs', 'root'],
        ['image', '--input', 'image'],
        ['sbom', 'bom.cdx.json'],
        ['sbom', 'bom.spdx.json'],
      ]) {
        expect(
          await scan([target[0] as string, '--skip-db-update', ...target.slice(1)], cache),
          target.join(' '),
        ).toEqual(AFFECTED);
      }
    });

    test('by a server that has the database, and a client that has none', async () => {
      const port = await freePort();
      const args = ['server', ...QUIET, '--cache-dir', await makeTempDir(), '--db-repository', `${repository}:2`];
      const server = spawn(requirePeer(trivy), [...args, '--listen', `127.0.0.1:${port}`], { stdio: 'ignore' });
      const exited = once(server, 'exit');
      try {
        const address = `http://127.0.0.1:${port}`;
        await vi.waitFor(async () => expect((await fetch(`${address}/healthz`)).status).toBe(200), {
          timeout: 30_000,
          interval: 100,
        });
        expect(await scan(['fs', '--server', address, 'project'])).toEqual(AFFECTED);
      } finally {
        server.kill('SIGKILL');
        await exited;
      }
    });
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
