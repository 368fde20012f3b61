import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as workerThreads from 'node:worker_threads';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, describe as group, test, vi } from 'vitest';
import { openOnThread, type ThreadedFile } from '#oci/layout';
import { getInBulk } from '../../../src/oci/registry/http/bulk.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, noise } from '../content.ts';

const threads = vi.hoisted((): workerThreads.Worker[] => []);
vi.mock('node:worker_threads', async (original) => {
  const actual = await original<typeof workerThreads>();
  return {
    ...actual,
    Worker: class extends actual.Worker {
      constructor(...options: ConstructorParameters<typeof workerThreads.Worker>) {
        super(...options);
        threads.push(this);
      }
    },
  };
});

const MiB = 1024 * 1024;
const sockets = new Set<Socket>();
let closing: (() => Promise<void>)[] = [];
let folder: string;

beforeEach(async () => {
  folder = await makeTempDir();
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const close of closing) await close();
  closing = [];
});

/** A server that answers every request as told. */
async function answering(answer: (socket: Socket, request: string) => unknown): Promise<URL> {
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    socket.once('data', (request) => void answer(socket, request.toString('latin1')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.close();
    await once(server, 'close');
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/a/blobs/x`);
}

async function openFile(path = join(folder, 'f')): Promise<ThreadedFile> {
  const file = openSync(path, 'w');
  const threaded = await openOnThread(file);
  if (threaded === undefined) throw new Error('no thread');
  await threaded.hash('sha256');
  closing.push(async () => {
    await threaded.end();
    closeSync(file);
  });
  return threaded;
}

interface Ask {
  readonly idleMs?: number;
  readonly signal?: AbortSignal;
  readonly headers?: Record<string, string>;
  readonly lookup?: LookupFunction;
}

function get(url: URL, into: ThreadedFile, { idleMs = 5000, signal, headers = {}, lookup }: Ask = {}) {
  const signals = [signal ?? new AbortController().signal];
  return getInBulk({ url, headers, into }, { idleMs, signals, lookup });
}

/** Passes the chunks of a body to the file. @returns how many bytes they stood for */
async function write(body: AsyncIterable<Uint8Array> | undefined, into: ThreadedFile): Promise<number> {
  let size = 0;
  for await (const chunk of body ?? []) {
    await into.write(chunk);
    size += chunk.byteLength;
  }
  return size;
}

/** As `write`. @returns what the file threw, as opposed to the body */
async function faultOfFile(body: AsyncIterable<Uint8Array> | undefined, into: ThreadedFile): Promise<unknown> {
  for await (const chunk of body ?? []) {
    const fault = await into.write(chunk).catch((error: unknown) => error);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** A server whose queue of connections is full, and which takes none: what is sent to it is not answered. */
async function unaccepting(): Promise<number> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`,
    { eval: true },
  );
  const [port] = (await once(worker, 'message')) as [number];
  const queued = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  closing.push(async () => {
    for (const socket of queued) socket.destroy();
    await worker.terminate();
  });
  await once(queued[0] as Socket, 'connect');
  return port;
}

group.skipIf(availableParallelism() < 2)('a body that goes into a file on another thread', () => {
  test.each([0, 1, 300_007])('is in the file, and hashed, where the head comes with %i bytes of it', async (along) => {
    const bytes = noise(9 * MiB + 17);
    let asked = '';
    const url = await answering(async (socket, request) => {
      asked = request;
      const head = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.byteLength}\r\n\r\n`);
      socket.write(head.subarray(0, 20));
      await sleep(20);
      socket.write(Buffer.concat([head.subarray(20), bytes.subarray(0, along)]));
      await sleep(20);
      socket.write(Buffer.concat([bytes.subarray(along), Buffer.from('more than was announced')]));
    });
    const into = await openFile();
    const response = await get(url, into, { headers: { authorization: 'Bearer t' } });
    expect(asked).toBe(
      `GET /v2/a/blobs/x HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\nauthorization: Bearer t\r\n\r\n`,
    );
    expect(await write(response?.body, into)).toBe(bytes.byteLength);
    expect(await into.digest()).toBe(describe(bytes).digest);
    expect(Buffer.compare(await readFile(join(folder, 'f')), bytes)).toBe(0);
  });

  test('goes on after what a broken connection brought', async () => {
    const bytes = noise(3 * MiB);
    const url = await answering((socket, request) => {
      if (request.includes('range: bytes=')) {
        const from = Number(/bytes=(\d+)-/.exec(request)?.[1]);
        const head = `HTTP/1.1 206 Partial Content\r\ncontent-length: ${bytes.byteLength - from}\r\n\r\n`;
        socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(from)]));
      } else {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.byteLength}\r\n\r\n`);
        socket.end(bytes.subarray(0, MiB + 5));
      }
    });
    const into = await openFile();
    let size = 0;
    const reading = async () => {
      for await (const chunk of (await get(url, into))?.body ?? []) {
        await into.write(chunk);
        size += chunk.byteLength;
      }
    };
    await expect(reading()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(size).toBe(MiB + 5);
    const rest = await get(url, into, { headers: { range: `bytes=${size}-${bytes.byteLength - 1}` } });
    await write(rest?.body, into);
    expect(await into.digest()).toBe(describe(bytes).digest);
  });

  test('of the whole in place of a range, nothing goes into the file', async () => {
    const url = await answering((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'));
    const into = await openFile();
    expect(await get(url, into, { headers: { range: 'bytes=1-4' } })).toBeUndefined();
    expect(await into.digest()).toBe(describe(Buffer.alloc(0)).digest);
  });

  test('a full disk is a fault of the file', async () => {
    const url = await answering((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${MiB}\r\n\r\n`);
      void sleep(20).then(() => socket.write(noise(MiB)));
    });
    const into = await openFile('/dev/full');
    expect(await faultOfFile((await get(url, into))?.body, into)).toMatchObject({ code: 'ENOSPC' });
  });

  test.each([
    ['ends early', 'ECONNRESET', (socket: Socket) => socket.end()],
    ['breaks', 'ECONNRESET', (socket: Socket) => socket.resetAndDestroy()],
    ['falls silent', 'ETIMEDOUT', () => undefined],
  ])('that %s is a fault of the connection', async (_, code, then) => {
    const url = await answering((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', () => then(socket));
    });
    const into = await openFile();
    const reading = async () => write((await get(url, into, { idleMs: 300 }))?.body, into);
    await expect(reading()).rejects.toMatchObject({ code });
  });

  test('a host that is not there is a fault of the connection, and its name is resolved on this thread', async () => {
    const url = await answering((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'));
    url.hostname = 'registry.test';
    const into = await openFile();
    const lookup: LookupFunction = (host, _, callback) => {
      if (host === 'registry.test') callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), '');
    };
    expect(await write((await get(url, into, { lookup }))?.body, into)).toBe(5);
    url.hostname = 'nowhere.test';
    await expect(get(url, into, { lookup })).rejects.toMatchObject({ code: 'ENOTFOUND' });
    const hanging = get(url, into, { lookup: () => undefined, idleMs: 100 });
    await expect(hanging).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('a full disk is a fault of the file also for what came before the connection', async () => {
    const url = await answering((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n'));
    const into = await openFile('/dev/full');
    await into.write(Buffer.from('not received by the thread'));
    expect(await faultOfFile((await get(url, into))?.body, into)).toMatchObject({ code: 'ENOSPC' });
  });

  test.runIf(process.platform === 'linux')(
    'a host that does not accept the connection is waited for as long as connecting may take',
    async () => {
      const into = await openFile();
      const peer = {
        host: '127.0.0.1',
        port: await unaccepting(),
        addresses: undefined,
        connectMs: 100,
        idleMs: 3_600_000,
      };
      const connection = await into.connect(peer, 'GET');
      await expect(connection.next()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    },
  );

  test('a reader that is told to stop, and one that stops by itself, leave no connection', async () => {
    const url = await answering((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${MiB}\r\n\r\nabc`);
    });
    const stop = new AbortController();
    const into = await openFile();
    const response = await get(url, into, { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(write(response?.body, into)).rejects.toThrow();
    const other = await openFile(join(folder, 'g'));
    for await (const _ of (await get(url, other))?.body ?? []) break;
    await (await get(url, await openFile(join(folder, 'h'))))?.drop();
    await expect(get(url, into, { signal: stop.signal })).rejects.toThrow();
    await expect.poll(() => sockets.size).toBe(0);
  });

  test('a thread that ends is a fault of the file, and the next file has another thread', async () => {
    const url = await answering((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${MiB}\r\n\r\nabc`);
    });
    const into = await openFile();
    const body = (await get(url, into))?.body;
    const failing = expect(write(body, into)).rejects.toThrow('the thread that writes files has ended');
    await Promise.all(threads.map((thread) => thread.terminate()));
    await failing;
    const next = await openFile(join(folder, 'next'));
    await next.write(Buffer.from('abc'));
    expect(await next.digest()).toBe(describe(Buffer.from('abc')).digest);
  });
});
