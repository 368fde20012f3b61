import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import {
  type DockerRegistry,
  describePeers,
  registryConfig,
  registryLogin,
  requirePeer,
  runCommand,
  runPeer,
  runWithoutRoute,
  startDockerRegistry,
} from './peers.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

describe('runCommand', () => {
  test('gives exit code, both outputs and the input', async () => {
    const result = await runCommand('sh', ['-c', 'cat; echo no >&2; exit 3'], { input: 'yes' });
    expect(result).toEqual({ code: 3, stdout: 'yes', stderr: 'no\n' });
  });

  test('hides the settings of whoever runs the tests, and removes the home that it gave', async () => {
    const { stdout } = await runCommand('sh', ['-c', 'touch "$HOME/x"; echo "$HOME"; env | sed "s/=.*//"'], {
      env: { EXTRA: '1' },
    });
    const [home = '', ...names] = stdout.trim().split('\n');
    expect(home).not.toBe(homedir());
    await expect(stat(home)).rejects.toMatchObject({ code: 'ENOENT' });
    const shells = ['PWD', 'OLDPWD', 'SHLVL', '_'];
    expect(names.filter((name) => !shells.includes(name)).sort()).toEqual([
      'COSIGN_PASSWORD',
      'EXTRA',
      'HOME',
      'LC_ALL',
      'PATH',
      'TMPDIR',
    ]);
  });

  test('a command that takes too long, or is not there, rejects with its name', async () => {
    await expect(runCommand('sleep', ['60'], { timeoutMs: 50 })).rejects.toThrow('sleep 60 did not end within 50 ms');
    await expect(runCommand('no-such-command', [])).rejects.toThrow('no-such-command failed (ENOENT)');
  });
});

describePeers(['docker-registry', 'oras'], 'startDockerRegistry', () => {
  let registry: DockerRegistry | undefined;
  afterEach(() => registry?.stop());

  /** Pushes one file; the manifest's digest. */
  async function push(host: string, ...login: string[]): Promise<{ code: number; digest: string }> {
    await writeFile(join(dir, 'file.txt'), 'hello\n');
    const reference = `${host}/some/thing:1`;
    const args = ['push', '--plain-http', ...login, '--format', 'go-template={{.digest}}', reference, 'file.txt'];
    const { code, stdout } = await runPeer('oras', args, { cwd: dir });
    return { code, digest: stdout.trim() };
  }

  function deleteManifest(host: string, digest: string): Promise<Response> {
    return fetch(`http://${host}/v2/some/thing/manifests/${digest}`, { method: 'DELETE' });
  }

  test('takes a push, refuses to delete, and is gone after stop', async () => {
    registry = await startDockerRegistry();
    const { code, digest } = await push(registry.host);
    expect(code).toBe(0);
    expect((await deleteManifest(registry.host, digest)).status).toBe(405);
    await registry.stop();
    await expect(fetch(`http://${registry.host}/v2/`)).rejects.toThrow();
  });

  test('with deletes it deletes', async () => {
    registry = await startDockerRegistry({ deletes: true });
    const { digest } = await push(registry.host);
    expect((await deleteManifest(registry.host, digest)).status).toBe(202);
  });

  test('with htpasswd it wants the login', async () => {
    registry = await startDockerRegistry({ htpasswd: true });
    const { username, password } = registryLogin;
    expect((await push(registry.host)).code).not.toBe(0);
    expect((await push(registry.host, '--username', username, '--password', 'wrong')).code).not.toBe(0);
    expect((await push(registry.host, '--username', username, '--password', password)).code).toBe(0);
  });
});

describePeers(['unshare', 'ip', 'docker-registry'], 'runWithoutRoute', () => {
  test('there is nothing but loopback, and not the one of the host', async () => {
    const outside = createServer((_, response) => response.end('reached'));
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = outside.address() as AddressInfo;
      const script = `ip -brief link; ip route; ! (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null`;
      const { code, stdout } = await runWithoutRoute(['bash', '-euc', script]);
      expect(code).toBe(0);
      expect(stdout.trim().split('\n')).toEqual([expect.stringMatching(/^lo +UNKNOWN /)]);
    } finally {
      outside.close();
    }
  });

  test('a server inside answers the command, and ends with it', async () => {
    const config = join(dir, 'config.json');
    await writeFile(config, JSON.stringify(registryConfig(dir, '127.0.0.1:5000')));
    const server = { argv: [requirePeer('docker-registry'), 'serve', config], port: 5000 } as const;
    const script = `exec 3<>/dev/tcp/127.0.0.1/5000; printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3`;
    const result = await runWithoutRoute(['bash', '-euc', script], { server });
    expect(result).toMatchObject({ code: 0, stdout: 'HTTP/1.0 200 OK\r\n' });
    expect((await runCommand('pgrep', ['-f', config])).code).toBe(1);
  });

  test('the exit code is that of the command, or 125 where the server does not come up', async () => {
    expect((await runWithoutRoute(['sh', '-c', 'exit 7'])).code).toBe(7);
    const server = { argv: ['sh', '-c', 'exit 0'], port: 5000 } as const;
    const { code, stderr } = await runWithoutRoute(['true'], { server });
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining('before port 5000 answered') });
  });
});
