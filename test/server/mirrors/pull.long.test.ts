import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Digest } from '#core';
import { encodeShortCode } from '#mirror';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { cliBytes, jsonOf } from '../../mirror/mirror-fixture.ts';
import { serving } from '../serving.ts';
import { type MirrorServer, openMirrorServer } from './fixture.ts';

const { start } = serving();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const pull = (url: string, to: string, ...more: string[]) =>
  cliBytes('mirror', 'pull', url, '--to', to, '--output', 'json', ...more);

async function exported({ mirror }: MirrorServer, ...more: string[]): Promise<Buffer> {
  const path = mirror.path('exported.tar');
  expect((await mirror.exportTo(path, ...more)).status).toBe(0);
  return readFile(path);
}

/** A proxy in front of a server; a listener that returns true has answered. Gives the URL of the mirror. */
async function proxy(served: MirrorServer, intercept: (...args: Parameters<RequestListener>) => boolean | undefined) {
  const server = createServer((incoming, outgoing) => {
    if (intercept(incoming, outgoing)) return;
    const { method, headers, url } = incoming;
    const out = request(`${served.server.url}${url}`, { method, headers: { ...headers, host: served.server.address } });
    out.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode as number, answer.headers);
      answer.pipe(outgoing);
    });
    out.on('error', () => outgoing.destroy());
    incoming.pipe(out);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/mirrors/main`;
}

test('pulls the kit that mirror export writes, and then nothing', async () => {
  const served = await openMirrorServer(start);
  const to = join(await makeTempDir(), 'kit.tar');
  const bytes = await exported(served);
  expect(jsonOf(await pull(served.url, to))).toMatchObject({ resumedAt: 0, receivedBytes: bytes.length, sequence: 1 });
  expect((await readFile(to)).equals(bytes)).toBe(true);
  expect(jsonOf(await pull(served.url, to))).toMatchObject({ receivedBytes: 0 });
  expect(await readdir(dirname(to))).toEqual(['kit.tar']);
  expect((await served.mirror.importTo(to, served.registry.host.concat('/zone'), '--plain-http')).status).toBe(0);
});

test('resumes a partial file of the same kit at its end', async () => {
  const served = await openMirrorServer(start);
  const dir = await makeTempDir();
  const { id } = await served.plan();
  const bytes = await exported(served);
  await writeFile(join(dir, `kit.tar.${id}.partial`), bytes.subarray(0, 200_001));
  await writeFile(join(dir, `kit.tar.${'0'.repeat(64)}.partial`), 'of another kit');
  const result = jsonOf(await pull(served.url, join(dir, 'kit.tar')));
  expect(result).toMatchObject({ resumedAt: 200_001, receivedBytes: bytes.length - 200_001 });
  expect((await readFile(join(dir, 'kit.tar'))).equals(bytes)).toBe(true);
  expect(await readdir(dir)).toEqual(['kit.tar']);
});

/** Where each file of a kit begins in its tar, with its length. */
function filesOf(bytes: Buffer): { name: string; at: number; length: number }[] {
  const files: { name: string; at: number; length: number }[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const name = bytes.toString('latin1', at, bytes.indexOf(0, at));
    const length = Number.parseInt(bytes.toString('latin1', at + 124, at + 136), 8);
    files.push({ name, at, length });
    at += 512 + 512 * Math.ceil(length / 512);
  }
  return files;
}

test.each([
  ['a blob', 512, /ERR_EXPORT_KIT_INVALID.*damaged: blobs\/sha256\//],
  ['the header of a blob', 0, /ERR_EXPORT_KIT_INVALID.*damaged: .*run the command again: it fetches the kit anew/],
])('a partial file with damage in %s is found at the end, and the next run begins anew', async (_, offset, message) => {
  const served = await openMirrorServer(start);
  const dir = await makeTempDir();
  const { id } = await served.plan();
  const damaged = Buffer.from((await exported(served)).subarray(0, -2048));
  const blob = filesOf(damaged).find(({ name, length }) => name.startsWith('blobs/sha256/') && length > 0);
  const at = (blob?.at ?? 0) + offset;
  damaged[at] = (damaged[at] ?? 0) ^ 1;
  await writeFile(join(dir, `kit.tar.${id}.partial`), damaged);
  const failed = await pull(served.url, join(dir, 'kit.tar'));
  expect([failed.status, failed.err]).toEqual([3, expect.stringMatching(message) as string]);
  expect(await readdir(dir)).toEqual([]);
  expect(jsonOf(await pull(served.url, join(dir, 'kit.tar')))).toMatchObject({ resumedAt: 0 });
});

test('a file with damage in the place of the kit is fetched anew, and is kept until the new one is whole', async () => {
  const served = await openMirrorServer(start);
  const to = join(await makeTempDir(), 'kit.tar');
  const bytes = await exported(served);
  const damaged = Buffer.from(bytes);
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
  await writeFile(to, damaged);
  const url = await proxy(served, (incoming, outgoing) => {
    if (!incoming.url?.endsWith('/kit')) return undefined;
    outgoing.writeHead(404).end();
    return true;
  });
  expect((await pull(url, to)).status).toBe(1);
  expect((await readFile(to)).equals(damaged)).toBe(true);
  expect(jsonOf(await pull(served.url, to))).toMatchObject({ receivedBytes: bytes.length });
  expect((await readFile(to)).equals(bytes)).toBe(true);
});

test('a directory or a pipe in the place of the kit or of its partial file is refused before anything is fetched', async () => {
  const served = await openMirrorServer(start);
  const dir = await makeTempDir();
  const { id } = await served.plan();
  await mkdir(join(dir, 'folder'));
  for (const name of ['pipe', `kit.tar.${id}.partial`])
    execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(dir, name)]);
  const before = await readdir(dir);
  for (const name of ['folder', 'pipe', 'kit.tar']) {
    const { status, err } = await pull(served.url, join(dir, name));
    expect([status, err]).toEqual([1, expect.stringMatching(/ERR_EXPORT_NOT_WRITABLE.*not a regular file/) as string]);
  }
  expect(await readdir(dir)).toEqual(before);
  expect((await stat(join(dir, 'pipe'))).isFIFO()).toBe(true);
});

test('a connection that breaks is made again, for what is left', async () => {
  const served = await openMirrorServer(start);
  const bytes = await exported(served);
  const ranges: string[] = [];
  const url = await proxy(served, (incoming, outgoing) => {
    if (!incoming.url?.endsWith('/kit')) return undefined;
    ranges.push(String(incoming.headers['range']));
    const [, from = 0] = /bytes=(\d+)-/.exec(ranges.at(-1) ?? '') ?? [];
    const begin = Number(from);
    const end = Math.min(begin + 200_000, bytes.length);
    outgoing.writeHead(206, {
      etag: `"sha256:${incoming.url.split('/').at(-2)}"`,
      'content-range': `bytes ${begin}-${bytes.length - 1}/${bytes.length}`,
      'content-length': bytes.length - begin,
    });
    // A reset would take away all that the client has not read yet; an end takes only what its stream holds.
    outgoing.write(bytes.subarray(begin, end), () => outgoing.socket?.end());
    return true;
  });
  const to = join(await makeTempDir(), 'kit.tar');
  expect(jsonOf(await pull(url, to))).toMatchObject({ receivedBytes: bytes.length });
  expect((await readFile(to)).equals(bytes)).toBe(true);
  expect(ranges.length).toBeGreaterThanOrEqual(Math.ceil(bytes.length / 200_000));
  expect(ranges.every((range) => range.endsWith(`-${bytes.length - 1}`))).toBe(true);
});

test.each([
  ['another kit', { etag: '"sha256:00"' }, /answered with another kit/],
  ['another range', { 'content-range': 'bytes 5-9/10' }, /answered with another range/],
])('refuses the answer of a proxy with %s before it writes anything', async (_, wrong, message) => {
  const served = await openMirrorServer(start);
  const { id, tarBytes } = await served.plan();
  const url = await proxy(served, (incoming, outgoing) => {
    if (!incoming.url?.endsWith('/kit')) return undefined;
    const right = { etag: `"sha256:${id}"`, 'content-range': `bytes 0-${tarBytes - 1}/${tarBytes}` };
    outgoing.writeHead(206, { ...right, ...wrong });
    outgoing.end('x'.repeat(100));
    return true;
  });
  const dir = await makeTempDir();
  const { status, err } = await pull(url, join(dir, 'kit.tar'));
  expect(err).toMatch(message);
  expect(status).toBe(1);
  expect(await readFile(join(dir, `kit.tar.${id}.partial`), 'utf8')).toBe('');
});

test('follows no redirect to another host', async () => {
  const served = await openMirrorServer(start);
  const url = await proxy(served, (incoming, outgoing) => {
    if (!incoming.url?.endsWith('/kit')) return undefined;
    outgoing.writeHead(307, { location: `http://mirror.example${incoming.url}` }).end();
    return true;
  });
  const { status, err } = await pull(url, join(await makeTempDir(), 'kit.tar'));
  expect([status, err]).toEqual([1, expect.stringContaining('redirects to another origin') as string]);
});

test('a server that has forgotten the plan, and no mirror of this name', async () => {
  const served = await openMirrorServer(start);
  const to = join(await makeTempDir(), 'kit.tar');
  const other = await pull(served.url.replace('main', 'other'), to);
  expect(other.status).toBe(1);
  expect(other.err).toMatch(/ERR_EXPORT_NOT_FOUND.*other: no such mirror.*list the mirrors with GET/);
  const bad = await pull(served.server.url, to);
  expect([bad.status, bad.err]).toEqual([2, expect.stringContaining('not the URL of a mirror') as string]);
});

test('bases of the command line reach the server', async () => {
  const served = await openMirrorServer(start);
  const dir = await makeTempDir();
  const first = await served.plan();
  const from = jsonOf(await pull(served.url, join(dir, 'a.tar'), '--base', String(first['snapshot'])));
  expect(from).toMatchObject({ bases: [{ kind: 'snapshot', digest: first['snapshot'] }] });
  await writeFile(join(dir, 'list'), `${first['snapshot']}\n`);
  const listed = jsonOf(await pull(served.url, join(dir, 'b.tar'), '--base', `list:${join(dir, 'list')}`));
  expect(listed).toMatchObject({ bases: [{ kind: 'list' }] });
  const code = encodeShortCode({ stream: 'main', sequence: 1, snapshot: first['snapshot'] as Digest });
  for (const name of ['main.1', code]) {
    const named = jsonOf(await pull(served.url, join(dir, 'a.tar'), '--base', name));
    expect(named).toMatchObject({ bases: [{ kind: 'snapshot', digest: first['snapshot'] }], receivedBytes: 0 });
  }
  execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(dir, 'pipe')]);
  const piped = await pull(served.url, join(dir, 'c.tar'), '--base', `receipt:${join(dir, 'pipe')}`);
  expect([piped.status, piped.err]).toEqual([2, expect.stringContaining('not a regular file') as string]);
  const refused = await pull(served.url, join(dir, 'c.tar'), '--base', 'registry.example:5000');
  expect([refused.status, refused.err]).toEqual([4, expect.stringContaining('may not ask that registry') as string]);
});

test('refuses what is taken for a registry by mistake, and names the next step', async () => {
  const served = await openMirrorServer(start);
  const file = join(await makeTempDir(), 'digests.txt');
  await writeFile(file, 'not a receipt');
  const pullWith = (base: string) => pull(served.url, `${file}.tar`, '--base', base);
  expect(await pullWith('main.9')).toMatchObject({ status: 1, err: expect.stringMatching(/main\.9: not a snapshot/) });
  expect(await pullWith('other.1')).toMatchObject({ status: 3, err: expect.stringMatching(/such as main\.1/) });
  expect(await pullWith(file)).toMatchObject({ status: 2, err: expect.stringMatching(/write list:FILE/) });
  const receipt = { status: 3, err: expect.stringMatching(/ERR_EXPORT_RECEIPT_INVALID.*--zone-key/) };
  expect(await pullWith(`receipt:${file}`)).toMatchObject(receipt);
  const tls = await pull(served.url.replace('http:', 'https:'), `${file}.tar`);
  expect(tls).toMatchObject({ err: expect.stringMatching(/write http:\/\/ in the URL/) });
});
