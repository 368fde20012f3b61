import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { MemoryBudget } from '../../src/server/memory-budget.ts';
import { SendBuffers } from '../../src/server/sending/send-buffers.ts';
import { describe, noise } from '../oci/content.ts';
import { dial } from './raw.ts';
import { problem } from './registry.ts';
import { serving } from './serving.ts';

const { start } = serving();
const KiB = 1024;
const MiB = 1024 * KiB;

async function pushBlob(url: string, bytes: Uint8Array): Promise<string> {
  const { digest } = describe(bytes);
  const response = await fetch(`${url}/v2/a/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    body: Buffer.from(bytes),
  });
  expect(response.status).toBe(201);
  return digest;
}

/** A manifest with a text in it that makes it large. */
function largeManifest(sizeBytes: number): Buffer {
  const { digest, size } = describe(Buffer.from('{}'));
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest, size };
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config,
      layers: [],
      annotations: { text: 'x'.repeat(sizeBytes) },
    }),
  );
}

const put = (url: string, body: Buffer, tag = 'v1') => fetch(`${url}/v2/a/manifests/${tag}`, { method: 'PUT', body });

/** A request for a manifest to be taken in, of which only so many bytes are sent. */
async function halfSent(address: string, sentBytes: number): Promise<Socket> {
  const socket = await dial(address);
  socket.write(`PUT /v2/a/manifests/half HTTP/1.1\r\nHost: ${address}\r\nContent-Length: ${4 * MiB}\r\n\r\n`);
  await new Promise((resolve) => socket.write(Buffer.alloc(sentBytes, 0x20), resolve));
  return socket;
}

/** The status of the answer that comes on a socket. */
async function statusOn(socket: Socket): Promise<number> {
  const [head] = (await once(socket, 'data')) as [Buffer];
  return Number(/^HTTP\/1\.1 (\d+)/.exec(head.toString('latin1'))?.[1]);
}

test('the budget is kept for each client and for all, and given back', () => {
  const budget = new MemoryBudget({ totalBytes: 100, clientBytes: 60 });
  budget.reserve('a', 50);
  expect(() => budget.reserve('a', 11)).toThrow(expect.objectContaining({ status: 429 }));
  budget.reserve('b', 50);
  expect(() => budget.reserve('c', 1)).toThrow(/memory limit/);
  expect(budget.usedBytes).toBe(100);
  budget.release('a', 50);
  budget.reserve('c', 50);
  for (const client of ['b', 'c']) budget.release(client, 50);
  expect(budget.usedBytes).toBe(0);
  budget.reserve('a', 60);
});

test('the more answers are sent, the less memory each gets', () => {
  const buffers = new SendBuffers(10 * MiB);
  const shares = Array.from({ length: 2000 }, () => buffers.begin());
  expect(shares[0]).toMatchObject({ pieceBytes: 256 * KiB, pieces: 3 });
  const all = shares.reduce((sum, { pieceBytes, pieces }) => sum + pieceBytes * pieces, 0);
  // The smallest pieces of all of them, and what the first had.
  expect(all).toBeLessThan(2000 * 16 * KiB + 10 * MiB * Math.log(2000));
  for (const share of shares) share[Symbol.dispose]();
  expect(buffers.active).toBe(0);
  expect(buffers.begin().pieces).toBe(3);
});

test('a manifest beyond what a client may hold is refused, and what it held is given back', async () => {
  const { url } = await start({ limits: { bodies: { totalBytes: 3 * MiB, clientBytes: 500 * KiB } } });
  await pushBlob(url, Buffer.from('{}'));
  for (let i = 0; i < 5; i++) {
    expect(await problem(put(url, largeManifest(600 * KiB)))).toBe('429 TOOMANYREQUESTS');
    expect((await put(url, largeManifest(300 * KiB))).status).toBe(201);
  }
});

test('a manifest that does not come in time is refused', async () => {
  const { address } = await start({ limits: { bodyDeadlineMs: 50 } });
  expect(await statusOn(await halfSent(address, 1000))).toBe(408);
});

test('an answer beyond what a client may hold is refused, and what was sent is given back', async () => {
  const { url } = await start({ limits: { answers: { totalBytes: 3 * MiB, clientBytes: 500 * KiB } } });
  await pushBlob(url, Buffer.from('{}'));
  expect((await put(url, largeManifest(600 * KiB), 'large')).status).toBe(201);
  expect((await put(url, largeManifest(200 * KiB), 'small')).status).toBe(201);
  for (let i = 0; i < 5; i++) {
    expect(await problem(fetch(`${url}/v2/a/manifests/large`))).toBe('429 TOOMANYREQUESTS');
    const small = await fetch(`${url}/v2/a/manifests/small`);
    expect([small.status, (await small.arrayBuffer()).byteLength > 200 * KiB]).toEqual([200, true]);
  }
});

test('a client has so many connections and no more, and gets another for each that it gives back', async () => {
  const { address, url } = await start({ connections: { perClient: 4 } });
  const sockets = await Promise.all(Array.from({ length: 4 }, () => dial(address)));
  const fifth = await dial(address);
  await new Promise((resolve) => fifth.once('close', resolve).resume());
  for (const socket of sockets) socket.destroy();
  await vi.waitFor(async () => expect((await fetch(`${url}/v2/`)).status).toBe(200), { timeout: 10_000 });
});

test('a large blob is sent whole however small the pieces are', async () => {
  const { url } = await start({ limits: { sendBytes: 1 } });
  const bytes = noise(1_000_000);
  const digest = await pushBlob(url, bytes);
  const bodies = Array.from({ length: 8 }, async () => (await fetch(`${url}/v2/a/blobs/${digest}`)).arrayBuffer());
  for (const body of await Promise.all(bodies)) expect(Buffer.compare(Buffer.from(body), bytes)).toBe(0);
});
