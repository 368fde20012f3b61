import { expect, test } from 'vitest';
import { exchange } from '../raw.ts';
import { serving } from '../serving.ts';
import { alice, basic, writeUsers } from './users.ts';

const { start, folder } = serving();

async function statusFor(address: string, method: string, headers: Record<string, string>): Promise<number> {
  const path = method === 'GET' ? '/v2/' : '/v2/a/b/blobs/uploads/';
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const answer = await exchange(address, `${method} ${path} HTTP/1.1\r\n${head}\r\n`);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
}

test('on loopback and without users: names of loopback only, at any port', async () => {
  const { address, port } = await start();
  const status = (Host: string, method = 'GET') => statusFor(address, method, { Host });
  for (const host of ['127.0.0.1', 'localhost', 'LOCALHOST', 'localhost.', '[::1]', '127.0.0.2', 'a.localhost']) {
    expect(await status(host), host).toBe(200);
    expect(await status(`${host}:${port}`), host).toBe(200);
  }
  expect(await status('localhost:9999')).toBe(200);
  for (const host of [
    'attacker.example',
    `attacker.example:${port}`,
    'localhost.attacker.example',
    '127.0.0.1.attacker.example',
    '10.0.0.1',
    '[::2]',
  ]) {
    expect(await status(host), host).toBe(403);
    expect(await status(host, 'POST'), host).toBe(403);
  }
  for (const host of ['127.0.0.1@attacker.example', '', ':80', 'localhost/']) {
    expect(await status(host), host).toBe(400);
  }
  const health = await exchange(address, 'GET /healthz HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n');
  expect(health).toMatch(/^HTTP\/1\.1 200 /);
});

test('with users, or off loopback, any name will do', async () => {
  const htpasswdFile = await writeUsers(await folder());
  const withUsers = await start({ htpasswdFile });
  const headers = { Host: 'registry.example', Authorization: basic(alice).authorization };
  expect(await statusFor(withUsers.address, 'GET', headers)).toBe(200);
  const open = await start({ host: '0.0.0.0', readOnly: true });
  expect(await statusFor(`127.0.0.1:${open.port}`, 'GET', { Host: 'registry.example' })).toBe(200);
  const proxied = await start({ behindProxy: true, readOnly: true });
  expect(await statusFor(proxied.address, 'GET', { Host: 'registry.example' })).toBe(200);
});

test('a page of another site does not write', async () => {
  const { address } = await start();
  const status = (headers: Record<string, string>, method = 'POST') =>
    statusFor(address, method, { Host: address, ...headers });
  expect(await status({})).toBe(202);
  expect(await status({ Origin: `http://${address}` })).toBe(202);
  expect(await status({ Origin: `http://${address}`, 'Sec-Fetch-Site': 'same-origin' })).toBe(202);
  expect(await status({ 'Sec-Fetch-Site': 'none' })).toBe(202);
  expect(await status({ Origin: 'http://attacker.example' })).toBe(403);
  expect(await status({ Origin: 'null' })).toBe(403);
  expect(await status({ Origin: 'http://127.0.0.1:1' })).toBe(403);
  for (const site of ['cross-site', 'same-site']) expect(await status({ 'Sec-Fetch-Site': site })).toBe(403);
  expect(await status({ 'Sec-Fetch-Site': 'cross-site' }, 'GET')).toBe(200);
});
