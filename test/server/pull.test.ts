import { expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { describe, noise } from '../oci/content.ts';
import { problem, testRegistry } from './registry.ts';

const registry = testRegistry();
const absent = describe(noise(10, 'absent')).digest;

test('ping, with and without the slash', async () => {
  for (const path of ['/v2/', '/v2']) {
    const response = await registry.request(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  }
});

test('health', async () => {
  const response = await registry.request('/healthz');
  expect(readJson(await response.text())).toEqual({ status: 'ok', readOnly: false });
  expect(response.headers.get('cache-control')).toBe('no-store');
});

test.each(['GET', 'HEAD'])('%s a blob', async (method) => {
  const bytes = noise(700_000);
  const { digest } = await registry.pushBlob(bytes);
  const response = await registry.request(`/v2/a/b/blobs/${digest}`, { method });
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'docker-content-digest': digest,
    'content-length': '700000',
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: `"${digest}"`,
    'cache-control': expect.stringContaining('immutable') as string,
    'docker-distribution-api-version': 'registry/2.0',
  });
  const body = Buffer.from(await response.arrayBuffer());
  expect(Buffer.compare(body, method === 'GET' ? bytes : Buffer.alloc(0))).toBe(0);
});

test.each([
  ['bytes=500-1499', 500, 1500],
  ['bytes=500-', 500, 2048],
  ['bytes=-500', 1548, 2048],
  ['bytes=2000-5000', 2000, 2048],
  ['bytes=0-0', 0, 1],
  ['bytes=2047-2047', 2047, 2048],
  ['bytes=-5000', 0, 2048],
  ['BYTES=1-2', 1, 3],
])('range %s', async (range, start, end) => {
  const bytes = noise(2048);
  const { digest } = await registry.pushBlob(bytes);
  const response = await registry.request(`/v2/a/b/blobs/${digest}`, { headers: { range } });
  expect(response.status).toBe(206);
  expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/2048`);
  expect(response.headers.get('content-length')).toBe(String(end - start));
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes.subarray(start, end))).toBe(0);
});

test.each(['bytes=500-0', 'bytes=2048-', 'bytes=5000-10000', 'bytes=-0'])('range %s cannot be', async (range) => {
  const { digest } = await registry.pushBlob(noise(2048));
  const response = await registry.request(`/v2/a/b/blobs/${digest}`, { headers: { range } });
  expect(response.status).toBe(416);
  expect(response.headers.get('content-range')).toBe('bytes */2048');
});

test.each(['bytes=0-1,5-6', 'items=0-5', 'bytes=', 'bytes=-', 'bytes=x-5', 'nonsense'])(
  'range %s is let be: all of it comes',
  async (range) => {
    const { digest } = await registry.pushBlob(noise(2048));
    const response = await registry.request(`/v2/a/b/blobs/${digest}`, { headers: { range } });
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBe(2048);
  },
);

test('a range of an empty blob cannot be; the blob itself can', async () => {
  const { digest } = await registry.pushBlob('');
  const path = `/v2/a/b/blobs/${digest}`;
  expect((await registry.request(path, { headers: { range: 'bytes=0-' } })).status).toBe(416);
  const response = await registry.request(path);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-length')).toBe('0');
  expect(await response.text()).toBe('');
});

test('If-Range: a range only of the same content', async () => {
  const { digest } = await registry.pushBlob(noise(100));
  const ask = async (condition: string) => {
    const headers = { range: 'bytes=0-9', 'if-range': condition };
    return (await registry.request(`/v2/a/b/blobs/${digest}`, { headers })).status;
  };
  expect(await ask(`"${digest}"`)).toBe(206);
  expect(await ask('"other"')).toBe(200);
});

test('If-None-Match: what the client has is not sent again', async () => {
  const image = await registry.pushImage('layer', { tag: 'latest' });
  const { digest } = await registry.pushBlob('layer');
  for (const path of [`blobs/${digest}`, `manifests/${image.digest}`, 'manifests/latest']) {
    const etag = (await registry.request(`/v2/a/b/${path}`)).headers.get('etag') ?? '';
    const ask = async (condition: string) =>
      (await registry.request(`/v2/a/b/${path}`, { headers: { 'if-none-match': condition } })).status;
    expect(await ask(etag)).toBe(304);
    expect(await ask(`"x", W/${etag}`)).toBe(304);
    expect(await ask('*')).toBe(304);
    expect(await ask('"x"')).toBe(200);
  }
});

test.each(['GET', 'HEAD'])('%s a manifest by tag and by digest, whatever Accept says', async (method) => {
  const { digest, mediaType, size } = await registry.pushImage('layer', { tag: 'latest' });
  for (const reference of ['latest', digest]) {
    for (const accept of ['', '*/*', 'application/vnd.docker.distribution.manifest.v2+json']) {
      const response = await registry.request(`/v2/a/b/manifests/${reference}`, { method, headers: { accept } });
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': mediaType,
        'content-length': String(size),
        'docker-content-digest': digest,
        etag: `"${digest}"`,
      });
      const cache = response.headers.get('cache-control');
      expect(cache).toContain(reference === 'latest' ? 'no-cache' : 'immutable');
      const body = Buffer.from(await response.arrayBuffer());
      if (method === 'GET') expect(describe(body).digest).toBe(digest);
      else expect(body).toHaveLength(0);
    }
  }
});

test.each([
  ['/v2/a/b/blobs/sha256:baddigest', '400 DIGEST_INVALID'],
  ['/v2/a/b/blobs/md5:00000000000000000000000000000000', '400 DIGEST_INVALID'],
  [`/v2/a/b/blobs/${absent}`, '404 BLOB_UNKNOWN'],
  ['/v2/a/b/manifests/sha256:baddigeststring', '400 DIGEST_INVALID'],
  [`/v2/a/b/manifests/${absent}`, '404 MANIFEST_UNKNOWN'],
  ['/v2/a/b/manifests/absent', '404 MANIFEST_UNKNOWN'],
  ['/v2/a/b/manifests/.bad', '400 MANIFEST_INVALID'],
  ['/v2/nowhere/manifests/latest', '404 NAME_UNKNOWN'],
  ['/v2/nowhere/tags/list', '404 NAME_UNKNOWN'],
  ['/v2/A/tags/list', '400 NAME_INVALID'],
  [`/v2/a/_blobs/blobs/${absent}`, '400 NAME_INVALID'],
  ['/v2/a/b/referrers/latest', '400 DIGEST_INVALID'],
  ['/v2/a/b/tags/list?n=-1', '400 UNSUPPORTED'],
  ['/v2/a/b/tags/list?n=x', '400 UNSUPPORTED'],
  ['/v2/a/b/nothing', '404 UNSUPPORTED'],
  ['/nothing', '404 UNSUPPORTED'],
])('%s: %s', async (path, expected) => {
  await registry.pushImage('layer', { tag: 'latest' });
  expect(await problem(registry.request(path))).toBe(expected);
});

test('a blob of another repository is not there, nor is a manifest as a blob', async () => {
  const { digest } = await registry.pushBlob('content', 'a/b');
  for (const name of ['a', 'a/c', 'a/b/c', 'b']) {
    expect(await problem(registry.request(`/v2/${name}/blobs/${digest}`))).toBe('404 BLOB_UNKNOWN');
  }
  const image = await registry.pushImage('content');
  expect(await problem(registry.request(`/v2/a/b/blobs/${image.digest}`))).toBe('404 BLOB_UNKNOWN');
});
