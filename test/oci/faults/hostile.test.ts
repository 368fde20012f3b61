import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import type { Lookup } from '../../../src/oci/registry/http/pinned-lookup.ts';
import { describe, inPieces, listAll, noise, readAll } from '../content.ts';
import { send } from '../registry-double.ts';
import { useFaulty } from './faulty.ts';

const faulty = useFaulty();
const INDEX = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
const JSON_TYPE = { 'content-type': 'application/json' };
const subject = describe(noise(1));
const bytes = noise(200_000);
const blob = describe(bytes);

/** Every name is this machine. */
const lookup: Lookup = (_hostname, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const port = () => faulty.double.host.split(':')[1];

test('a redirect to a name that resolves to this machine is not followed', async () => {
  const repository = await faulty.open({ lookup });
  await repository.push(blob, inPieces(bytes, 10_000));
  let asked = 0;
  faulty.misbehave('GET', /blobs/, (response, request) => {
    if (request.headers.host?.startsWith('cdn.test')) asked++;
    send(response, 307, { location: `http://cdn.test:${port()}${request.url}` });
  });
  for (const reuseBuffer of [false, true]) {
    const reading = async () => readAll(await repository.fetch(blob, { reuseBuffer }));
    await expect(reading()).rejects.toMatchObject({
      code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
      message: expect.stringContaining('cdn.test, which resolves to the loopback or link-local address 127.0.0.1'),
    });
  }
  expect(asked).toBe(0);
});

test('neither is a token realm or an upload location', async () => {
  const credential = { kind: 'password', username: 'me', password: 's3cret' } as const;
  const repository = await faulty.open({ lookup, credential });
  faulty.misbehave('POST', /uploads/, (response) => {
    send(response, 202, { location: `http://upload.test:${port()}/v2/x/blobs/uploads/u1` });
  });
  await expect(repository.push(blob, inPieces(bytes, 10_000))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
    message: expect.stringContaining('upload.test, which resolves'),
  });
  faulty.misbehave('GET', /tags/, (response) => {
    send(response, 401, { 'www-authenticate': `Bearer realm="http://auth.test:${port()}/token",service="x"` });
  });
  await expect(listAll(repository.tags())).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
    message: expect.stringContaining('auth.test, which resolves'),
  });
  expect(faulty.double.seen.some(({ headers }) => headers.host?.includes('.test'))).toBe(false);
});

/** A listing that has a next page for ever, always with something new. */
function endless(path: RegExp, headers: object, page: (n: number) => string): void {
  faulty.misbehave('GET', path, (response, request) => {
    const n = Number(/page=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
    const [place] = (request.url ?? '').split('?');
    send(response, 200, { ...headers, link: `<${place}?page=${n + 1}>; rel="next"` }, page(n));
  });
}

const referrer = (text: string, more: object = {}) => ({
  ...describe(Buffer.from(text), 'application/vnd.oci.image.manifest.v1+json'),
  ...more,
});

test('referrers end at 10,000', async () => {
  const repository = await faulty.open();
  endless(/referrers/, INDEX, (n) => {
    return JSON.stringify({ manifests: Array.from({ length: 1000 }, (_, i) => referrer(`${n}-${i}`)) });
  });
  await expect(listAll(repository.referrers(subject.digest))).rejects.toMatchObject({
    code: 'ERR_EXPORT_TOO_LARGE',
    message: expect.stringContaining('more than 10,000 referrers'),
  });
  expect(faulty.double.count('GET', /referrers/)).toBe(11);
});

test('referrers end at 32 MiB, however few they are', async () => {
  const repository = await faulty.open();
  const annotations = { text: 'x'.repeat(8_000_000) };
  endless(/referrers/, INDEX, (n) => JSON.stringify({ manifests: [referrer(`${n}`, { annotations })] }));
  await expect(listAll(repository.referrers(subject.digest))).rejects.toMatchObject({
    code: 'ERR_EXPORT_TOO_LARGE',
    message: expect.stringContaining('more than 32 MiB of referrers'),
  });
  expect(faulty.double.count('GET', /referrers/)).toBe(5);
});

test('tags end at 64 MiB of pages', async () => {
  const repository = await faulty.open();
  const padding = ' '.repeat(16_000_000);
  endless(/tags/, JSON_TYPE, (n) => `{"name":"a","tags":["v${n}"]}${padding}`);
  await expect(listAll(repository.tags())).rejects.toMatchObject({
    code: 'ERR_EXPORT_TOO_LARGE',
    message: expect.stringContaining('more than 64 MiB of tags'),
  });
  expect(faulty.double.count('GET', /tags/)).toBe(5);
});

test('an answer that trickles in is given up, and not asked for again', async () => {
  const repository = await faulty.open({ idleTimeoutMs: 300 });
  await repository.push(blob, inPieces(bytes, 10_000));
  const trickle = (length: number) => (response: ServerResponse) => {
    response.writeHead(200, { ...JSON_TYPE, 'content-length': length });
    const timer = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(timer));
  };
  faulty.misbehave('GET', /tags/, trickle(1_000_000));
  const slow = { code: 'ERR_EXPORT_NETWORK', message: expect.stringContaining('the response is too slow') };
  await expect(listAll(repository.tags())).rejects.toMatchObject(slow);
  faulty.misbehave('GET', /blobs/, trickle(bytes.length));
  await expect(repository.fetch(blob).then(readAll)).rejects.toMatchObject(slow);
  expect(faulty.double.count('GET', /tags/)).toBe(1);
  expect(faulty.double.count('GET', /blobs/)).toBe(1);
});

test('interim answers without end do not hold a request', async () => {
  let timer: NodeJS.Timeout | undefined;
  faulty.misbehave('HEAD', /./, (response) => {
    timer = setInterval(() => response.socket?.write('HTTP/1.1 102 Processing\r\n\r\n'), 20);
  });
  try {
    const repository = await faulty.open({ idleTimeoutMs: 300, retry: { attempts: 1 } });
    await expect(repository.resolve('v1')).rejects.toMatchObject({
      code: 'ERR_EXPORT_NETWORK',
      message: expect.stringContaining('timed out'),
    });
  } finally {
    clearInterval(timer);
  }
});
