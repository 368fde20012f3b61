import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  buildReferenceDb,
  describePeers,
  peerNames,
  peerPath,
  peerPin,
  pins,
  requirePeer,
  runCommand,
  runPeer,
  testPeers,
} from './peers.ts';

test('pins.txt holds the names that the tests know, and no other', () => {
  expect([...pins.keys()]).toEqual([...peerNames]);
});

describe('peerPath', () => {
  let cache: string;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'peers-cache-'));
    vi.stubEnv('EXPORT_CENTER_PEERS', cache);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(cache, { recursive: true, force: true });
  });

  async function install(name: string, build: string): Promise<string> {
    const path = join(await realpath(cache), 'go', build, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '', { mode: 0o755 });
    await mkdir(join(cache, 'bin'), { recursive: true });
    await symlink(path, join(cache, 'bin', name));
    return path;
  }

  test('is the build of the pinned version', async () => {
    const path = await install('oras', `oras-${peerPin('oras').version}-0123456789ab`);
    expect(peerPath('oras')).toBe(path);
    expect(requirePeer('oras')).toBe(path);
  });

  test('is undefined for a build of another version, for none, and for a built tool on PATH', async () => {
    await install('oras', 'oras-1.3.5-0123456789ab');
    vi.stubEnv('PATH', await install('crane', 'elsewhere').then(dirname));
    await rm(join(cache, 'bin', 'crane'));
    for (const name of ['oras', 'crane', 'trivy'] as const) expect(peerPath(name)).toBeUndefined();
    expect(() => requirePeer('oras')).toThrow(`PEER ABSENT oras ${peerPin('oras').version}`);
  });

  test('finds a Debian package on PATH', async () => {
    const path = await install('age', 'somewhere');
    await rm(join(cache, 'bin', 'age'));
    vi.stubEnv('PATH', dirname(path));
    expect(peerPath('age')).toBe(path);
  });
});

describe('the installed version is the pinned one:', () => {
  for (const name of peerNames) {
    testPeers([name], name, async () => {
      const { kind, origin, version } = peerPin(name);
      const path = requirePeer(name);
      if (kind === 'go') {
        expect(await modulesIn(path)).toContain(`${origin} v${version}`);
      } else if (kind === 'apt') {
        const { stdout, stderr } = await runPeer(name, [name === 'ip' ? '-V' : '--version']);
        expect((stdout + stderr).match(/\d+\.\d+\.\d+/)?.[0]).toBe(version);
      } else if (path.includes('/go/')) {
        expect(await modulesIn(path)).toContain(`github.com/sigstore/cosign/v2 v${version}`);
      } else {
        // Debian's build calls itself "devel": the SHA-256 of its package, which names its directory, is the proof.
        expect(path).toContain(`/${name}-${version}-${peerPin(name).extra.slice(0, 12)}/`);
        expect((await runPeer(name, ['version'])).code).toBe(0);
      }
    });
  }

  /** The modules that Go wrote into a binary as what it was built from; what a command prints is not always true. */
  async function modulesIn(file: string): Promise<string[]> {
    const { code, stdout, stderr } = await runCommand('go', ['version', '-m', file]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.split('\n').map((line) => line.trim().split('\t').slice(1, 3).join(' '));
  }
});

describePeers(['trivydb-ref', 'bbolt'], 'the reference builder', () => {
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

  let dir: string;
  let database: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'reference-db-'));
    await mkdir(join(dir, 'go'));
    await mkdir(join(dir, 'pip'));
    await writeFile(join(dir, 'go', 'one.json'), JSON.stringify(goRecord));
    await writeFile(join(dir, 'pip', 'two.json'), JSON.stringify(pipRecord));
    database = await buildReferenceDb(join(dir, 'out'), [
      { ...goSource, dir: join(dir, 'go') },
      { ...pipSource, dir: join(dir, 'pip') },
    ]);
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  async function bbolt(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runPeer('bbolt', args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  }

  test('files the records under their sources, in a database that bbolt finds sound', async () => {
    expect(await bbolt('check', database)).toBe('OK');
    expect((await bbolt('buckets', database)).split('\n')).toEqual([
      'data-source',
      'go::A Go source',
      'pip::A Python source',
      'vulnerability',
    ]);
    const advisory = await bbolt('get', database, 'go::A Go source', 'github.com/gin-gonic/gin', 'CVE-2020-36567');
    expect(JSON.parse(advisory)).toEqual({
      VendorIDs: ['GO-2020-0001'],
      VulnerableVersions: ['<1.6.0'],
      PatchedVersions: ['1.6.0'],
    });
    expect(JSON.parse(await bbolt('get', database, 'data-source', 'pip::A Python source'))).toEqual({
      ID: 'osv',
      Name: 'A Python source',
      URL: 'https://pip.example/',
    });
    const metadata = JSON.parse(await readFile(join(dir, 'out', 'metadata.json'), 'utf8'));
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
