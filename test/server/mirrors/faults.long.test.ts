import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { pushTagged } from '../../mirror/kit-fixture.ts';
import { jsonOf, withCatalog, within } from '../../mirror/mirror-fixture.ts';
import { send } from '../../oci/registry-double.ts';
import { serving } from '../serving.ts';
import { json, type MirrorServer, offerOf, openMirrorServer, problemOf } from './fixture.ts';

const { start } = serving();

/** Has the registry behind answer all reads of blobs, or everything, with a status. */
function breakRegistry({ registry }: MirrorServer, status: number, headers: Record<string, string> = {}, only = /./) {
  registry.fault = withCatalog(registry, (_, response, path) => {
    if (!only.test(path)) return undefined;
    send(response, status, headers, '{}');
    return true;
  });
}

test.each([
  [429, { 'retry-after': '7' }, 503, '7', 'ERR_EXPORT_RATE_LIMITED'],
  [500, {}, 503, '30', 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
  [401, { 'www-authenticate': 'Basic realm="x"' }, 502, '30', 'ERR_EXPORT_UNAUTHORIZED'],
  [403, {}, 502, '30', 'ERR_EXPORT_FORBIDDEN'],
])('the registry behind answers %i: a problem with Retry-After', async (status, headers, problem, after, code) => {
  const served = await openMirrorServer(start);
  const { href } = await served.plan();
  breakRegistry(served, status, headers);
  for (const answer of [
    served.ask('/deltas', { method: 'POST', ...json({ bases: [] }) }),
    fetch(`${served.server.url}${href}`),
    fetch(`${served.server.url}${href}`, { headers: { range: 'bytes=300000-' } }),
  ]) {
    const found = await problemOf(answer);
    expect([found.status, found.headers.get('retry-after'), found.code]).toEqual([problem, after, code]);
  }
});

test('a registry that answers with a problem about the request of the server: the client gets none about its own', async () => {
  const served = await openMirrorServer(start);
  const { href } = await served.plan();
  const problem = { type: 'about:blank', status: 400, code: 'ERR_EXPORT_SCHEMA', detail: 'your body is wrong' };
  served.registry.fault = withCatalog(served.registry, (_, response) => {
    send(response, 400, { 'content-type': 'application/problem+json' }, JSON.stringify(problem));
    return true;
  });
  for (const answer of [
    served.ask('/deltas', { method: 'POST', ...json({ bases: [] }) }),
    fetch(`${served.server.url}${href}`, { headers: { range: 'bytes=300000-' } }),
  ]) {
    expect(await problemOf(answer)).toMatchObject({ status: 502, code: 'ERR_EXPORT_REGISTRY_REFUSED' });
  }
});

test('faults of the files of the server are its own, and their paths are not told', async () => {
  const reports: string[] = [];
  const served = await openMirrorServer(start);
  const { mirror } = served;
  const spec = await readFile(mirror.spec, 'utf8');
  await writeFile(mirror.spec, spec.replace('repositories:', 'trust: [t.pub]\nzones: zones\nrepositories:'));
  const offer = await offerOf(mirror.spec, {});
  const server = await start({ mirrors: [offer], report: (error) => reports.push(String(error)) });
  const receipt = { payloadType: 'application/vnd.in-toto+json', payload: 'e30=', signatures: [{ sig: 'AAAA' }] };
  const faults = [
    { body: { bases: [] }, path: 't.pub', bytes: undefined },
    { body: { bases: [] }, path: 't.pub', bytes: Buffer.alloc(2_000_000) },
    { body: { bases: [{ receipt }] }, path: 'zones/a/zone.pub', bytes: Buffer.alloc(100_000) },
    { body: { bases: [{ receipt }] }, path: 'zones/a/zone.pub', bytes: Buffer.from('no key') },
  ];
  await mkdir(mirror.path('zones/a'), { recursive: true });
  for (const { body, path, bytes } of faults) {
    if (bytes !== undefined) await writeFile(mirror.path(path), bytes);
    const found = await problemOf(fetch(`${server.url}/v1/mirrors/main/deltas`, { method: 'POST', ...json(body) }));
    expect(found).toMatchObject({ status: 500, code: 'ERR_EXPORT_INTERNAL' });
    expect(JSON.stringify(found.problem)).not.toContain(mirror.dir);
    expect(reports.pop()).toContain(mirror.path(path));
  }
});

test('a registry that fails in the middle: the kit is cut, and its rest comes later', async () => {
  const reports: unknown[] = [];
  const served = await openMirrorServer(start, { report: (error) => reports.push(error) });
  const { href, tarBytes } = await served.plan();
  await served.mirror.exportTo(served.mirror.path('kit.tar'));
  const bytes = await readFile(served.mirror.path('kit.tar'));
  breakRegistry(served, 500, {}, /\/blobs\/sha256:[c-f]/);
  const answer = await fetch(`${served.server.url}${href}`);
  expect([answer.status, answer.headers.get('content-length')]).toEqual([200, String(tarBytes)]);
  const chunks: Uint8Array[] = [];
  const read = async () => {
    for await (const chunk of answer.body as ReadableStream<Uint8Array>) chunks.push(chunk);
  };
  await expect(read()).rejects.toThrow();
  const begin = Buffer.concat(chunks);
  expect(begin.length).toBeLessThan(tarBytes);
  expect(begin.equals(bytes.subarray(0, begin.length))).toBe(true);
  expect(reports).toHaveLength(1);
  served.registry.fault = withCatalog(served.registry);
  const rest = await fetch(`${served.server.url}${href}`, { headers: { range: `bytes=${begin.length}-` } });
  expect(Buffer.concat([begin, Buffer.from(await rest.arrayBuffer())]).equals(bytes)).toBe(true);
});

test('a list of repositories that the registry did not give once is asked for again', async () => {
  const served = await openMirrorServer(start, { report: () => undefined });
  const { href, tarBytes } = await served.plan();
  const fetchBytes = async () => (await (await fetch(`${served.server.url}${href}`)).arrayBuffer()).byteLength;
  served.registry.fault = (_, response, path) => {
    if (!path.startsWith('/v2/_catalog')) return undefined;
    send(response, 500, {}, '{}');
    return true;
  };
  // A problem, or a kit that is cut.
  expect(await fetchBytes().catch(() => 0)).toBeLessThan(tarBytes);
  served.registry.fault = withCatalog(served.registry);
  expect(await fetchBytes()).toBe(tarBytes);
});

test('a tag that moves after the plan changes nothing in the kit', async () => {
  const served = await openMirrorServer(start);
  await served.mirror.exportTo(served.mirror.path('kit.tar'));
  const bytes = await readFile(served.mirror.path('kit.tar'));
  const { href, id } = await served.plan();
  await within(`${served.registry.host}/apps/api`, (repository) => pushTagged(repository, '2.0', 'moved'));
  expect(Buffer.from(await (await fetch(`${served.server.url}${href}`)).arrayBuffer()).equals(bytes)).toBe(true);
  // Moved, but not published: a plan is of the snapshot that TUF lists.
  expect((await served.plan()).id).toBe(id);
  jsonOf(await served.mirror.snapshot('--output', 'json'));
  expect((await served.plan()).id).not.toBe(id);
});

test('content that the registry has lost is not sent as if it were there', async () => {
  const served = await openMirrorServer(start);
  const { href } = await served.plan();
  served.registry.blobs.clear();
  const late = { headers: { range: 'bytes=300000-' } };
  expect(await problemOf(fetch(`${served.server.url}${href}`, late))).toMatchObject({
    status: 502,
    code: 'ERR_EXPORT_SOURCE_MOVED',
  });
});

test('50 clients at once, one of which reads nothing: the others get the kit', async () => {
  const served = await openMirrorServer(start);
  const { href, tarBytes } = await served.plan();
  const { hostname, port } = new URL(served.server.url);
  const stalled = connect(Number(port), hostname);
  await once(stalled, 'connect');
  stalled.pause();
  stalled.write(`GET ${href} HTTP/1.1\r\nHost: ${served.server.address}\r\n\r\n`);
  await sleep(100);
  const sizes = await Promise.all(
    Array.from(
      { length: 49 },
      async () => (await (await fetch(`${served.server.url}${href}`)).arrayBuffer()).byteLength,
    ),
  );
  expect(new Set(sizes)).toEqual(new Set([tarBytes]));
  stalled.destroy();
});

test('a client that disconnects ends the reads behind it', async () => {
  const served = await openMirrorServer(start);
  const { href } = await served.plan();
  let closed = 0;
  served.registry.fault = withCatalog(served.registry, (request, response, path) => {
    if (!/\/blobs\/sha256:/.test(path) || request.method !== 'GET') return undefined;
    // Begun, and never ended.
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.write('x');
    response.once('close', () => closed++);
    return true;
  });
  const controller = new AbortController();
  const answer = await fetch(`${served.server.url}${href}`, { signal: controller.signal });
  expect(answer.status).toBe(200);
  await sleep(300);
  controller.abort();
  for (let i = 0; i < 50 && closed === 0; i++) await sleep(50);
  expect(closed).toBe(1);
});

test('memory of request bodies is bounded', async () => {
  const digests = { totalBytes: 1000, clientBytes: 1000 };
  const served = await openMirrorServer(start, { limits: { digests } });
  const body = `sha256:${'a'.repeat(64)}\n`.repeat(100);
  const headers = { 'content-type': 'application/vnd.stellaops.export.mirror.digests.v1' };
  const found = await problemOf(served.ask('/deltas', { method: 'POST', body, headers }));
  expect([found.status, found.code, found.headers.get('retry-after')]).toEqual([429, 'ERR_EXPORT_RATE_LIMITED', '5']);
  expect((await served.ask('/deltas', { method: 'POST', body: body.slice(0, 72 * 5), headers })).status).toBe(200);
});
