import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf, mediaTypes } from '#core';
import { readJson } from '../../core/read-json.ts';
import { jsonOf } from '../../mirror/mirror-fixture.ts';
import { serving } from '../serving.ts';
import { json, openMirrorServer, problemOf } from './fixture.ts';

const { start } = serving();
const DIGEST = `sha256:${'0'.repeat(64)}`;

test('lists mirrors and snapshots, and gives the document as it is signed', async () => {
  const { server, mirror, ask } = await openMirrorServer(start);
  const published = jsonOf(await mirror.snapshot('--output', 'json')) as { digest: string };
  const list = readJson(await (await fetch(`${server.url}/v1/mirrors`)).text());
  const newest = { sequence: 1, digest: published.digest };
  expect(list).toEqual({ mirrors: [{ name: 'main', newest }] });
  expect(readJson(await (await ask('/snapshots')).text())).toEqual({ snapshots: [newest] });
  const document = await ask(`/snapshots/${published.digest}`);
  expect(document.headers.get('content-type')).toBe(mediaTypes.mirrorSnapshot);
  expect(readJson(await document.text())).toMatchObject({ stream: 'main', mediaType: mediaTypes.mirrorSnapshot });
  const known = { 'if-none-match': document.headers.get('etag') as string };
  expect((await ask(`/snapshots/${published.digest}`, { headers: known })).status).toBe(304);
  expect(await problemOf(ask(`/snapshots/${DIGEST}`))).toMatchObject({ status: 404, code: 'ERR_EXPORT_NOT_FOUND' });
});

test('a snapshot that is published while it serves is there at once, and an old plan stays', async () => {
  const { registry, mirror, plan, ask } = await openMirrorServer(start);
  const first = await plan();
  registry.tags.delete('apps/api 2.0');
  jsonOf(await mirror.snapshot('--output', 'json'));
  expect(readJson(await (await ask('/snapshots')).text())).toMatchObject({
    snapshots: [{ sequence: 2 }, { sequence: 1 }],
  });
  const second = await plan();
  expect([first['sequence'], second['sequence']]).toEqual([1, 2]);
  expect(second.id).not.toBe(first.id);
  expect(readJson(await (await ask(`/deltas/${first.id}`)).text())).toEqual(first);
});

test('a kit from the server has the bytes of mirror export', async () => {
  const { server, mirror, plan } = await openMirrorServer(start);
  const planned = await plan();
  await mirror.exportTo(mirror.path('kit.tar'));
  const exported = await readFile(mirror.path('kit.tar'));
  const answer = await fetch(`${server.url}${planned.href}`);
  expect(answer.headers.get('etag')).toBe(`"${planned['kit']}"`);
  expect(answer.headers.get('repr-digest')).toBeNull();
  expect(Buffer.from(await answer.arrayBuffer()).equals(exported)).toBe(true);
  expect(planned.tarBytes).toBe(exported.length);
  const again = await fetch(`${server.url}${planned.href}`, { method: 'HEAD' });
  const sum = Buffer.from(digestOf(exported).slice('sha256:'.length), 'hex').toString('base64');
  expect(again.headers.get('repr-digest')).toBe(`sha-256=:${sum}:`);
  expect(again.headers.get('content-length')).toBe(String(exported.length));
  expect((await plan())['tarDigest']).toBe(digestOf(exported));
});

test('TUF metadata and targets are the files as they are', async () => {
  const { mirror, ask } = await openMirrorServer(start);
  for (const path of ['metadata/1.root.json', 'metadata/timestamp.json']) {
    const answer = await ask(`/tuf/${path}`);
    expect(Buffer.from(await answer.arrayBuffer()), path).toEqual(await readFile(join(mirror.dir, 'tuf', path)));
  }
  expect((await ask('/tuf/metadata/timestamp.json')).headers.get('cache-control')).toBe('no-cache');
  expect(await problemOf(ask('/tuf/metadata/2.root.json'))).toMatchObject({ status: 404 });
});

test.each([
  '/tuf/metadata/..%2f..%2fstream.pem',
  '/tuf/metadata/%2e%2e',
  '/tuf/targets/.hidden',
  '/tuf/metadata/a%00b',
])('no way out of the TUF repository: %s', async (path) => {
  const { ask } = await openMirrorServer(start);
  const { status, problem } = await problemOf(ask(path));
  expect([400, 404]).toContain(status);
  expect(JSON.stringify(problem)).not.toContain('PRIVATE');
});

test('problems say what is wrong and where', async () => {
  const { server, ask } = await openMirrorServer(start);
  expect(await problemOf(fetch(`${server.url}/v1/mirrors/other/snapshots`))).toMatchObject({
    status: 404,
    problem: { detail: 'other: no such mirror', hint: 'list the mirrors with GET /v1/mirrors' },
  });
  expect(await problemOf(fetch(`${server.url}/v1/mirrors/Main/snapshots`))).toMatchObject({
    status: 400,
    code: 'ERR_EXPORT_USAGE',
    problem: { errors: [{ in: 'path', pointer: '/name', detail: 'not the name of a mirror' }] },
  });
  expect(
    await problemOf(ask('/deltas', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } })),
  ).toMatchObject({
    status: 415,
  });
  expect(await problemOf(ask('/deltas', { method: 'POST', ...json({ bases: [], more: 1 }) }))).toMatchObject({
    status: 400,
    code: 'ERR_EXPORT_SCHEMA',
    problem: { errors: [{ in: 'body', pointer: '/more' }] },
  });
  const twice = { ...json({}), body: '{"bases":[],"bases":[]}' };
  expect(await problemOf(ask('/deltas', { method: 'POST', ...twice }))).toMatchObject({
    status: 400,
    code: 'ERR_EXPORT_JSON_INVALID',
  });
  expect(await problemOf(ask(`/deltas/${'0'.repeat(64)}`))).toMatchObject({
    status: 404,
    problem: { hint: expect.stringContaining('POST /v1/mirrors/main/deltas') as string },
  });
  expect(await problemOf(ask(`/deltas/${'0'.repeat(64)}/kit`))).toMatchObject({ status: 404 });
});
