import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Descriptor, type Digest, digestOf, mediaTypes } from '#core';
import { type VerifyReport, verifyArtifact } from '#export';
import { contentOf, cosignTagOf, fetchBytes, packManifest } from '#oci/image';
import type { Layout } from '#oci/layout';
import type { Bundle } from '../../src/export/pack.ts';
import { readJson } from '../core/read-json.ts';
import { goAdvisory } from '../fixtures/records.ts';
import {
  destinationIn,
  type ExportFixture,
  newSignerFixture,
  openVerifyFixture,
  requestFor,
  type SignerFixture,
} from './fixture.ts';
import { blobFile, forge, put } from './forge.ts';

let fixture: ExportFixture;
let layout: Layout;
let keys: SignerFixture;
beforeEach(async () => {
  ({ fixture, layout, keys } = await openVerifyFixture());
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function signedBundle(profile = 'json:raw'): Promise<Bundle> {
  return forge(fixture, layout, requestFor(await fixture.source([goAdvisory('GO-2026-0001')]), { profile }), keys);
}

async function verify(): Promise<VerifyReport> {
  // A repository of its own, so that nothing is remembered.
  return verifyArtifact(destinationIn(layout).reference, await fixture.layout(), keys.verifier);
}

const isManifest = ({ mediaType }: Descriptor) => mediaType === mediaTypes.ociManifest;

interface ManifestText {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

async function manifestOf(descriptor: Descriptor): Promise<ManifestText> {
  return readJson(Buffer.from(await fetchBytes(layout, descriptor)).toString()) as ManifestText;
}

/** Every manifest of a bundle and every blob that these name. */
async function contentsOf({ artifact, exportReferrer }: Bundle): Promise<Map<Digest, Descriptor>> {
  const manifests = [artifact];
  if (exportReferrer !== undefined) manifests.push(exportReferrer);
  for (const tag of [cosignTagOf(artifact.digest, 'sig'), cosignTagOf(artifact.digest, 'att')]) {
    manifests.push((await layout.resolve(tag)) as Descriptor);
  }
  const filter = { artifactType: mediaTypes.sigstoreBundle };
  for await (const referrer of layout.referrers(artifact.digest, filter)) manifests.push(referrer);
  const found = new Map<Digest, Descriptor>();
  for (const manifest of manifests) {
    const { config, layers } = await manifestOf(manifest);
    for (const each of [manifest, config, ...layers]) found.set(each.digest, each);
  }
  return found;
}

test.each(['json:raw', 'trivy:db'])(
  '%s: each blob that a manifest names is read: missing, changed, cut',
  async (profile) => {
    const contents = await contentsOf(await signedBundle(profile));
    expect([...contents.values()].filter(isManifest)).toHaveLength(profile === 'json:raw' ? 5 : 6);
    expect(contents.size).toBe(profile === 'json:raw' ? 17 : 15);
    for (const [digest, descriptor] of contents) {
      // A referrer that is missing is one that never was: nothing names it.
      const isReferrer = descriptor.artifactType === mediaTypes.sigstoreBundle;
      const file = blobFile(layout, descriptor);
      const bytes = await readFile(file);
      const changed = Buffer.from(bytes);
      changed[0] = (changed[0] as number) ^ 1;
      for (const damage of [undefined, changed, bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from(' ')])]) {
        if (damage === undefined && isReferrer) continue;
        if (damage === undefined) await rm(file);
        else await writeFile(file, damage);
        const failure: unknown = await verify().catch((error: unknown) => error);
        expect(failure, `${descriptor.mediaType} ${digest}`).toMatchObject({
          code: expect.stringMatching(
            /^ERR_EXPORT_(?:CONTENT|DIGEST|SIZE)_MISMATCH$|^ERR_EXPORT_(?:SIGNATURE|PROVENANCE)_MISSING$|^ERR_EXPORT_MANIFEST_INVALID$/,
          ),
        });
      }
      await writeFile(file, bytes);
    }
    await expect(verify()).resolves.toMatchObject({ profile });
  },
);

/** A .sig manifest of so many signatures of others over one payload, ours kept. */
async function addSignatures(bundle: Bundle, payloads: readonly Descriptor[]): Promise<void> {
  const tag = cosignTagOf(bundle.artifact.digest, 'sig');
  const { config, layers } = await manifestOf((await layout.resolve(tag)) as Descriptor);
  const others = payloads.map((payload, i) => ({
    ...payload,
    annotations: { 'dev.cosignproject.cosign/signature': Buffer.from(`signature ${i}`).toString('base64') },
  }));
  const { descriptor, bytes } = packManifest({ config, layers: [...others, ...layers] });
  await layout.push(descriptor, contentOf(bytes));
  await layout.tag(descriptor, tag);
}

test('a payload that hundreds of signatures of others name is fetched once', async () => {
  const bundle = await signedBundle();
  const payload = await put(layout, mediaTypes.cosignSimpleSigning, Buffer.alloc(100_000, 'x'));
  await addSignatures(bundle, new Array<Descriptor>(990).fill(payload));
  const repository = await fixture.layout();
  const fetched = vi.spyOn(repository, 'fetch');
  const report = await verifyArtifact(destinationIn(layout).reference, repository, keys.verifier);
  expect(report).toMatchObject({ otherSigners: 990, signatureForms: ['tag', 'sigstoreBundle'] });
  expect(fetched.mock.calls.filter(([{ digest }]) => digest === payload.digest)).toHaveLength(1);
});

test('other sizes of a payload that was read are not asked for', async () => {
  const bundle = await signedBundle();
  const payload = await put(layout, mediaTypes.cosignSimpleSigning, Buffer.alloc(1000, 'x'));
  const sizes = Array.from({ length: 500 }, (_, i) => ({ ...payload, size: 1000 + i }));
  await addSignatures(bundle, sizes);
  const repository = await fixture.layout();
  const fetched = vi.spyOn(repository, 'fetch');
  await verifyArtifact(destinationIn(layout).reference, repository, keys.verifier);
  expect(fetched.mock.calls.filter(([{ digest }]) => digest === payload.digest)).toHaveLength(1);
});

test('payloads of others are read up to a number of bytes, and those of the key whatever comes before them', async () => {
  const bundle = await signedBundle();
  const announced = Array.from({ length: 900 }, (_, i) => ({
    mediaType: mediaTypes.cosignSimpleSigning,
    digest: digestOf(`payload ${i}`),
    size: 15 * 1024 * 1024,
  }));
  await addSignatures(bundle, announced);
  const repository = await fixture.layout();
  const fetched = vi.spyOn(repository, 'fetch');
  const report = await verifyArtifact(destinationIn(layout).reference, repository, keys.verifier);
  expect(report).toMatchObject({ otherSigners: 900, signatureForms: ['tag', 'sigstoreBundle'] });
  const asked = fetched.mock.calls.filter(([{ size }]) => size === 15 * 1024 * 1024);
  expect(asked).toHaveLength(17);
  await expect(
    verifyArtifact(destinationIn(layout).reference, repository, newSignerFixture().verifier),
  ).rejects.toMatchObject({
    code: 'ERR_EXPORT_SIGNATURE_MISSING',
    message: expect.stringMatching(/\d+ of them beyond the read limit/),
  });
});

test.each([
  ['no layers', '"layers":[]'],
  ['two layers', '"layers":[CONFIG,CONFIG]'],
])('a sigstore bundle of others on the bundle itself with %s is ignored', async (_, layers) => {
  const bundle = await signedBundle();
  const config = await put(layout, mediaTypes.ociEmpty, Buffer.from('{}'));
  const { mediaType, digest, size } = bundle.artifact;
  const text = `{"schemaVersion":2,"mediaType":"${mediaTypes.ociManifest}","artifactType":"${mediaTypes.sigstoreBundle}","config":CONFIG,${layers},"subject":${JSON.stringify({ mediaType, digest, size })}}`;
  const bytes = Buffer.from(text.replaceAll('CONFIG', JSON.stringify(config)));
  await put(layout, 'application/octet-stream', bytes);
  await listInIndex({ mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length });
  await expect(verify()).resolves.toMatchObject({ digest: bundle.artifact.digest });
});

/** Lists a manifest as another program would that shares the layout. */
async function listInIndex({ mediaType, digest, size }: Descriptor): Promise<void> {
  await layout.flush();
  const path = `${fixture.dir}/layout/index.json`;
  const index = readJson(await readFile(path, 'utf8')) as { manifests: unknown[] };
  index.manifests.unshift({ mediaType, digest, size });
  await writeFile(path, JSON.stringify(index));
}

test.each(['https://example.org/context', 'https://openvex.dev/ns/v0.2.0'])(
  'an OSV record with the member "@context" of other formats is exported and verified: %s',
  async (context) => {
    const records = [goAdvisory('GO-2026-0001', { '@context': context }), goAdvisory('GO-2026-0002')];
    await forge(fixture, layout, requestFor(await fixture.source(records)), keys);
    expect((await verify()).records).toEqual({ kept: 2, withheld: 0 });
  },
);

test('an invalid OSV record with a "@context" is refused, not passed over', async () => {
  const source = await fixture.source([goAdvisory('GO-2026-0001', { '@context': 'x', modified: 'never' })]);
  await expect(forge(fixture, layout, requestFor(source), keys)).rejects.toMatchObject({
    code: 'ERR_EXPORT_RECORD_INVALID',
    message: expect.stringContaining('record GO-2026-0001'),
  });
});
