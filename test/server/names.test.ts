import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { describe, noise } from '../oci/content.ts';
import { bare, exchange } from './raw.ts';
import { serving } from './serving.ts';

const { start } = serving();

test('paths that climb reach no file', async () => {
  const { address, dataDir } = await start();
  await fetch(`http://${address}/v2/a/blobs/uploads/`, { method: 'POST' });
  const marker = await readFile(join(dataDir, 'registry', 'default', 'store.json'), 'utf8');
  const targets = [
    '/v2/../../store.json',
    '/v2/%2e%2e/%2e%2e/store.json/tags/list',
    '/v2/a%2f..%2f..%2fregistry/tags/list',
    '/v2/a%252f..%252f../tags/list',
    '/v2/a/../../../../etc/passwd',
    '/v2/a/manifests/..%2f..%2fstore.json',
    '/v2/a/manifests/..',
    '/v2/a/blobs/sha256:..%2f..%2f..%2fstore.json',
    `/v2/a/blobs/sha256:${'../'.repeat(21)}x`,
    '/v2/a/blobs/uploads/..%2f..%2f..%2fstore.json',
    '/v2/a/blobs/uploads/%2e%2e',
    '/v2/_uploads/blobs/uploads/',
    '/v2/a/_tags/tags/list',
    '/v2/a%00/tags/list',
    '/v2/a/manifests/x%00',
    '/v2/a/referrers/..',
    '/v2/a\\..\\b/tags/list',
    '/v2/%c0%ae%c0%ae/tags/list',
    '/v2/%zz/tags/list',
    'http://127.0.0.1/v2/../../store.json',
    `/v2/${'a/'.repeat(3000)}tags/list`,
  ];
  for (const target of targets) {
    for (const method of ['GET', 'HEAD', 'DELETE', 'PUT', 'POST']) {
      const answer = await exchange(address, bare(method, target));
      expect(answer, `${method} ${target}`).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer).not.toContain('storeVersion');
    }
  }
  expect(await readFile(join(dataDir, 'registry', 'default', 'store.json'), 'utf8')).toBe(marker);
  expect((await readdir(join(dataDir, 'registry'))).toSorted()).toEqual(['default']);
});

test('a name may have parts that look like routes', async () => {
  const { url } = await start();
  for (const name of ['blobs', 'a/blobs/uploads', 'manifests/tags/list', 'x/referrers', 'tags/list/blobs']) {
    const path = `${url}/v2/${name}/blobs/uploads/?digest=${describe(noise(9)).digest}`;
    expect((await fetch(path, { method: 'POST', body: Buffer.from(noise(9)) })).status).toBe(201);
    expect((await fetch(`${url}/v2/${name}/blobs/${describe(noise(9)).digest}`)).status).toBe(200);
    expect(readJson(await (await fetch(`${url}/v2/${name}/tags/list`)).text())).toEqual({ name, tags: [] });
  }
});

test('a path that no name needs is refused before anybody looks for a route', async () => {
  const { url } = await start();
  const statusOf = async (path: string) => {
    const response = await fetch(`${url}${path}`);
    return `${response.status} ${(readJson(await response.text()) as { errors: { code: string }[] }).errors[0]?.code}`;
  };
  const longest = `/v2/${'a/'.repeat(505)}tags/list?n=${'0'.repeat(2000)}`;
  expect(await statusOf(longest)).toBe('400 NAME_INVALID');
  expect(await statusOf(`/v2/${'a/'.repeat(506)}tags/list`)).toBe('414 NAME_INVALID');
  expect(await statusOf(`/v2/${'a/'.repeat(14_000)}tags/list`)).toBe('414 NAME_INVALID');
});
