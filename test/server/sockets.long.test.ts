import { once } from 'node:events';
import { readdir, readlink, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { startServer } from '#server';
import { MinRateGuard } from '../../src/server/sending/min-rate-guard.ts';
import { ResponseWriter } from '../../src/server/sending/response-writer.ts';
import { describe, noise } from '../oci/content.ts';
import { bare, dial } from './raw.ts';
import { serving } from './serving.ts';

const { start, folder } = serving();
const bytes = noise(5_000_000);
const { digest } = describe(bytes);

async function push(url: string, content: Uint8Array = bytes): Promise<void> {
  const path = `${url}/v2/a/b/blobs/uploads/?digest=${describe(content).digest}`;
  const response = await fetch(path, { method: 'POST', body: Buffer.from(content) });
  expect(response.status).toBe(201);
}

async function begin(url: string): Promise<string> {
  const response = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: 'POST' });
  return response.headers.get('location') ?? expect.fail('no Location');
}

async function patch(url: string, location: string, from: number, to: number): Promise<Response> {
  const headers = { 'content-range': `${from}-${to - 1}` };
  return await fetch(`${url}${location}`, { method: 'PATCH', body: Buffer.from(bytes.subarray(from, to)), headers });
}

/** How many bytes the server says that it has of an upload; of one byte it says the same as of none. */
async function sizeOf(upload: string): Promise<number> {
  const last = Number((await fetch(upload)).headers.get('range')?.slice(2));
  return last === 0 ? 0 : last + 1;
}

/** How many blobs this process has open. */
async function openBlobs(dataDir: string): Promise<number> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((path) => path.startsWith(join(dataDir, 'registry', 'default', 'blobs'))).length;
}

test('a large blob goes there and back, whole and in parts', async () => {
  const { url } = await start();
  await push(url);
  const whole = await fetch(`${url}/v2/a/b/blobs/${digest}`);
  expect(whole.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  expect(whole.headers.get('content-length')).toBe('5000000');
  expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), bytes)).toBe(0);
  const part = await fetch(`${url}/v2/a/b/blobs/${digest}`, { headers: { range: 'bytes=1000000-3999999' } });
  expect(part.status).toBe(206);
  expect(Buffer.compare(Buffer.from(await part.arrayBuffer()), bytes.subarray(1_000_000, 4_000_000))).toBe(0);
  const head = await fetch(`${url}/v2/a/b/blobs/${digest}`, { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBe('5000000');
});

test('an upload goes on after the server was started anew', async () => {
  const first = await start();
  const location = await begin(first.url);
  expect((await patch(first.url, location, 0, 2_000_000)).status).toBe(202);
  await first.close();
  const { url } = await start({ dataDir: first.dataDir });
  const state = await fetch(`${url}${location}`);
  expect(state.headers.get('range')).toBe('0-1999999');
  expect((await patch(url, location, 2_000_000, 4_000_000)).status).toBe(202);
  const body = Buffer.from(bytes.subarray(4_000_000));
  const put = await fetch(`${url}${location}?digest=${digest}`, { method: 'PUT', body });
  expect(put.status).toBe(201);
  const back = Buffer.from(await (await fetch(`${url}/v2/a/b/blobs/${digest}`)).arrayBuffer());
  expect(Buffer.compare(back, bytes)).toBe(0);
});

test('a client that goes away leaves what it sent, to go on from', async () => {
  const { url, address } = await start();
  const location = await begin(url);
  const socket = await dial(address);
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: ${address}\r\nContent-Length: 5000000\r\n\r\n`);
  socket.write(bytes.subarray(0, 1_500_000));
  await new Promise((resolve) => socket.write(bytes.subarray(1_500_000, 1_600_000), resolve));
  await delay(100);
  socket.destroy();
  await vi.waitFor(async () => expect(await sizeOf(`${url}${location}`)).toBe(1_600_000), { timeout: 10_000 });
  expect((await patch(url, location, 1_600_000, 5_000_000)).status).toBe(202);
  expect((await fetch(`${url}${location}?digest=${digest}`, { method: 'PUT' })).status).toBe(201);
});

test('a request takes an upload over from a connection that hangs', async () => {
  const { url, address } = await start();
  const location = await begin(url);
  const socket = await dial(address);
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: ${address}\r\nContent-Length: 5000000\r\n\r\n`);
  await new Promise((resolve) => socket.write(bytes.subarray(0, 300_000), resolve));
  await delay(100);
  // As a client does: it asks what has come, and goes on from there; bytes still on their way may come in between.
  let status = 416;
  for (let tries = 0; status === 416 && tries < 20; tries++) {
    status = (await patch(url, location, await sizeOf(`${url}${location}`), 5_000_000)).status;
  }
  expect(status).toBe(202);
  expect((await fetch(`${url}${location}?digest=${digest}`, { method: 'PUT' })).status).toBe(201);
  socket.destroy();
});

test('a client that leaves in mid-download holds nothing open', async () => {
  const { url, address, dataDir } = await start();
  await push(url);
  const sockets = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const socket = await dial(address);
      socket.write(`GET /v2/a/b/blobs/${digest} HTTP/1.1\r\nHost: ${address}\r\n\r\n`);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.pause();
      return socket;
    }),
  );
  expect(await openBlobs(dataDir)).toBeGreaterThan(0);
  for (const socket of sockets) socket.destroy();
  await vi.waitFor(async () => expect(await openBlobs(dataDir)).toBe(0), { timeout: 10_000 });
  expect((await fetch(`${url}/v2/a/b/blobs/${digest}`)).status).toBe(200);
});

test('clients that cut the connection in the middle of a body leave no blob open', async () => {
  const { url, address, dataDir } = await start();
  await push(url);
  for (let round = 0; round < 100; round++) {
    const socket = await dial(address);
    let left = 1 + ((round * 7919) % 40) * 100_000;
    socket.on('data', (chunk) => {
      left -= chunk.length;
      if (left < 0) socket.resetAndDestroy();
    });
    socket.write(`GET /v2/a/b/blobs/${digest} HTTP/1.1\r\nHost: ${address}\r\n\r\n`);
    await once(socket, 'close');
  }
  await vi.waitFor(async () => expect(await openBlobs(dataDir)).toBe(0), { timeout: 10_000 });
});

test('a write to a socket that was cut a moment before fails, though Node forgets it', async () => {
  const written = Promise.withResolvers<void>();
  const server = createServer((incoming, outgoing) => {
    const writer = new ResponseWriter(outgoing);
    outgoing.writeHead(200);
    incoming.socket.destroy();
    writer.write(bytes).then(written.resolve, written.reject);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  (await dial(`127.0.0.1:${(server.address() as AddressInfo).port}`)).write(bare('GET', '/'));
  await expect(written.promise).rejects.toThrow('the client closed the connection');
  server.close();
});

test('answers that open a blob and do not send it hold nothing open', async () => {
  const { url, dataDir } = await start();
  await push(url);
  const path = `${url}/v2/a/b/blobs/${digest}`;
  expect((await fetch(path, { headers: { 'if-none-match': `"${digest}"` } })).status).toBe(304);
  expect((await fetch(path, { headers: { range: 'bytes=9000000-' } })).status).toBe(416);
  expect((await fetch(path, { method: 'HEAD' })).status).toBe(200);
  expect((await fetch(path, { headers: { range: 'bytes=0-9' } })).status).toBe(206);
  await vi.waitFor(async () => expect(await openBlobs(dataDir)).toBe(0), { timeout: 10_000 });
});

test('a refused body gets its answer, though it was not read', async () => {
  const { address } = await start();
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const [host, port] = address.split(':');
    const request = httpRequest({ host, port, method: 'PUT', path: '/v2/a/b/manifests/x' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.setHeader('content-length', 50 * 1024 * 1024);
    request.on('error', reject);
    request.write(Buffer.alloc(64 * 1024));
  });
  expect(status).toBe(413);
});

test('many clients push one blob at once: all are told so, and it is right', async () => {
  const { url } = await start();
  const path = (i: number) => `${url}/v2/repo-${i % 4}/blobs/uploads/?digest=${digest}`;
  const statuses = await Promise.all(
    Array.from({ length: 16 }, async (_, i) => {
      const response = await fetch(path(i), { method: 'POST', body: Buffer.from(bytes) });
      return response.status;
    }),
  );
  expect(new Set(statuses)).toEqual(new Set([201]));
  for (let i = 0; i < 4; i++) {
    const back = await fetch(`${url}/v2/repo-${i}/blobs/${digest}`);
    expect(describe(Buffer.from(await back.arrayBuffer())).digest).toBe(digest);
  }
});

test('a silent client is cut off, before and after the head of its request', async () => {
  const { address } = await start({ idleMs: 200 });
  const silent = await dial(address);
  const stalled = await dial(address);
  stalled.write(`PUT /v2/a/b/manifests/x HTTP/1.1\r\nHost: ${address}\r\nContent-Length: 100\r\n\r\n{`);
  const closed = (socket: typeof silent) => new Promise((resolve) => socket.once('close', resolve).resume());
  await Promise.all([closed(silent), closed(stalled)]);
});

test('a slow client is judged by the time that it lets us wait', async () => {
  let now = 0;
  const rate = new MinRateGuard(1000, () => now);
  const letWait = (ms: number) => rate.wait(async () => (now += ms));
  await letWait(999);
  rate.count(1);
  await letWait(1);
  expect(() => rate.count(1022)).toThrowError(/only 1023 bytes in 1 seconds/);
  rate.count(1);
  await letWait(999);
  now += 5000;
  rate.count(1);
  await letWait(1);
  rate.count(1023);
});

test('closing lets a request at work end, and cuts one that does not', async () => {
  const server = await start();
  await push(server.url);
  const slow = await dial(server.address);
  slow.write(`GET /v2/a/b/blobs/${digest} HTTP/1.1\r\nHost: ${server.address}\r\n\r\n`);
  await new Promise((resolve) => slow.once('data', resolve));
  slow.pause();
  const quick = fetch(`${server.url}/v2/a/b/blobs/${digest}`);
  const body = quick.then((response) => response.arrayBuffer());
  await quick;
  await server.close(2000);
  expect((await body).byteLength).toBe(5_000_000);
  await new Promise((resolve) => slow.once('close', resolve).resume());
  await expect(fetch(`${server.url}/v2/`)).rejects.toThrow();
});

test('a port that is taken, a folder that cannot be written', async () => {
  const { port } = await start();
  await expect(startServer({ dataDir: await folder(), port })).rejects.toMatchObject({ code: 'ERR_EXPORT_LISTEN' });
  const file = join(await folder(), 'file');
  await writeFile(file, '');
  await expect(startServer({ dataDir: file, port: 0 })).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
});
