import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openStore, openStoreRepository } from '#oci/store';
import { createApp, singleTenant } from '#server';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { pushArtifact } from '../../oci/content.ts';

test('a manifest that is damaged in the store is not given, and named', async () => {
  const store = await openStore(await makeTempDir(), { tenant: 'default' });
  const repository = openStoreRepository(store, 'a/b');
  const image = await pushArtifact(repository, 'layer');
  await repository.tag(image, 'v1');
  const { digest, size } = image;
  await writeFile(store.paths.blob(digest), Buffer.alloc(size, 'x'));
  const app = createApp({ storeFor: singleTenant(store) });
  for (const name of ['v1', digest]) {
    const response = await app.request(`/v2/a/b/manifests/${name}`);
    expect(response.status).toBe(500);
    expect(readJson(await response.text())).toMatchObject({
      errors: [{ code: 'DIGEST_INVALID', message: `${digest}: damaged in the registry` }],
    });
  }
});
