import { writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { hashSync } from 'bcryptjs';
import { expect, test } from 'vitest';
import { parseCredentials } from '../../../src/server/access/credentials.ts';
import { describe } from '../../oci/content.ts';
import { problem } from '../registry.ts';
import { serving } from '../serving.ts';
import { alice, basic, writeUsers } from './users.ts';

const { start, folder } = serving();
const { digest } = describe(Buffer.from('content'));
const upload = `/v2/a/b/blobs/uploads/?digest=${digest}`;

async function startWithUsers(options: Parameters<typeof start>[0] = {}) {
  return await start({ htpasswdFile: await writeUsers(await folder()), ...options });
}

test('the header, as clients write it', () => {
  const of = (text: string): string => Buffer.from(text).toString('base64');
  const ab = { user: 'a', password: 'b' };
  expect(parseCredentials(`Basic ${of('a:b')}`)).toEqual(ab);
  expect(parseCredentials(`bAsIc   ${of('a:b')} `)).toEqual(ab);
  expect(parseCredentials(`Basic ${of('a:b:ü')}`)).toEqual({ user: 'a', password: 'b:ü' });
  expect(parseCredentials(`Basic ${of('a:')}`)).toEqual({ user: 'a', password: '' });
  expect(parseCredentials(undefined)).toBeUndefined();
  expect(parseCredentials('Basic Og==')).toBeUndefined();
  for (const text of [`Bearer ${of('a:b')}`, 'Basic', `Basic ${of('ab')}`, `Basic ${of(':b')}`, 'Basic a:b', '']) {
    expect(parseCredentials(text), text).toBe('unusable');
  }
  expect(parseCredentials(`Basic ${of(`a:${'b'.repeat(10_000)}`)}`)).toBe('unusable');
});

test('without credentials everything but health is a challenge', async () => {
  const { url } = await startWithUsers();
  const requests = [
    ['GET', '/v2/'],
    ['GET', '/v2'],
    ['HEAD', '/v2/a/b/manifests/x'],
    ['GET', `/v2/a/b/blobs/${digest}`],
    ['GET', '/v2/a/b/tags/list'],
    ['POST', upload],
    ['PUT', '/v2/a/b/manifests/x'],
    ['DELETE', '/v2/a/b/manifests/x'],
    ['GET', '/'],
    ['GET', '/healthz/'],
    ['GET', '/%76%32/a/b/tags/list'],
  ] as const;
  for (const [method, path] of requests) {
    const response = await fetch(`${url}${path}`, { method });
    expect(response.status, `${method} ${path}`).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Basic realm="export-center", charset="UTF-8"');
    if (path.startsWith('/v2')) expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    if (method !== 'HEAD') expect(await problem(response)).toBe('401 UNAUTHORIZED');
  }
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('with them everything goes; with wrong ones nothing does', async () => {
  const { url } = await startWithUsers();
  const push = (headers: Record<string, string>) =>
    fetch(`${url}${upload}`, { method: 'POST', body: 'content', headers });
  const wrong = [
    { ...alice, password: 'pass:word' },
    { username: 'bob', password: alice.password },
    { username: 'Alice', password: alice.password },
  ];
  for (const user of wrong) expect(await problem(push(basic(user)))).toBe('401 UNAUTHORIZED');
  expect(await problem(push({ authorization: 'Bearer token' }))).toBe('401 UNAUTHORIZED');
  expect((await fetch(`${url}/v2/`, { headers: basic(alice) })).status).toBe(200);
  expect((await push(basic(alice))).status).toBe(201);
  const blob = await fetch(`${url}/v2/a/b/blobs/${digest}`, { headers: basic(alice) });
  expect(await blob.text()).toBe('content');
});

test('anonymous reads: all but writes, and but the question whether to log in', async () => {
  const { url } = await startWithUsers({ anonymousRead: true });
  const blob = `${url}/v2/a/b/blobs/${digest}`;
  expect(await problem(fetch(`${url}${upload}`, { method: 'POST', body: 'content' }))).toBe('401 UNAUTHORIZED');
  const pushed = await fetch(`${url}${upload}`, { method: 'POST', body: 'content', headers: basic(alice) });
  expect(pushed.status).toBe(201);
  expect(await (await fetch(blob)).text()).toBe('content');
  expect(await (await fetch(blob, { headers: { authorization: 'Basic Og==' } })).text()).toBe('content');
  expect((await fetch(blob, { method: 'HEAD' })).status).toBe(200);
  expect((await fetch(`${url}/v2/`)).headers.get('www-authenticate')).toMatch(/^Basic /);
  // Credentials that are given must be right.
  expect(await problem(fetch(blob, { headers: basic({ ...alice, password: 'x' }) }))).toBe('401 UNAUTHORIZED');
  expect(await problem(fetch(blob, { method: 'DELETE' }))).toBe('401 UNAUTHORIZED');
});

test('read-only and without deletes: users may no more than that', async () => {
  const readOnly = await startWithUsers({ readOnly: true });
  const headers = basic(alice);
  expect(await problem(fetch(`${readOnly.url}${upload}`, { method: 'POST' }))).toBe('401 UNAUTHORIZED');
  expect(await problem(fetch(`${readOnly.url}${upload}`, { method: 'POST', headers }))).toBe('405 UNSUPPORTED');
  const { url } = await startWithUsers({ deletes: false });
  expect((await fetch(`${url}${upload}`, { method: 'POST', body: 'content', headers })).status).toBe(201);
  const remove = fetch(`${url}/v2/a/b/blobs/${digest}`, { method: 'DELETE', headers });
  expect(await problem(remove)).toBe('405 UNSUPPORTED');
});

test('wrong passwords are slowed down, the verified are not, and no secret is told', async () => {
  const notices: string[] = [];
  const { url } = await startWithUsers({ notice: (text) => notices.push(text) });
  const login = (password: string) => fetch(`${url}/v2/`, { headers: basic({ ...alice, password }) });
  expect((await login(alice.password)).status).toBe(200);
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await login(`guess ${i}`)).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  const refused = await login('guess');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await problem(refused)).toBe('429 TOOMANYREQUESTS');
  expect((await login(alice.password)).status).toBe(200);
  expect(notices).toEqual([expect.stringMatching(/^127\.0\.0\.1: 5 failed logins/)]);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  expect([(await login('guess 9')).status, (await login('guess 10')).status]).toEqual([401, 429]);
});

test('many guesses at once are no way round', async () => {
  const { url } = await startWithUsers();
  const statuses = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      return (await fetch(`${url}/v2/`, { headers: basic({ ...alice, password: `guess ${i}` }) })).status;
    }),
  );
  expect(statuses.filter((status) => status === 401)).toHaveLength(5);
  expect(statuses.filter((status) => status === 429)).toHaveLength(55);
});

test('behind a proxy clients are told apart by what the proxy says last', async () => {
  const { url } = await startWithUsers({ behindProxy: true });
  const guess = async (forwarded: string): Promise<number> => {
    const headers = { ...basic({ ...alice, password: 'x' }), 'x-forwarded-for': forwarded };
    return (await fetch(`${url}/v2/`, { headers })).status;
  };
  for (let i = 0; i < 5; i++) expect(await guess(`10.0.0.${i}, 192.0.2.1`)).toBe(401);
  expect(await guess('10.0.0.9, 192.0.2.1')).toBe(429);
  expect(await guess('192.0.2.1, 192.0.2.2')).toBe(401);
});

test('without a proxy nobody believes X-Forwarded-For', async () => {
  const { url } = await startWithUsers();
  const guess = async (i: number): Promise<number> => {
    const headers = { ...basic({ ...alice, password: 'x' }), 'x-forwarded-for': `192.0.2.${i}` };
    return (await fetch(`${url}/v2/`, { headers })).status;
  };
  const statuses: number[] = [];
  for (let i = 0; i < 6; i++) statuses.push(await guess(i));
  expect(statuses.at(-1)).toBe(429);
});

test('a costly hash holds nobody else up, and is computed once for all connections of a client', async () => {
  const htpasswdFile = await writeUsers(await folder());
  await writeFile(htpasswdFile, `alice:${hashSync(alice.password, 12)}\n`);
  const { url } = await start({ htpasswdFile });
  const login = () => fetch(`${url}/v2/`, { headers: basic(alice) });
  await fetch(`${url}/healthz`);
  const begun = performance.now();
  const first = login().then(() => performance.now() - begun);
  const health: number[] = [];
  let done = false;
  void first.then(() => {
    done = true;
  });
  while (!done) {
    const asked = performance.now();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    health.push(performance.now() - asked);
  }
  const once = await first;
  // On the main thread no answer would come before the hash is done.
  expect(health.length).toBeGreaterThan(3);
  expect(Math.min(...health)).toBeLessThan(once / 4);
  const again = performance.now();
  const responses = await Promise.all(Array.from({ length: 20 }, login));
  expect(responses.every(({ status }) => status === 200)).toBe(true);
  expect(performance.now() - again).toBeLessThan(once * 4);
});
