import { expect, test } from 'vitest';
import { mediaTypes } from '#core';
import { readJson } from '../core/read-json.ts';
import { describe, noise } from '../oci/content.ts';
import { problem, testRegistry } from './registry.ts';

const registry = testRegistry();
const bytes = noise(10_000);
const { digest } = describe(bytes);

async function begin(query = ''): Promise<string> {
  const response = await registry.request(`/v2/a/b/blobs/uploads/${query}`, { method: 'POST' });
  expect(response.status).toBe(202);
  return response.headers.get('location') ?? expect.fail('no Location');
}

async function send(method: string, path: string, from: number, to: number, range?: string): Promise<Response> {
  const headers: Record<string, string> = range === undefined ? {} : { 'content-range': range };
  return await registry.request(path, { method, body: bytes.subarray(from, to) as Uint8Array<ArrayBuffer>, headers });
}

async function isThere(name = 'a/b', wanted = digest): Promise<boolean> {
  return (await registry.request(`/v2/${name}/blobs/${wanted}`, { method: 'HEAD' })).status === 200;
}

test('POST with the digest takes a whole blob', async () => {
  const response = await send('POST', `/v2/a/b/blobs/uploads/?digest=${digest}`, 0, 10_000);
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe(`/v2/a/b/blobs/${digest}`);
  expect(response.headers.get('docker-content-digest')).toBe(digest);
  expect(await isThere()).toBe(true);
});

test('POST, then PUT', async () => {
  const location = await begin();
  const response = await send('PUT', `${location}?digest=${digest}`, 0, 10_000);
  expect(response.status).toBe(201);
  expect(await isThere()).toBe(true);
  expect(await problem(registry.request(location))).toBe('404 BLOB_UPLOAD_UNKNOWN');
});

test('POST, chunks in order, PUT with nothing more', async () => {
  let location = await begin();
  for (const [from, to] of [
    [0, 4_000],
    [4_000, 8_000],
    [8_000, 10_000],
  ] as const) {
    const response = await send('PATCH', location, from, to, `${from}-${to - 1}`);
    expect(response.status).toBe(202);
    expect(response.headers.get('range')).toBe(`0-${to - 1}`);
    location = response.headers.get('location') ?? '';
    const state = await registry.request(location);
    expect(state.status).toBe(204);
    expect(state.headers.get('range')).toBe(`0-${to - 1}`);
    expect(state.headers.get('docker-upload-uuid')).toMatch(/^[0-9a-f-]{36}$/);
  }
  expect(await isThere()).toBe(false);
  expect((await registry.request(`${location}?digest=${digest}`, { method: 'PUT' })).status).toBe(201);
  expect(await isThere()).toBe(true);
});

test('chunks out of order are refused and say where to go on', async () => {
  const location = await begin();
  await send('PATCH', location, 0, 4_000, '0-3999');
  for (const [method, range] of [
    ['PATCH', '5000-5999'],
    ['PATCH', '0-999'],
    ['PUT', '4001-5000'],
  ] as const) {
    const [from = 0, to = 0] = range.split('-').map(Number);
    const response = await send(method, `${location}?digest=${digest}`, from, to + 1, range);
    expect(await problem(response.clone())).toBe('416 BLOB_UPLOAD_INVALID');
    expect(response.headers.get('range')).toBe('0-3999');
    expect(response.headers.get('location')).toBe(location);
  }
  expect((await send('PUT', `${location}?digest=${digest}`, 4_000, 10_000, '4000-9999')).status).toBe(201);
});

test.each([
  ['7-3', '400 BLOB_UPLOAD_INVALID'],
  ['x', '400 BLOB_UPLOAD_INVALID'],
  ['0-', '400 BLOB_UPLOAD_INVALID'],
  ['0-98', '400 SIZE_INVALID'],
  ['0-100', '400 SIZE_INVALID'],
])('a chunk of 100 bytes that claims to be %s: %s', async (range, expected) => {
  const location = await begin();
  expect(await problem(send('PATCH', location, 0, 100, range))).toBe(expected);
});

test('a wrong digest: 400, nothing is there, the upload is gone', async () => {
  expect(await problem(send('POST', `/v2/a/b/blobs/uploads/?digest=${digest}`, 0, 9_999))).toBe('400 DIGEST_INVALID');
  const location = await begin();
  expect(await problem(send('PUT', location, 0, 10_000))).toBe('400 DIGEST_INVALID');
  expect(await problem(send('PUT', `${location}?digest=sha256:x`, 0, 10_000))).toBe('400 DIGEST_INVALID');
  expect(await problem(send('PUT', `${location}?digest=${digest}`, 0, 9_999))).toBe('400 DIGEST_INVALID');
  expect(await problem(registry.request(location))).toBe('404 BLOB_UPLOAD_UNKNOWN');
  expect(await isThere()).toBe(false);
});

test('sha512, announced and not', async () => {
  const wanted = describe(bytes, undefined, 'sha512').digest;
  await send('PUT', `${await begin('?digest-algorithm=sha512')}?digest=${wanted}`, 0, 10_000);
  expect(await isThere('a/b', wanted)).toBe(true);
  const location = await begin();
  const other = describe(bytes.subarray(0, 9), undefined, 'sha512').digest;
  await send('PATCH', location, 0, 9);
  expect((await registry.request(`${location}?digest=${other}`, { method: 'PUT' })).status).toBe(201);
  expect(await isThere('a/b', other)).toBe(true);
  const unknown = registry.request('/v2/a/b/blobs/uploads/?digest-algorithm=md5', { method: 'POST' });
  expect(await problem(unknown)).toBe('400 DIGEST_INVALID');
});

test('DELETE gives an upload up', async () => {
  const location = await begin();
  await send('PATCH', location, 0, 10);
  expect((await registry.request(location, { method: 'DELETE' })).status).toBe(204);
  expect(await problem(registry.request(location, { method: 'DELETE' }))).toBe('404 BLOB_UPLOAD_UNKNOWN');
  expect(await problem(send('PATCH', location, 10, 20))).toBe('404 BLOB_UPLOAD_UNKNOWN');
});

test('an upload is known in its own repository only', async () => {
  const location = await begin();
  const elsewhere = location.replace('/v2/a/b/', '/v2/a/');
  expect(await problem(registry.request(elsewhere))).toBe('404 BLOB_UPLOAD_UNKNOWN');
  expect(await problem(registry.request(elsewhere, { method: 'DELETE' }))).toBe('404 BLOB_UPLOAD_UNKNOWN');
});

test('mount: from a repository that has it, from any, and from one that has not', async () => {
  await registry.pushBlob(bytes, 'source');
  const mount = async (query: string) =>
    await registry.request(`/v2/target/blobs/uploads/?mount=${digest}${query}`, { method: 'POST' });
  for (const query of ['&from=other', '&from=..%2Fsource', '&from=']) {
    const response = await mount(query);
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toContain('/v2/target/blobs/uploads/');
  }
  expect(await isThere('target')).toBe(false);
  const response = await mount('&from=source');
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe(`/v2/target/blobs/${digest}`);
  expect(await isThere('target')).toBe(true);
  const anywhere = await registry.request(`/v2/third/blobs/uploads/?mount=${digest}`, { method: 'POST' });
  expect(anywhere.status).toBe(201);
  expect(await isThere('third')).toBe(true);
});

test('a manifest by tag, by digest, and by digest with tags', async () => {
  const image = await registry.pushImage('layer', { tag: 'v1' });
  const body = await (await registry.request('/v2/a/b/manifests/v1')).text();
  const put = async (path: string, type: string = mediaTypes.ociManifest) =>
    await registry.request(`/v2/a/b/manifests/${path}`, { method: 'PUT', body, headers: { 'content-type': type } });
  const byDigest = await put(`${image.digest}?tag=v2&tag=V3`);
  expect(byDigest.status).toBe(201);
  expect(byDigest.headers.get('location')).toBe(`/v2/a/b/manifests/${image.digest}`);
  expect(byDigest.headers.get('docker-content-digest')).toBe(image.digest);
  expect(byDigest.headers.get('oci-tag')).toBe('v2, V3');
  expect(readJson(await (await registry.request('/v2/a/b/tags/list')).text())).toMatchObject({
    tags: ['V3', 'v1', 'v2'],
  });
  for (const type of ['application/vnd.oci.image.manifest.v1+json; charset=utf-8', 'application/json', '']) {
    expect((await put('v4', type)).status).toBe(201);
  }
  expect(await problem(put('v5', mediaTypes.ociIndex))).toBe('400 MANIFEST_INVALID');
  expect(await problem(put('v5?tag=-bad'))).toBe('400 MANIFEST_INVALID');
  expect(await problem(put(digest))).toBe('400 DIGEST_INVALID');
  expect(await problem(registry.request('/v2/a/b/manifests/v5'))).toBe('404 MANIFEST_UNKNOWN');
});

test('a manifest with a subject says that it is listed', async () => {
  const root = await registry.pushImage('root');
  const referrer = await registry.pushImage('referrer', { subject: root });
  const body = await (await registry.request(`/v2/a/b/manifests/${referrer.digest}`)).text();
  const again = await registry.request('/v2/a/b/manifests/x', { method: 'PUT', body });
  expect(again.headers.get('oci-subject')).toBe(root.digest);
});

test('a manifest of what is not there, and one that is none', async () => {
  const image = await registry.pushImage('layer');
  const body = await (await registry.request(`/v2/a/b/manifests/${image.digest}`)).text();
  const put = async (name: string, text: string) =>
    await registry.request(`/v2/${name}/manifests/v1`, { method: 'PUT', body: text });
  expect(await problem(put('other', body))).toBe('400 MANIFEST_BLOB_UNKNOWN');
  expect(await problem(put('a/b', '{'))).toBe('400 MANIFEST_INVALID');
  expect(await problem(put('a/b', ''))).toBe('400 MANIFEST_INVALID');
  expect(await problem(put('a/b', ' '.repeat(4 * 1024 * 1024 + 1)))).toBe('413 SIZE_INVALID');
});

test('deletes: a tag, a manifest with its tags, a blob', async () => {
  const one = await registry.pushImage('one', { tag: 'a' });
  await registry.pushImage('one', { tag: 'b' });
  await registry.pushImage('one', { tag: 'c' });
  const remove = async (path: string) => await registry.request(`/v2/a/b/${path}`, { method: 'DELETE' });
  expect((await remove('manifests/a')).status).toBe(202);
  expect(await problem(remove('manifests/a'))).toBe('404 MANIFEST_UNKNOWN');
  expect((await registry.request(`/v2/a/b/manifests/${one.digest}`)).status).toBe(200);
  expect((await remove(`manifests/${one.digest}`)).status).toBe(202);
  expect(await problem(remove(`manifests/${one.digest}`))).toBe('404 MANIFEST_UNKNOWN');
  expect(readJson(await (await registry.request('/v2/a/b/tags/list')).text())).toEqual({ name: 'a/b', tags: [] });
  const blob = await registry.pushBlob('one');
  expect((await remove(`blobs/${blob.digest}`)).status).toBe(202);
  expect(await problem(remove(`blobs/${blob.digest}`))).toBe('404 BLOB_UNKNOWN');
});

test('a read-only registry refuses every write, and one without deletes these alone', async () => {
  const image = await registry.pushImage('layer', { tag: 'latest' });
  const writes = [
    ['POST', '/v2/a/b/blobs/uploads/'],
    ['POST', '/v2/a/b/blobs/uploads'],
    ['PUT', '/v2/a/b/manifests/x'],
    ['PATCH', '/v2/a/b/blobs/uploads/x'],
    ['DELETE', '/v2/a/b/blobs/uploads/x'],
    ['DELETE', '/v2/a/b/manifests/latest'],
    ['DELETE', `/v2/a/b/blobs/${digest}`],
  ] as const;
  const readOnly = registry.withOptions({ readOnly: true });
  for (const [method, path] of writes) {
    const response = await readOnly.request(path, { method });
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(await problem(response)).toBe('405 UNSUPPORTED');
  }
  expect((await readOnly.request('/v2/a/b/manifests/latest')).status).toBe(200);
  const noDeletes = registry.withOptions({ deletes: false });
  await registry.pushImage('layer', { tag: 'latest', name: 'a/blobs/uploads' });
  for (const path of [`a/b/manifests/${image.digest}`, 'a/b/manifests/latest', 'a/blobs/uploads/manifests/latest']) {
    expect(await problem(noDeletes.request(`/v2/${path}`, { method: 'DELETE' }))).toBe('405 UNSUPPORTED');
    expect((await noDeletes.request(`/v2/${path}`)).status).toBe(200);
  }
  const blob = await registry.pushBlob('layer');
  const remove = noDeletes.request(`/v2/a/b/blobs/${blob.digest}`, { method: 'DELETE' });
  expect(await problem(remove)).toBe('405 UNSUPPORTED');
  const location = await begin();
  expect((await noDeletes.request(location, { method: 'DELETE' })).status).toBe(204);
});

test('a blob beyond the limit is refused, announced or not', async () => {
  const small = registry.withOptions({ maxBlobBytes: 9_000 });
  const path = `/v2/a/b/blobs/uploads/?digest=${digest}`;
  const headers = { 'content-length': '10000' };
  expect(await problem(small.request(path, { method: 'POST', body: Buffer.from(bytes), headers }))).toBe(
    '413 SIZE_INVALID',
  );
  const stream = new Blob([Buffer.from(bytes)]).stream();
  const init: RequestInit = { method: 'POST', body: stream, duplex: 'half' };
  expect(await problem(small.request(path, init))).toBe('413 SIZE_INVALID');
  expect(await isThere()).toBe(false);
});

test.each([
  ['data that is no base64', { data: 'eA' }],
  ['data of another content', { data: 'eQ==' }],
  ['urls that are no list', { urls: 'https://x.test/' }],
  ['a platform that is no object', { platform: 'linux/amd64' }],
  ['an operating system that is no text', { platform: { os: 1 } }],
])('a manifest with %s, which no Go client reads, is refused', async (_, change) => {
  const config = { ...(await registry.pushBlob('{}')), mediaType: mediaTypes.ociEmpty };
  const layer = await registry.pushBlob('x');
  const put = (layers: readonly unknown[]) =>
    registry.request('/v2/a/b/manifests/v1', {
      method: 'PUT',
      headers: { 'content-type': mediaTypes.ociManifest },
      body: JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }),
    });
  expect(await problem(put([{ ...layer, ...change }]))).toBe('400 MANIFEST_INVALID');
  expect((await put([layer])).status).toBe(201);
});

test('a manifest of 100,000 annotations is refused', async () => {
  const config = { ...(await registry.pushBlob('{}')), mediaType: mediaTypes.ociEmpty };
  const annotations = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`name.${i}`, 'v']));
  const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [], annotations });
  const headers = { 'content-type': mediaTypes.ociManifest };
  expect(await problem(registry.request('/v2/a/b/manifests/v1', { method: 'PUT', headers, body }))).toBe(
    '400 MANIFEST_INVALID',
  );
});
