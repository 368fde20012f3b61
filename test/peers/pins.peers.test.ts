import { mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { peerNames, peerPath, peerPin, pins, requirePeer, runCommand, runPeer, testPeers } from './peers.ts';

test('pins.txt holds the names that the tests know, and no other', () => {
  expect([...pins.keys()]).toEqual([...peerNames]);
});

describe('peerPath', () => {
  let cache: string;
  beforeEach(async () => {
    cache = await makeTempDir();
    vi.stubEnv('EXPORT_CENTER_PEERS', cache);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
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
      } else if (kind === 'pip') {
        expect((await runPeer(name, ['--version'])).stdout.trim()).toBe(version);
      } else if (name === 'htpasswd') {
        // It prints no version, and its form of a hash is all that counts.
        expect((await runPeer(name, ['-nbB', 'a', 'b'])).stdout).toMatch(/^a:\$2y\$/);
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
