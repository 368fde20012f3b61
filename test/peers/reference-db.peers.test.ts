import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { buildReferenceDb, describePeers, registryConfig, requirePeer, runPeer, runWithoutRoute } from './peers.ts';

const goSource = { ecosystem: 'go', id: 'govulndb', name: 'A Go source', url: 'https://go.example/' } as const;
const pipSource = { ecosystem: 'pip', id: 'osv', name: 'A Python source', url: 'https://pip.example/' } as const;
const goRecord = {
  schema_version: '1.7.0',
  id: 'GO-2020-0001',
  modified: '2024-05-20T16:03:47Z',
  aliases: ['CVE-2020-36567'],
  summary: 'A request can forge lines of the log',
  affected: [
    {
      package: { ecosystem: 'Go', name: 'github.com/gin-gonic/gin' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1.6.0' }] }],
    },
  ],
};
const pipRecord = {
  schema_version: '1.7.0',
  id: 'PYSEC-2019-0000',
  modified: '2024-05-20T16:03:47Z',
  details: 'A made-up record',
  affected: [
    {
      package: { ecosystem: 'PyPI', name: 'made-up' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '1.0' }, { fixed: '2.0' }] }],
    },
  ],
};

const pageBytes = 4096;

describePeers(['trivydb-ref', 'bbolt'], 'the reference builder', () => {
  let dir: string;
  let database: string;
  beforeAll(async () => {
    dir = await makeTempDir();
    await mkdir(join(dir, 'go'));
    await mkdir(join(dir, 'pip'));
    await writeFile(join(dir, 'go', 'one.json'), JSON.stringify(goRecord));
    await writeFile(join(dir, 'pip', 'two.json'), JSON.stringify(pipRecord));
    database = await buildReferenceDb(join(dir, 'out'), [
      { ...goSource, dir: join(dir, 'go') },
      { ...pipSource, dir: join(dir, 'pip') },
    ]);
  });

  async function bbolt(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runPeer('bbolt', args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  }

  test('files the records under their sources, in a database that bbolt finds valid', async () => {
    expect(await bbolt('check', database)).toBe('OK');
    expect((await bbolt('buckets', database)).split('\n')).toEqual([
      'data-source',
      'go::A Go source',
      'pip::A Python source',
      'vulnerability',
    ]);
    const advisory = await bbolt('get', database, 'go::A Go source', 'github.com/gin-gonic/gin', 'CVE-2020-36567');
    expect(readJson(advisory)).toEqual({
      VendorIDs: ['GO-2020-0001'],
      VulnerableVersions: ['<1.6.0'],
      PatchedVersions: ['1.6.0'],
    });
    expect(readJson(await bbolt('get', database, 'data-source', 'pip::A Python source'))).toEqual({
      ID: 'osv',
      Name: 'A Python source',
      URL: 'https://pip.example/',
    });
    const metadata = readJson(await readFile(join(dir, 'out', 'metadata.json'), 'utf8'));
    expect(metadata).toMatchObject({ Version: 2 });
  });

  test('bbolt finds damage in it', async () => {
    const bytes = await readFile(database);
    // Behind the two pages of metadata each page opens with its own number.
    for (let offset = 2 * pageBytes; offset < bytes.length; offset += pageBytes) bytes.writeUInt8(0x77, offset);
    const damaged = join(dir, 'damaged.db');
    await writeFile(damaged, bytes);
    expect((await runPeer('bbolt', ['check', damaged])).code).not.toBe(0);
  });

  test('says which directory is not there', async () => {
    const missing = join(dir, 'missing');
    const build = buildReferenceDb(join(dir, 'other'), [{ ...goSource, dir: missing }]);
    await expect(build).rejects.toThrow(missing);
  });
});

describePeers(['trivydb-ref', 'docker-registry', 'oras', 'trivy', 'unshare', 'ip'], 'its database', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await makeTempDir();
  });

  const repository = '127.0.0.1:5000/trivy-db:2';
  const layerType = 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip';
  const quiet = '--skip-version-check --disable-telemetry --no-progress --quiet';
  const script = `
    tar -czf db.tar.gz -C out trivy.db metadata.json
    "$ORAS" push --plain-http ${repository} db.tar.gz:${layerType} >&2
    "$TRIVY" fs ${quiet} --cache-dir cache --db-repository ${repository} --scanners vuln --offline-scan --format json app`;

  test('gives trivy its findings where no packet can leave', async () => {
    await mkdir(join(dir, 'go'));
    await writeFile(join(dir, 'go', 'one.json'), JSON.stringify(goRecord));
    await buildReferenceDb(join(dir, 'out'), [{ ...goSource, dir: join(dir, 'go') }]);
    await mkdir(join(dir, 'app'));
    await writeFile(join(dir, 'app', 'go.mod'), 'module app\n\ngo 1.26\n\nrequire github.com/gin-gonic/gin v1.5.0\n');
    await writeFile(join(dir, 'config.json'), JSON.stringify(registryConfig(dir, '127.0.0.1:5000')));

    const argv = [requirePeer('docker-registry'), 'serve', join(dir, 'config.json')] as const;
    const env = { ORAS: requirePeer('oras'), TRIVY: requirePeer('trivy') };
    const options = { cwd: dir, env, server: { argv, port: 5000 } };
    const { code, stdout, stderr } = await runWithoutRoute(['bash', '-euc', script], options);
    expect(code, stderr).toBe(0);
    expect(readJson(stdout).Results[0].Vulnerabilities).toMatchObject([
      {
        VulnerabilityID: 'CVE-2020-36567',
        PkgName: 'github.com/gin-gonic/gin',
        InstalledVersion: 'v1.5.0',
        FixedVersion: '1.6.0',
        Title: goRecord.summary,
      },
    ]);
  });
});
