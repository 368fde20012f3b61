import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { getInBulk } from '../../src/oci/registry/http/bulk.ts';
import { noise } from './content.ts';

const MiB = 1024 * 1024;
const servers: Server[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

/** A server that answers every request as told, whatever it asks for. */
async function answering(answer: (socket: Socket, request: string) => unknown): Promise<URL> {
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    socket.once('data', (request) => void answer(socket, request.toString('latin1')));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/a/blobs/x?y=z`);
}

function get(url: URL, { idleMs = 5000, signal = new AbortController().signal, headers = {} } = {}) {
  return getInBulk({ url, headers: { authorization: 'Bearer t', ...headers } }, { idleMs, signals: [signal] });
}

test('a body comes as it is, however it is cut, and the request as it was meant', async () => {
  const bytes = noise(3 * MiB + 17);
  let asked = '';
  const url = await answering(async (socket, request) => {
    asked = request;
    const head = `HTTP/1.1 206 Partial Content\r\nContent-Length:  ${bytes.byteLength} \r\nX-A: 1\r\nx-a: 2\r\n\r\n`;
    for (const character of head) {
      socket.write(character);
      await sleep(0);
    }
    for (let at = 0; at < bytes.byteLength; at += 300_007) socket.write(bytes.subarray(at, at + 300_007));
  });
  const response = await get(url);
  expect(asked).toBe(
    `GET /v2/a/blobs/x?y=z HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\nauthorization: Bearer t\r\n\r\n`,
  );
  expect(response?.status).toBe(206);
  expect(response?.headers('x-a')).toEqual(['1', '2']);
  expect(response?.header('content-range')).toBeUndefined();
  expect(Buffer.compare(await readCopies(response?.body), bytes)).toBe(0);
});

test('a slow reader loses nothing, holds the sender back, and is not taken for a silent sender', async () => {
  // More than the system itself may hold on the way.
  const bytes = noise(80 * MiB);
  let sent = 0;
  const url = await answering(async (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.byteLength}\r\n\r\n`);
    for (let at = 0; at < bytes.byteLength; at += 65_536) {
      if (!socket.write(bytes.subarray(at, at + 65_536))) await once(socket, 'drain');
      sent = at;
    }
  });
  const response = await get(url, { idleMs: 600 });
  const parts: Uint8Array[] = [];
  for await (const chunk of response?.body ?? []) {
    if (parts.push(Uint8Array.from(chunk)) === 2) {
      await sleep(1500);
      expect(sent).toBeLessThan(64 * MiB);
    }
  }
  expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
});

test('what comes after the body is not read', async () => {
  const url = await answering((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello, world'));
  const response = await get(url);
  expect((await readCopies(response?.body)).toString()).toBe('hello');
});

test.each([
  ['another status', 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'],
  ['a redirect', 'HTTP/1.1 307 T\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n'],
  ['a word before the answer', 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx'],
  ['an older protocol', 'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx'],
  ['no length', 'HTTP/1.1 200 OK\r\n\r\nx'],
  ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx'],
  ['a folded line', 'HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\ncontent-length: 1\r\n\r\nx'],
  ['a bare line feed', 'HTTP/1.1 200 OK\r\nx-a: b\nx-c: d\r\ncontent-length: 1\r\n\r\nx'],
  ['another protocol', '220 ready\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}`],
])('%s is for a whole HTTP client', async (_, answer) => {
  const url = await answering((socket) => socket.write(answer));
  expect(await get(url)).toBeUndefined();
});

test('a header that would end the line is not sent', async () => {
  let asked = false;
  const url = await answering(() => {
    asked = true;
  });
  expect(await get(url, { headers: { range: 'bytes=0-1\r\nx-smuggled: 1' } })).toBeUndefined();
  expect(asked).toBe(false);
});

test.each([
  ['ends early', 'ECONNRESET', (socket: Socket) => socket.end()],
  ['breaks', 'ECONNRESET', (socket: Socket) => socket.resetAndDestroy()],
  ['falls silent', 'ETIMEDOUT', () => undefined],
])('a body that %s is a fault of the connection', async (_, code, then) => {
  const url = await answering((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', () => then(socket));
  });
  const reading = async () => readCopies((await get(url, { idleMs: 200 }))?.body);
  await expect(reading()).rejects.toMatchObject({ code });
});

test('nobody there is a fault of the connection', async () => {
  const url = await answering(() => undefined);
  const [server] = servers.splice(0);
  server?.close();
  await expect(get(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a reader that is told to stop, and one that stops by itself, leave no connection', async () => {
  const url = await answering((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${MiB}\r\n\r\nabc`);
  });
  const stop = new AbortController();
  const response = await get(url, { signal: stop.signal });
  setTimeout(() => stop.abort(), 50);
  await expect(readCopies(response?.body)).rejects.toThrow();
  for await (const _ of (await get(url))?.body ?? []) break;
  await expect(get(url, { signal: stop.signal })).rejects.toThrow();
  await (await get(url))?.drop();
  await expect.poll(() => sockets.size).toBe(0);
});

/** The bytes of chunks of reused buffers. */
async function readCopies(body: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of body ?? []) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}
