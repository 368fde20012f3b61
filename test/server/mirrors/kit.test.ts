import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createSigner, generateKeyPair } from '#signing';
import { readJson } from '../../core/read-json.ts';

import { alice, basic, writeUsers } from '../access/users.ts';
import { serving } from '../serving.ts';
import { json, type MirrorServer, openMirrorServer, problemOf } from './fixture.ts';

const run = promisify(execFile);
const { start, folder } = serving();

async function exported({ mirror }: MirrorServer): Promise<Buffer> {
  await mirror.exportTo(mirror.path('kit.tar'));
  return readFile(mirror.path('kit.tar'));
}

test('ranges: one range, clamped, suffix, open; If-Range; 416', async () => {
  const served = await openMirrorServer(start);
  const { href, kit } = await served.plan();
  const bytes = await exported(served);
  const total = bytes.length;
  const get = (headers: Record<string, string>) => fetch(`${served.server.url}${href}`, { headers });
  const body = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
  const parts: [string, number, number][] = [
    ['bytes=0-0', 0, 0],
    ['bytes=100-299', 100, 299],
    [`bytes=${total - 1}-`, total - 1, total - 1],
    ['bytes=-700', total - 700, total - 1],
    [`bytes=200000-${total * 2}`, 200_000, total - 1],
    // Within the largest blob: read from there, not from its beginning.
    [`bytes=${total - 5000}-${total - 4000}`, total - 5000, total - 4000],
  ];
  for (const [range, from, to] of parts) {
    const answer = await get({ range });
    expect(answer.status, range).toBe(206);
    expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to}/${total}`);
    expect((await body(answer)).equals(bytes.subarray(from, to + 1)), range).toBe(true);
  }
  for (const range of ['bytes=5-1', `bytes=${total}-`, 'bytes=-0']) {
    const { status, headers, code } = await problemOf(get({ range }));
    expect([status, headers.get('content-range'), code], range).toEqual([416, `bytes */${total}`, 'ERR_EXPORT_USAGE']);
  }
  for (const range of ['bytes=0-1,5-6', 'lines=1-2', 'bytes=a-b']) {
    const whole = await get({ range });
    expect([whole.status, (await body(whole)).length], range).toEqual([200, total]);
  }
  const same = await get({ range: 'bytes=1-2', 'if-range': `"${kit}"` });
  expect([same.status, (await body(same)).length]).toEqual([206, 2]);
  const other = await get({ range: 'bytes=1-2', 'if-range': '"sha256:other"' });
  expect([other.status, (await body(other)).length]).toEqual([200, total]);
  for (const tags of [`"${kit}"`, `"x", W/"${kit}"`, '*']) {
    const unchanged = await get({ 'if-none-match': tags, range: 'bytes=1-2' });
    expect([unchanged.status, unchanged.headers.get('etag'), await unchanged.text()]).toEqual([304, `"${kit}"`, '']);
  }
  expect((await body(await get({ 'if-none-match': '"x"' }))).equals(bytes)).toBe(true);
  const head = await fetch(`${served.server.url}${href}`, { method: 'HEAD', headers: { range: 'bytes=1-2' } });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([206, '2', '']);
});

test('a signed kit is that of mirror export --kit-key', async () => {
  const pair = generateKeyPair('ed25519');
  const served = await openMirrorServer(start, { signer: createSigner(pair.privateKey) });
  const { mirror, server } = served;
  await writeFile(mirror.path('kit.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await mirror.exportTo(mirror.path('kit.tar'), '--kit-key', mirror.path('kit.pem'));
  const answer = await fetch(`${server.url}${(await served.plan()).href}`);
  const exportedBytes = await readFile(mirror.path('kit.tar'));
  expect(exportedBytes.includes('checksums.txt.sig')).toBe(true);
  expect(Buffer.from(await answer.arrayBuffer()).equals(exportedBytes)).toBe(true);
});

test('curl -C - resumes a kit', async () => {
  const served = await openMirrorServer(start);
  const { href } = await served.plan();
  const bytes = await exported(served);
  const to = served.mirror.path('curl.tar');
  await writeFile(to, bytes.subarray(0, 123_456));
  await run('curl', ['-sS', '--fail', '-C', '-', '-o', to, `${served.server.url}${href}`]);
  expect((await readFile(to)).equals(bytes)).toBe(true);
});

test('users: everything needs a login, and with anonymous reads a plan does not', async () => {
  const htpasswdFile = await writeUsers(await folder());
  const served = await openMirrorServer(start, { htpasswdFile });
  const post = (headers: Record<string, string> = {}) =>
    served.ask('/deltas', { method: 'POST', body: '{"bases":[]}', headers: { ...json({}).headers, ...headers } });
  for (const path of ['', '/snapshots', '/tuf/metadata/timestamp.json', `/deltas/${'0'.repeat(64)}/kit`]) {
    expect(await problemOf(served.ask(path === '' ? '/../../mirrors' : path)), path).toMatchObject({
      status: 401,
      code: 'ERR_EXPORT_UNAUTHORIZED',
    });
  }
  expect(await problemOf(post())).toMatchObject({ status: 401 });
  const planned = readJson(await (await post(basic(alice))).text()) as { href: string };
  const kit = await fetch(`${served.server.url}${planned.href}`, { headers: basic(alice) });
  expect([kit.status, (await kit.arrayBuffer()).byteLength > 0]).toEqual([200, true]);

  const open = await openMirrorServer(start, { htpasswdFile, anonymousRead: true });
  const { href } = await open.plan();
  expect((await fetch(`${open.server.url}${href}`, { method: 'HEAD' })).status).toBe(200);
  expect((await fetch(`${open.server.url}/v2/a/blobs/uploads/`, { method: 'POST' })).status).toBe(401);
});

test('a read-only server plans and sends kits; a page of another site cannot have one planned', async () => {
  const served = await openMirrorServer(start, { readOnly: true });
  expect((await fetch(`${served.server.url}${(await served.plan()).href}`)).status).toBe(200);
  const { body, headers } = json({ bases: [] });
  const foreign = { ...headers, origin: 'https://evil.example' };
  expect(await problemOf(served.ask('/deltas', { method: 'POST', body, headers: foreign }))).toMatchObject({
    status: 403,
  });
});
