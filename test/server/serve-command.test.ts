import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { type FakeIo, fakeIo } from '../cli/fake-io.ts';
import { clientIdentity, serverIdentity } from '../oci/identities.ts';
import { alice, basic, writeUsers } from './access/users.ts';
import { writeCertificate } from './certificate-files.ts';
import { serving } from './serving.ts';

const { folder } = serving();

/** Runs `serve` until it says where, asks it, and ends it. */
async function whileServing<T>(args: readonly string[], ask: (url: string, io: FakeIo) => Promise<T>): Promise<T> {
  const io = fakeIo();
  const ended = run(['serve', '--data', join(await folder(), 'data'), ...args], io);
  try {
    const url = await vi.waitFor(() => /^serving (\S+)/.exec(io.out())?.[1] ?? expect.fail(io.err()), {
      timeout: 10_000,
    });
    return await ask(url, io);
  } finally {
    io.interrupt();
    expect(await ended).toBe(0);
  }
}

async function refused(...args: string[]): Promise<{ status: number; text: string }> {
  const io = fakeIo();
  const status = await run(['serve', '--data', join(await folder(), 'data'), ...args], io);
  expect(io.out()).toBe('');
  return { status, text: io.err() };
}

test('on loopback it serves everybody, and says nothing else', async () => {
  await whileServing(['--listen', '127.0.0.1:0'], async (url, io) => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' })).status).toBe(202);
    expect(io.err()).toBe('');
  });
});

test('off loopback it does not start for everybody to write', async () => {
  const { status, text } = await refused('--listen', '0.0.0.0:0');
  expect(status).toBe(2);
  expect(text).toMatch(
    /^error ERR_EXPORT_USAGE: refusing to listen on 0\.0\.0\.0 without authentication\nhint: add --htpasswd FILE/,
  );
});

test('off loopback with users: a loud warning, however quiet', async () => {
  const htpasswd = await writeUsers(await folder());
  await whileServing(['--quiet', '--listen', '0.0.0.0:0', '--htpasswd', htpasswd], async (url, io) => {
    const here = url.replace('0.0.0.0', '127.0.0.1');
    expect((await fetch(`${here}/v2/`)).status).toBe(401);
    expect((await fetch(`${here}/v2/`, { headers: basic(alice) })).status).toBe(200);
    expect(io.err()).toMatch(/^WARNING: passwords cross the network unencrypted/);
  });
});

test('each option reaches the server', async () => {
  const htpasswd = await writeUsers(await folder());
  const headers = basic(alice);
  const listen = ['--listen', '127.0.0.1:0', '--htpasswd', htpasswd];
  await whileServing([...listen, '--anonymous-read', '--no-delete', '--behind-proxy'], async (url, io) => {
    expect((await fetch(`${url}/v2/a/tags/list`)).status).toBe(404);
    expect((await fetch(`${url}/v2/a/manifests/x`, { method: 'DELETE', headers })).status).toBe(405);
    for (let i = 0; i < 5; i++) {
      const guess = { ...basic({ ...alice, password: `x${i}` }), 'x-forwarded-for': '192.0.2.1' };
      await fetch(`${url}/v2/`, { headers: guess });
    }
    expect(io.err()).toMatch(/^192\.0\.2\.1: 5 failed logins/);
    expect(io.err()).not.toContain(alice.username);
  });
  await whileServing([...listen, '--read-only'], async (url, io) => {
    expect(io.out()).toMatch(/\(read-only\)\n$/);
    expect((await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST', headers })).status).toBe(405);
  });
  const { certFile, keyFile } = await writeCertificate(await folder(), serverIdentity);
  await whileServing([...listen, '--tls-cert', certFile, '--tls-key', keyFile], (url) => {
    expect(url).toMatch(/^https:/);
    return Promise.resolve();
  });
});

test('options that do not go together, or name what cannot be used, end with status 2 and a next step', async () => {
  const { certFile, keyFile } = await writeCertificate(await folder(), { ...clientIdentity, key: serverIdentity.key });
  const sha1 = join(await folder(), 'users');
  await writeFile(sha1, 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n');
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--tls-cert', certFile], /--tls-cert requires --tls-key/],
    [['--tls-key', keyFile], /--tls-key requires --tls-cert/],
    [['--tls-cert', certFile, '--tls-key', keyFile], /not a valid certificate with its key/],
    [['--anonymous-read'], /add --htpasswd FILE/],
    [
      ['--htpasswd', sha1],
      /users:1: unsupported SHA-1 hash, bcrypt required\nhint: set the password again: htpasswd -B/,
    ],
    [['--behind-proxy'], /refusing to listen behind a reverse proxy without authentication/],
  ];
  for (const [args, message] of cases) {
    const { status, text } = await refused('--listen', '127.0.0.1:0', ...args);
    expect(text).toMatch(message);
    expect(status, text).toBe(2);
  }
});
