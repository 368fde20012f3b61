import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { describe, noise } from '../oci/content.ts';
import { describePeers, requirePeer } from '../peers/peers.ts';
import { problem } from './registry.ts';
import { serving } from './serving.ts';

const { folder } = serving();
const running: ChildProcess[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) {
    if (server.exitCode !== null || server.signalCode !== null) continue;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }
});

/** A server whose data folder is a file system of its own, mounted where no other process sees it. */
async function startOn(mountOptions: string): Promise<ChildProcess> {
  const dataDir = join(await folder(), 'data');
  await mkdir(dataDir);
  const script = join(import.meta.dirname, 'serve.process.ts');
  const command = 'mount -t tmpfs -o "$1" tmpfs "$2" && exec "$3" "$4" "$2"';
  const args = ['-rm', 'sh', '-c', command, 'sh', mountOptions, dataDir, process.execPath, script];
  const server = spawn(requirePeer('unshare'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(server);
  return server;
}

describePeers(['unshare'], 'a disk that does not do', () => {
  test('full: 507, nothing half-written is visible or kept, and there is room again after a delete', async () => {
    const server = await startOn('size=8m');
    const lines = createInterface({ input: server.stdout ?? expect.fail('no stdout') });
    const [address] = (await once(lines, 'line')) as [string];
    const api = `http://${address}/v2/a/b`;
    const small = noise(1_000_000, 'small');
    const large = noise(9_000_000, 'large');
    const post = async (bytes: Uint8Array) =>
      await fetch(`${api}/blobs/uploads/?digest=${describe(bytes).digest}`, {
        method: 'POST',
        body: Buffer.from(bytes),
      });
    expect((await post(small)).status).toBe(201);
    for (let i = 0; i < 3; i++) expect(await problem(post(large))).toBe('507 UNKNOWN');
    for (let i = 0; i < 3; i++) {
      const { headers } = await fetch(`${api}/blobs/uploads/`, { method: 'POST' });
      const location = `http://${address}${headers.get('location')}`;
      expect((await fetch(location, { method: 'PATCH', body: Buffer.from(large) })).status).toBe(507);
      expect((await fetch(location)).status).toBe(404);
    }
    expect((await fetch(`${api}/blobs/${describe(large).digest}`)).status).toBe(404);
    const back = await fetch(`${api}/blobs/${describe(small).digest}`);
    expect(Buffer.compare(Buffer.from(await back.arrayBuffer()), small)).toBe(0);
    // All that failed has left the room that there was.
    expect((await post(noise(6_000_000, 'fits'))).status).toBe(201);
  });

  test('read-only: the server says so and does not start', async () => {
    const server = await startOn('ro');
    const said = await text(server.stderr ?? expect.fail('no stderr'));
    expect(said).toContain('ERR_EXPORT_NOT_WRITABLE');
    expect(said).toContain('read-only');
    expect(server.exitCode ?? (await once(server, 'exit'))[0]).not.toBe(0);
  });
});
