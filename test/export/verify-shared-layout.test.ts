import { readFile, writeFile } from 'node:fs/promises';
import { beforeEach, expect, test } from 'vitest';
import { type Descriptor, digestOf, mediaTypes } from '#core';
import { type VerifyReport, verifyArtifact } from '#export';
import { packManifest } from '#oci/image';
import type { Layout } from '#oci/layout';
import type { Bundle } from '../../src/export/pack.ts';
import { readJson } from '../core/read-json.ts';
import { goAdvisory } from '../fixtures/records.ts';
import { destinationIn, type ExportFixture, openVerifyFixture, requestFor, type SignerFixture } from './fixture.ts';
import { blobFile, forge, put } from './forge.ts';

/** A layout that others share, who leave in it what no reader understands. */
let fixture: ExportFixture;
let layout: Layout;
let keys: SignerFixture;
beforeEach(async () => {
  ({ fixture, layout, keys } = await openVerifyFixture());
});

async function signedBundle(profile = 'trivy:db'): Promise<Bundle> {
  return forge(fixture, layout, requestFor(await fixture.source([goAdvisory('GO-2026-0001')]), { profile }), keys);
}

async function verify(): Promise<VerifyReport> {
  // A repository of its own, so that nothing is remembered.
  return verifyArtifact(destinationIn(layout).reference, await fixture.layout(), keys.verifier);
}

/** Lists a manifest as another program would that shares the layout. */
async function listInIndex({ mediaType, digest, size }: Descriptor): Promise<void> {
  await layout.flush();
  const path = `${fixture.dir}/layout/index.json`;
  const index = readJson(await readFile(path, 'utf8')) as { manifests: unknown[] };
  index.manifests.unshift({ mediaType, digest, size });
  await writeFile(path, JSON.stringify(index));
}

/** Bytes that call themselves a manifest and are none, listed in the index of the layout. */
const malformed: [string, string][] = [
  [
    'layers that are no list',
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":1,"layers":{}}',
  ],
  ['no config', '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}'],
  [
    'annotations that are no texts',
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","annotations":{"a":1}}',
  ],
  [
    'an index of no manifests',
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":7}',
  ],
  [
    'a subject that is no descriptor',
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","subject":"x"}',
  ],
  ['text that is not JSON', '{'],
  ['a member twice', '{"schemaVersion":2,"schemaVersion":2}'],
  [
    'an artifact type that is no text',
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":{}}',
  ],
];

test.each(malformed)('a manifest with %s elsewhere in the layout is no concern of a bundle', async (_, text) => {
  const bundle = await signedBundle();
  const bytes = Buffer.from(text);
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
  await put(layout, 'application/octet-stream', bytes);
  await listInIndex(descriptor);
  await expect(verify()).resolves.toMatchObject({ digest: bundle.artifact.digest });
});

test('a manifest of others that is listed and damaged or gone is no concern of a bundle', async () => {
  const bundle = await signedBundle();
  const other = packManifest({ artifactType: 'application/x.test' });
  const file = blobFile(layout, other.descriptor);
  await listInIndex(other.descriptor);
  await expect(verify()).resolves.toMatchObject({ digest: bundle.artifact.digest });
  await writeFile(file, 'damaged');
  await expect(verify()).resolves.toMatchObject({ digest: bundle.artifact.digest });
  await writeFile(file, Buffer.from(other.bytes).fill('x', 5, 9));
  await expect(verify()).resolves.toMatchObject({ digest: bundle.artifact.digest });
});

test('a damaged manifest that names the bundle is told', async () => {
  const bundle = await signedBundle();
  const found: Descriptor[] = [];
  for await (const referrer of layout.referrers(bundle.artifact.digest)) found.push(referrer);
  expect(found).toHaveLength(3);
  for (const referrer of found) {
    const file = blobFile(layout, referrer);
    const bytes = await readFile(file);
    await writeFile(file, Buffer.from(bytes).fill('x', 5, 9));
    await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
    await writeFile(file, bytes);
  }
  await expect(verify()).resolves.toMatchObject({ digest: bundle.artifact.digest });
});
