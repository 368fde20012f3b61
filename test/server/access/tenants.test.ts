import { expect, test } from 'vitest';
import type { RegistryStore } from '#oci/store';
import { openStoreRepository } from '#oci/store';
import { createApp, type Role, type StoreFor, singleTenant } from '#server';
import { readJson } from '../../core/read-json.ts';
import { pushArtifact } from '../../oci/content.ts';
import { memoryStorage } from '../../oci/store/contract/storage.ts';
import { problem } from '../registry.ts';

const everything: readonly Role[] = ['reader', 'writer'];

/** An app as somebody of a tenant sees it. */
function appOf(storeFor: StoreFor, tenant: string, roles: readonly Role[] = everything) {
  return createApp({ storeFor, access: { grantsOf: () => ({ tenant, roles: new Set(roles) }) } });
}

async function storeWithImage(tenant: string): Promise<{ store: RegistryStore; digest: string; blob: string }> {
  const store = await (await memoryStorage()).open(tenant);
  const repository = openStoreRepository(store, 'a/b');
  const { digest } = await pushArtifact(repository, `a layer of ${tenant}`);
  const blob = await pushArtifact(repository, 'another');
  await repository.tag(blob, 'v1');
  return { store, digest, blob: blob.digest };
}

test('another tenant than that of the one store is not found, whatever is asked for', async () => {
  const { store, digest } = await storeWithImage('mine');
  const app = appOf(singleTenant(store), 'other');
  const requests = [
    ['GET', '/v2/_catalog'],
    ['GET', '/v2/a/b/tags/list'],
    ['GET', '/v2/a/b/manifests/v1'],
    ['GET', `/v2/a/b/manifests/${digest}`],
    ['PUT', '/v2/a/b/manifests/v1'],
    ['DELETE', '/v2/a/b/manifests/v1'],
    ['GET', `/v2/a/b/blobs/${digest}`],
    ['GET', `/v2/a/b/referrers/${digest}`],
    ['POST', `/v2/a/b/blobs/uploads/?mount=${digest}&from=a/b`],
    ['PATCH', `/v2/a/b/blobs/uploads/${crypto.randomUUID()}`],
  ] as const;
  for (const [method, path] of requests) {
    expect(await problem(app.request(path, { method })), `${method} ${path}`).toBe('404 NAME_UNKNOWN');
  }
  expect((await appOf(singleTenant(store), 'mine').request('/v2/a/b/manifests/v1')).status).toBe(200);
});

test('each of two tenants sees its own, and mounts nothing of the other', async () => {
  const [mine, other] = [await storeWithImage('mine'), await storeWithImage('other')];
  const storeFor: StoreFor = (tenant) => [mine.store, other.store].find((store) => store.tenant === tenant);
  const apps = [appOf(storeFor, 'mine'), appOf(storeFor, 'other')] as const;
  expect((await apps[0].request(`/v2/a/b/manifests/${mine.digest}`)).status).toBe(200);
  expect((await apps[1].request(`/v2/a/b/manifests/${other.digest}`)).status).toBe(200);
  expect(await problem(apps[1].request(`/v2/a/b/manifests/${mine.digest}`))).toBe('404 MANIFEST_UNKNOWN');
  const layers = readJson(await (await apps[0].request(`/v2/a/b/manifests/${mine.digest}`)).text());
  const { digest } = (layers as { layers: readonly { digest: string }[] }).layers[0] ?? expect.fail('no layer');
  expect((await apps[0].request(`/v2/c/blobs/uploads/?mount=${digest}`, { method: 'POST' })).status).toBe(201);
  expect((await apps[1].request(`/v2/c/blobs/uploads/?mount=${digest}`, { method: 'POST' })).status).toBe(202);
});

test('a reader reads and does not write; somebody without a role does neither', async () => {
  const { store } = await storeWithImage('mine');
  const reader = appOf(singleTenant(store), 'mine', ['reader']);
  expect((await reader.request('/v2/')).status).toBe(200);
  expect((await reader.request('/v2/a/b/manifests/v1')).status).toBe(200);
  for (const [method, path] of [
    ['POST', '/v2/a/b/blobs/uploads/'],
    ['PUT', '/v2/a/b/manifests/v1'],
    ['DELETE', '/v2/a/b/manifests/v1'],
  ] as const) {
    expect(await problem(reader.request(path, { method }))).toBe('403 DENIED');
  }
  const nobody = appOf(singleTenant(store), 'mine', []);
  expect(await problem(nobody.request('/v2/a/b/manifests/v1'))).toBe('403 DENIED');
});
