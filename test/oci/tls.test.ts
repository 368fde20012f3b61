import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { openLayout, threadBytes } from '#oci/layout';
import { type OpenOptions, openRepository } from '#oci/transfer';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describe, noise, pushArtifact, readAll } from './content.ts';
import { clientIdentity, expiredIdentity, farIdentity, serverIdentity } from './identities.ts';
import { type DoubleOptions, RegistryDouble, send } from './registry-double.ts';

let double: RegistryDouble;
let folder: string;
const opened: Repository[] = [];

beforeEach(async () => {
  folder = await makeTempDir();
  double = await RegistryDouble.start({ tls: serverIdentity });
});

afterEach(async () => {
  for (const repository of opened.splice(0)) await repository.close();
  await double.close();
});

async function open(options: OpenOptions = {}): Promise<Repository> {
  const tls = { certsFolders: [folder], ...options.tls };
  const defaults = { env: {}, plainHttp: false, retry: { attempts: 1 } };
  const repository = await openRepository(parseReference(`${double.host}/a`), { ...defaults, ...options, tls });
  opened.push(repository);
  return repository;
}

async function restart(tls: DoubleOptions['tls']): Promise<void> {
  await double.close();
  double = await RegistryDouble.start(tls === undefined ? {} : { tls });
}

async function certs(files: Record<string, string>): Promise<void> {
  await mkdir(join(folder, double.host), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, double.host, name), text);
}

test('tls: a certificate that nobody vouches for is refused, with the next step', async () => {
  await expect((await open()).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    message: expect.stringContaining('not trusted'),
    hint: expect.stringContaining('--ca-cert'),
  });
  expect(double.seen).toEqual([]);
});

test('tls: a certificate for another host name says which names it is for', async () => {
  await restart(farIdentity);
  await expect((await open({ tls: { ca: farIdentity.cert } })).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    message: expect.stringMatching(/is for DNS:registry\.example\.com, not for 127\.0\.0\.1/),
    hint: expect.stringMatching(/^(?!.*--ca-cert).*host name/),
  });
});

test('tls: an expired certificate is said to be that', async () => {
  await restart(expiredIdentity);
  await expect((await open({ tls: { ca: expiredIdentity.cert } })).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    message: expect.stringContaining('has expired'),
    hint: expect.stringMatching(/^(?!.*--ca-cert).*clock/),
  });
});

test('tls: a client certificate that the registry does not accept', async () => {
  await restart({ ...serverIdentity, clientCa: farIdentity.cert });
  const tls = { ca: serverIdentity.cert, client: clientIdentity };
  await expect((await open({ tls })).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    hint: expect.stringContaining('--client-cert'),
  });
});

test('tls: certificates, named or in certs.d, mean https on this machine too', async () => {
  const named = await open({ plainHttp: undefined, tls: { ca: serverIdentity.cert } });
  expect(await named.resolve('v1')).toBeUndefined();
  await certs({ 'ca.crt': serverIdentity.cert });
  const found = await open({ plainHttp: undefined });
  expect(await found.resolve('v1')).toBeUndefined();
  expect(double.seen.length).toBe(2);
});

test('tls: named certificates that are for another registry leave this machine at http', async () => {
  await restart(undefined);
  const repository = await open({ plainHttp: undefined, tls: { ca: serverIdentity.cert, onLoopback: false } });
  expect(await repository.resolve('v1')).toBeUndefined();
});

test('tls: plain http to a registry that speaks TLS says so', async () => {
  await expect((await open({ plainHttp: true })).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    hint: expect.stringContaining('--no-plain-http'),
  });
  await restart(undefined);
  for (const words of [
    'Client sent an HTTP request to an HTTPS server.\n',
    '<center>The plain HTTP request was sent to HTTPS port</center>',
  ]) {
    double.fault = (_, response) => {
      response.writeHead(400, { 'content-type': 'text/plain' }).end(words);
      return true;
    };
    await expect((await open({ plainHttp: true })).resolve('v1')).rejects.toMatchObject({
      code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
      message: expect.stringContaining('speaks TLS'),
      hint: expect.stringContaining('--no-plain-http'),
    });
  }
});

test('tls: an authority that the user names', async () => {
  const repository = await open({ tls: { ca: serverIdentity.cert } });
  const manifest = await pushArtifact(repository, 'x');
  expect((await repository.resolve(manifest.digest))?.size).toBe(manifest.size);
});

test('tls: an authority in certs.d, for that host alone', async () => {
  await certs({ 'ca.crt': serverIdentity.cert });
  expect(await (await open()).resolve('v1')).toBeUndefined();
  await rm(join(folder, double.host), { recursive: true });
  await mkdir(join(folder, 'other.io'));
  await writeFile(join(folder, 'other.io', 'ca.crt'), serverIdentity.cert);
  await expect((await open()).resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_NETWORK' });
});

test('tls: a client certificate, from certs.d or named', async () => {
  await restart({ ...serverIdentity, clientCa: clientIdentity.cert });
  const { cert, key } = clientIdentity;
  const ca = serverIdentity.cert;
  await expect((await open({ tls: { ca } })).resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_NETWORK' });
  expect(await (await open({ tls: { ca, client: { cert, key } } })).resolve('v1')).toBeUndefined();
  await certs({ 'ca.crt': ca, 'me.cert': cert, 'me.key': key });
  expect(await (await open()).resolve('v1')).toBeUndefined();
  await rm(join(folder, double.host, 'me.key'));
  await expect((await open()).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_USAGE',
    message: expect.stringContaining('me.key'),
  });
});

test('tls: a redirect to plain http is refused', async () => {
  const plain = await RegistryDouble.start();
  double.fault = (_, response) => {
    send(response, 307, { location: `http://${plain.host}/data` });
    return true;
  };
  const repository = await open({ tls: { ca: serverIdentity.cert } });
  await expect(readAll(await repository.fetch(describe(noise(10))))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
    message: expect.stringContaining('https to http'),
  });
  expect(plain.seen).toEqual([]);
  await plain.close();
});

test('tls: a token realm in plain http is not trusted', async () => {
  double.fault = (_, response) => {
    send(response, 401, { 'www-authenticate': `Bearer realm="http://${double.host}/token"` });
    return true;
  };
  const credential = { kind: 'password', username: 'me', password: 'x' } as const;
  await expect((await open({ credential, tls: { ca: serverIdentity.cert } })).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
    message: expect.stringContaining('https to http'),
  });
});

test('tls: an upload location in http at the same host is the registry itself', async () => {
  const repository = await open({ tls: { ca: serverIdentity.cert } });
  double.fault = (request, response) => {
    if (request.method !== 'POST') return false;
    double.uploads.set('u1', Buffer.alloc(0));
    send(response, 202, { location: `http://127.0.0.1/v2/a/blobs/uploads/u1?state=a%2Bb` });
    return true;
  };
  const bytes = Buffer.from('x');
  expect(
    await repository.push(describe(bytes), async function* () {
      yield bytes;
    }),
  ).toBe('uploaded');
});

test('plain http: on this machine unless told otherwise, elsewhere only when told', async () => {
  await restart(undefined);
  await expect((await open()).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    hint: expect.stringContaining('--plain-http'),
  });
  const repository = await openRepository(parseReference(`${double.host}/a`), { env: {} });
  opened.push(repository);
  expect(await repository.resolve('v1')).toBeUndefined();
});

test('proxies: plain http elsewhere goes through http_proxy, this machine does not', async () => {
  const proxy = await RegistryDouble.start();
  proxy.fault = (request, response) => {
    send(response, request.url === 'http://registry.example.com/v2/a/manifests/v1' ? 404 : 500, {});
    return true;
  };
  await restart(undefined);
  const env = { HTTP_PROXY: `http://${proxy.host}` };
  const options = { env, plainHttp: true, retry: { attempts: 1 } };
  const far = await openRepository(parseReference('registry.example.com/a'), options);
  const near = await openRepository(parseReference(`${double.host}/a`), options);
  opened.push(far, near);
  expect(await far.resolve('v1')).toBeUndefined();
  expect(proxy.seen).toHaveLength(1);
  expect(await near.resolve('v1')).toBeUndefined();
  expect(proxy.seen).toHaveLength(1);
  const direct = await openRepository(parseReference('registry.invalid/a'), {
    ...options,
    env: { ...env, no_proxy: 'registry.invalid' },
  });
  opened.push(direct);
  await expect(direct.resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_NETWORK' });
  expect(proxy.seen).toHaveLength(1);
  await proxy.close();
});

test.each([serverIdentity, farIdentity])(
  'tls: a large blob comes on another thread, by the same certificates',
  async (identity) => {
    await restart(identity);
    const bytes = noise(threadBytes + 4321);
    const blob = describe(bytes);
    double.blobs.set(`a ${blob.digest}`, Buffer.from(bytes));
    const registry = await open({ tls: { ca: identity.cert } });
    const layout = await openLayout(join(folder, 'layout'), { create: true });
    const copying = layout.push(blob, (_, reuseBuffer, into) => registry.fetch(blob, { reuseBuffer, into }));
    if (identity === serverIdentity) {
      await copying;
      expect(Buffer.compare(await readAll(await layout.fetch(blob)), bytes)).toBe(0);
    } else {
      await expect(copying).rejects.toMatchObject({ message: expect.stringMatching(/is for DNS:registry/) });
      expect(double.seen).toEqual([]);
    }
    await layout.close();
  },
);
