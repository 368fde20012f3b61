import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { type OpenOptions, openRepository } from '#oci/transfer';
import { describe, inPieces, noise, pushArtifact, readAll } from './content.ts';
import { farIdentity, serverIdentity } from './identities.ts';
import { RegistryDouble, send } from './registry-double.ts';

let double: RegistryDouble;
let proxy: Server;
/** What the proxy was asked, and with which login. */
let asked: { what: string; login: string | undefined }[];
const sockets = new Set<Socket>();
const opened: Repository[] = [];

/** Leads every host to the double, whether by tunnel or by forwarding. */
beforeEach(async () => {
  asked = [];
  double = await RegistryDouble.start({ tls: farIdentity });
  proxy = createServer((request, response) => {
    asked.push({ what: `${request.method} ${request.url}`, login: request.headers['proxy-authorization'] });
    send(response, 404, {});
  });
  proxy.on('connect', (request, socket: Socket) => {
    asked.push({ what: `CONNECT ${request.url}`, login: request.headers['proxy-authorization'] });
    const upstream = connect(Number(double.host.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const each of [socket, upstream]) each.on('error', () => undefined);
    sockets.add(socket).add(upstream);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});

afterEach(async () => {
  for (const repository of opened.splice(0)) await repository.close();
  for (const socket of sockets) socket.destroy();
  proxy.close();
  await double.close();
});

const proxyUrl = (login = '') => `http://${login}127.0.0.1:${(proxy.address() as AddressInfo).port}`;

async function open(env: Record<string, string>, options: OpenOptions = {}, host = 'registry.example.com') {
  const tls = { ca: farIdentity.cert, certsFolders: [] };
  const defaults = { env, tls, retry: { attempts: 1 }, idleTimeoutMs: 5000 };
  const repository = await openRepository(parseReference(`${host}/a`), { ...defaults, ...options });
  opened.push(repository);
  return repository;
}

test.each(['https_proxy', 'HTTPS_PROXY'])(
  '%s: a registry far away is spoken to in TLS, through a tunnel',
  async (name) => {
    const repository = await open({ [name]: proxyUrl() });
    const bytes = noise(3_000_000);
    expect(await repository.push(describe(bytes), inPieces(bytes, 100_000))).toBe('uploaded');
    expect(Buffer.compare(await readAll(await repository.fetch(describe(bytes))), bytes)).toBe(0);
    await repository.tag(await pushArtifact(repository, 'x'), 'v1');
    expect(new Set(asked.map(({ what }) => what))).toEqual(new Set(['CONNECT registry.example.com:443']));
  },
);

test('a login at the proxy is the proxy’s alone', async () => {
  const credential = { kind: 'password', username: 'me', password: 's3cret' } as const;
  double.fault = (request, response) => {
    if (request.headers.authorization !== undefined) return false;
    send(response, 401, { 'www-authenticate': 'Basic realm="x"' });
    return true;
  };
  const repository = await open({ https_proxy: proxyUrl('who:pr0xy@') }, { credential });
  expect(await repository.resolve('v1')).toBeUndefined();
  expect(asked[0]?.login).toBe(`Basic ${Buffer.from('who:pr0xy').toString('base64')}`);
  expect(asked.filter(({ login }) => login?.includes('czNjcmV0'))).toEqual([]);
  expect(double.seen.filter(({ headers }) => headers['proxy-authorization'] !== undefined)).toEqual([]);
});

test('the proxy does not vouch for a registry: a certificate of another host is refused', async () => {
  await double.close();
  double = await RegistryDouble.start({ tls: serverIdentity });
  const repository = await open({ https_proxy: proxyUrl() }, { tls: { ca: serverIdentity.cert, certsFolders: [] } });
  await expect(repository.resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    hint: expect.stringContaining('host name'),
  });
  expect(double.seen).toEqual([]);
});

test.each(['registry.example.com', '.example.com', 'example.com', '*', 'other.io, registry.example.com'])(
  'no_proxy=%s: the registry is asked without the proxy',
  async (noProxy) => {
    const repository = await open({ https_proxy: proxyUrl(), NO_PROXY: noProxy }, { idleTimeoutMs: 500 });
    // There is no such registry; that it is not found is the proof.
    await expect(repository.resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_NETWORK' });
    expect(asked).toEqual([]);
  },
);

test.each(['other.io', 'ample.com', 'registry.example.com:1'])('no_proxy=%s: is of another host', async (noProxy) => {
  expect(await (await open({ https_proxy: proxyUrl(), no_proxy: noProxy })).resolve('v1')).toBeUndefined();
  expect(asked.length).toBeGreaterThan(0);
});

test('plain http far away only when told: without, nobody is asked in the clear', async () => {
  const env = { http_proxy: proxyUrl(), https_proxy: proxyUrl() };
  expect(await (await open(env)).resolve('v1')).toBeUndefined();
  expect(asked.map(({ what }) => what)).toEqual(['CONNECT registry.example.com:443']);
  asked = [];
  expect(await (await open(env, { plainHttp: true })).resolve('v1')).toBeUndefined();
  expect(asked.map(({ what }) => what.replace(/^CONNECT (.*):80$/, 'through $1'))).not.toContain(
    'CONNECT registry.example.com:443',
  );
  expect(asked.length).toBeGreaterThan(0);
});

test('a proxy that is not there, or refuses, is said to be at fault', async () => {
  await expect((await open({ https_proxy: 'http://127.0.0.1:1' })).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    hint: expect.stringMatching(/./),
  });
});
