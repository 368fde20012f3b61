import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test, vi } from 'vitest';
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

const SERVE = 'exec "$3" "$4" "$2"';
/** A store that is there already, on a file system that has become read-only. */
const SERVE_EXISTING = `mkdir -p "$2/registry/default" && echo '{"storeVersion":1}' > "$2/registry/default/store.json" &&
  mount -o remount,ro "$2" && ${SERVE}`;
/** Becomes read-only when a line comes on standard input. */
const SERVE_UNTIL_READ_ONLY = '"$3" "$4" "$2" & read line && mount -o remount,ro "$2" && echo remounted; wait';

/** A server whose data folder is a file system of its own, mounted where no other process sees it. */
async function startOn(mountOptions: string, then = SERVE): Promise<ChildProcess> {
  const dataDir = join(await folder(), 'data');
  await mkdir(dataDir);
  const script = join(import.meta.dirname, 'serve.process.ts');
  const command = `mount -t tmpfs -o "$1" tmpfs "$2" && ${then}`;
  const args = ['-rm', '--kill-child', 'sh', '-c', command, 'sh', mountOptions, dataDir, process.execPath, script];
  const server = spawn(requirePeer('unshare'), args, { stdio: ['pipe', 'pipe', 'pipe'] });
  running.push(server);
  return server;
}

/** The state of readiness is asked for once a second. */
async function expectSoon(url: string, status: number): Promise<void> {
  await vi.waitFor(async () => expect((await fetch(url)).status).toBe(status), { timeout: 10_000, interval: 200 });
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
    for (let i = 0; i < 3; i++) expect(await problem(post(large))).toBe('507 DENIED');
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

  test('full: the registry is not ready, and goes on to answer', async () => {
    const server = await startOn('size=1m');
    const lines = createInterface({ input: server.stdout ?? expect.fail('no stdout') });
    const [address] = (await once(lines, 'line')) as [string];
    expect((await fetch(`http://${address}/readyz`)).status).toBe(200);
    // Uploads that nobody ends, until not even a small one fits.
    for (const sizeBytes of [50_000, 4096]) {
      for (let status = 202; status === 202; ) {
        const { headers } = await fetch(`http://${address}/v2/a/b/blobs/uploads/`, { method: 'POST' });
        const body = Buffer.from(noise(sizeBytes));
        ({ status } = await fetch(`http://${address}${headers.get('location')}`, { method: 'PATCH', body }));
      }
    }
    await expectSoon(`http://${address}/readyz`, 503);
    expect((await fetch(`http://${address}/healthz`)).status).toBe(200);
  });

  test('read-only while it runs: reads go on, pushes are told so, and the registry is not ready', async () => {
    const server = await startOn('size=8m', SERVE_UNTIL_READ_ONLY);
    const lines = createInterface({ input: server.stdout ?? expect.fail('no stdout') });
    const [address] = (await once(lines, 'line')) as [string];
    const post = async (bytes: Uint8Array) =>
      await fetch(`http://${address}/v2/a/b/blobs/uploads/?digest=${describe(bytes).digest}`, {
        method: 'POST',
        body: Buffer.from(bytes),
      });
    const bytes = noise(1000);
    expect((await post(bytes)).status).toBe(201);
    server.stdin?.write('now\n');
    await once(lines, 'line');
    expect(await problem(post(noise(2000)))).toBe('503 DENIED');
    const blob = `http://${address}/v2/a/b/blobs/${describe(bytes).digest}`;
    expect((await fetch(blob)).status).toBe(200);
    expect((await fetch(blob, { method: 'HEAD' })).status).toBe(200);
    await expectSoon(`http://${address}/readyz`, 503);
    expect((await fetch(`http://${address}/healthz`)).status).toBe(200);
    server.kill('SIGTERM');
  });

  test.each([
    ['without a store', SERVE],
    ['with a store', SERVE_EXISTING],
  ])('read-only, %s: the server says so and does not start', async (_, then) => {
    const server = await startOn(then === SERVE ? 'ro' : 'size=1m', then);
    const said = await text(server.stderr ?? expect.fail('no stderr'));
    expect(said).toContain('ERR_EXPORT_NOT_WRITABLE');
    expect(said).toContain('read-only');
    expect(said).toContain('--read-only');
    expect(server.exitCode ?? (await once(server, 'exit'))[0]).not.toBe(0);
  });
});
