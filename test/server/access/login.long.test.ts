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
    expect(parseCredentials(text), text).toBe('malformed');
  }
  expect(parseCredentials(`Basic ${of(`a:${'b'.repeat(10_000)}`)}`)).toBe('malformed');
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

/** The status of an answer, and how long it took in milliseconds. */
async function timed(answer: Promise<Response>): Promise<{ status: number; ms: number }> {
  const start = performance.now();
  const { status } = await answer;
  return { status, ms: performance.now() - start };
}

test('wrong passwords are answered slowly, right ones at once, and no secret is told', async () => {
  const notices: string[] = [];
  const bob = { username: 'bob', password: 'of bob' };
  const htpasswdFile = await writeUsers(await folder(), [alice, bob]);
  const { url } = await start({ htpasswdFile, notice: (text) => notices.push(text) });
  const login = (user: { username: string; password: string }) => fetch(`${url}/v2/`, { headers: basic(user) });
  const start0 = performance.now();
  for (let i = 0; i < 9; i++) expect((await login({ ...alice, password: `guess ${i}` })).status).toBe(401);
  // The gaps before the last four are 100, 200, 400 and 800 ms.
  expect(performance.now() - start0).toBeGreaterThan(1400);
  const slow = timed(login({ ...alice, password: 'guess' }));
  const other = await timed(login(bob));
  expect(other.status).toBe(200);
  const { status, ms } = await slow;
  expect(status).toBe(401);
  expect(ms).toBeGreaterThan(1000);
  // Once more for the same user from the same address: put off, and not refused.
  expect((await login(alice)).status).toBe(200);
  const [again, guess] = await Promise.all([timed(login(alice)), timed(login({ ...alice, password: 'guess' }))]);
  expect([again.status, guess.status]).toEqual([200, 401]);
  expect(notices).toEqual([expect.stringMatching(/^127\.0\.0\.1: 5 failed logins/)]);
});

test('a client that goes on with an old password holds up nobody who has the right one', async () => {
  const { url } = await startWithUsers();
  const login = (password: string) => fetch(`${url}/v2/`, { headers: basic({ ...alice, password }) });
  expect((await login('old')).status).toBe(401);
  const stale = Array.from({ length: 20 }, () => timed(login('old')));
  const right = await timed(login(alice.password));
  expect(right.status).toBe(200);
  const answers = await Promise.all(stale.slice(0, 8));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
}, 60_000);

test('a header that holds no credentials counts as a failed login', async () => {
  const { url } = await startWithUsers();
  const authorization = `Basic ${' '.repeat(20_000)}!`;
  const start0 = performance.now();
  for (let i = 0; i < 9; i++) expect((await fetch(`${url}/v2/`, { headers: { authorization } })).status).toBe(401);
  expect(performance.now() - start0).toBeGreaterThan(1400);
  expect((await fetch(`${url}/v2/`, { headers: basic(alice) })).status).toBe(200);
});

test('many guesses at once are checked one after the other, and the right password among them is found right', async () => {
  const { url } = await startWithUsers();
  const guesses = Array.from({ length: 12 }, async (_, i) => {
    return (await fetch(`${url}/v2/`, { headers: basic({ ...alice, password: `guess ${i}` }) })).status;
  });
  const right = fetch(`${url}/v2/`, { headers: basic(alice) });
  expect((await right).status).toBe(200);
  expect(await Promise.all(guesses)).toEqual(guesses.map(() => 401));
}, 60_000);

test('behind a proxy clients are told apart by what the proxy says last', async () => {
  const { url } = await startWithUsers({ behindProxy: true });
  const guess = (i: number, forwarded: string) => {
    const headers = { ...basic({ ...alice, password: `x${i}` }), 'x-forwarded-for': forwarded };
    return timed(fetch(`${url}/v2/`, { headers }));
  };
  for (let i = 0; i < 8; i++) await guess(i, `10.0.0.${i}, 192.0.2.1`);
  const [same, other] = await Promise.all([guess(8, '10.0.0.9, 192.0.2.1'), guess(9, '192.0.2.1, 192.0.2.2')]);
  expect(same.ms).toBeGreaterThan(500);
  expect(other.status).toBe(401);
});

test('without a proxy nobody believes X-Forwarded-For', async () => {
  const { url } = await startWithUsers();
  const start0 = performance.now();
  for (let i = 0; i < 9; i++) {
    const headers = { ...basic({ ...alice, password: `x${i}` }), 'x-forwarded-for': `192.0.2.${i}` };
    expect((await fetch(`${url}/v2/`, { headers })).status).toBe(401);
  }
  expect(performance.now() - start0).toBeGreaterThan(1400);
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
