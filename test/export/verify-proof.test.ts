import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Descriptor, type Digest, mediaTypes } from '#core';
import { type VerifyReport, verifyArtifact } from '#export';
import { cosignTagOf, fetchBytes, packIndex } from '#oci/image';
import type { Layout } from '#oci/layout';
import {
  exportBuild,
  packAttestationTag,
  packSignatureTag,
  packSigstoreBundle,
  predicateTypes,
  provenanceStatement,
  pushSignedObject,
  type SignedObject,
  signatureStatement,
  signStatement,
  subjectOf,
} from '#signing';
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
import { blobFile, type Forgery, forge, lose, provenanceOf, put, putExportReferrer } from './forge.ts';

let fixture: ExportFixture;
let layout: Layout;
let keys: SignerFixture;
beforeEach(async () => {
  ({ fixture, layout, keys } = await openVerifyFixture());
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function forged(forgery: Forgery = {}, profile = 'json:raw'): Promise<Bundle> {
  const source = await fixture.source([goAdvisory('GO-2026-0001')]);
  return forge(fixture, layout, requestFor(source, { profile }), keys, forgery);
}

function verify(by: SignerFixture = keys): Promise<VerifyReport> {
  return verifyArtifact(destinationIn(layout).reference, layout, by.verifier);
}

const putObject = (object: SignedObject) => pushSignedObject(layout, object, {});
const dockerReference = 'registry.example/feed';

async function signatureObjects({ artifact }: Bundle, by: SignerFixture, about: Digest = artifact.digest) {
  const envelope = await signStatement(signatureStatement(about), by.signer);
  const options = { predicateType: predicateTypes.cosignSignature, created: '2026-01-01T00:00:00Z' as never };
  const tag = await packSignatureTag(about, dockerReference, by.signer);
  return { tag, sigstoreBundle: packSigstoreBundle(artifact, envelope, options) };
}

async function provenanceObjects({ artifact, exportManifest }: Bundle, by: SignerFixture, change = {}) {
  const statement = provenanceStatement(
    [subjectOf(artifact.digest)],
    { ...provenanceOf(exportManifest), ...change },
    exportBuild,
  );
  const envelope = await signStatement(statement, by.signer);
  const predicateType = predicateTypes.slsaProvenance;
  const sigstoreBundle = packSigstoreBundle(artifact, envelope, {
    predicateType,
    created: '2026-01-01T00:00:00Z' as never,
  });
  return { tag: packAttestationTag(artifact.digest, envelope, predicateType), sigstoreBundle };
}

test('nothing is signed: the artifact itself is not even read', async () => {
  const { artifact } = await forged({ unsigned: true });
  const fetched = vi.spyOn(layout, 'fetch');
  await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_SIGNATURE_MISSING' });
  expect(fetched.mock.calls.map(([descriptor]) => descriptor.digest)).not.toContain(artifact.digest);
});

test('everything is signed by another key, whose signatures are counted', async () => {
  await forged();
  await expect(verify(newSignerFixture())).rejects.toMatchObject({
    code: 'ERR_EXPORT_SIGNATURE_MISSING',
    message: expect.stringContaining('4 signatures and attestations by other keys'),
  });
});

test.each(['tag', 'sigstoreBundle'] as const)('a provenance alone is no signature (%s)', async (form) => {
  const bundle = await forged({ unsigned: true });
  await putObject((await provenanceObjects(bundle, keys))[form]);
  await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_SIGNATURE_MISSING' });
});

test.each(['tag', 'sigstoreBundle'] as const)('a signature alone is no provenance (%s)', async (form) => {
  const bundle = await forged({ unsigned: true });
  await putObject((await signatureObjects(bundle, keys))[form]);
  await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_PROVENANCE_MISSING' });
});

test.each([
  ['tag', 'tag'],
  ['tag', 'sigstoreBundle'],
  ['sigstoreBundle', 'tag'],
  ['sigstoreBundle', 'sigstoreBundle'],
] as const)(
  'one form of each is enough, and the report says which: signature %s, provenance %s',
  async (one, other) => {
    const bundle = await forged({ unsigned: true });
    await putObject((await signatureObjects(bundle, keys))[one]);
    await putObject((await provenanceObjects(bundle, keys))[other]);
    await expect(verify()).resolves.toMatchObject({ signatureForms: [one], provenanceForms: [other], otherSigners: 0 });
  },
);

test('a provenance of another build type is somebody else’s', async () => {
  const bundle = await forged({ unsigned: true });
  await putObject((await signatureObjects(bundle, keys)).tag);
  const statement = provenanceStatement(
    [subjectOf(bundle.artifact.digest)],
    provenanceOf(bundle.exportManifest),
    exportBuild,
  );
  const buildDefinition = {
    ...(statement.predicate['buildDefinition'] as object),
    buildType: 'https://example.test/x',
  };
  const predicate = { ...statement.predicate, buildDefinition };
  const envelope = await signStatement({ ...statement, predicate }, keys.signer);
  await putObject(packAttestationTag(bundle.artifact.digest, envelope, predicateTypes.slsaProvenance));
  await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_PROVENANCE_MISSING' });
});

test('a signature of another artifact does not serve, wherever it is put', async () => {
  const bundle = await forged({ unsigned: true });
  const other = `sha256:${'0'.repeat(64)}` as Digest;
  const { tag, sigstoreBundle: referrer } = await signatureObjects(bundle, keys, other);
  await putObject({ ...tag, tag: cosignTagOf(bundle.artifact.digest, 'sig') });
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_SIGNATURE_INVALID',
    message: expect.stringContaining(other),
  });
  await layout.delete(tag.manifest.descriptor);
  await putObject(referrer);
  await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_SIGNATURE_INVALID' });
});

test.each<[string, object]>([
  ['profile', { profile: { kind: 'trivy', variant: 'db', name: 'trivy:db', revision: 'r1' } }],
  ['tenant', { tenant: 'other' }],
  ['selector', { selector: { ecosystems: ['npm'] } }],
  ['asOf', { asOf: '2026-02-02T00:00:00Z' }],
  ['options', { options: { skipInvalid: true } }],
])('provenance and export.json differ in %s', async (_, change) => {
  await forged({
    provenance: (provenance) => ({
      ...provenance,
      externalParameters: { ...provenance.externalParameters, ...change },
    }),
  });
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_PROVENANCE_MISMATCH',
    message: expect.stringContaining('parameters'),
  });
});

test('of two provenances each must match', async () => {
  const bundle = await forged();
  const { externalParameters } = provenanceOf(bundle.exportManifest);
  const other = await provenanceObjects(bundle, keys, { externalParameters: { ...externalParameters, tenant: 'b' } });
  await putObject(other.sigstoreBundle);
  await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_PROVENANCE_MISMATCH' });
});

test('two runs at one time may leave a provenance each', async () => {
  const bundle = await forged();
  const builder = { id: 'https://example.test/second' };
  await putObject((await provenanceObjects(bundle, keys, { builder })).sigstoreBundle);
  const { builders } = await verify();
  expect([...builders].sort()).toEqual(['https://example.test/builder', 'https://example.test/second']);
});

test('trivy:db: a provenance that does not name the referrer with export.json', async () => {
  const { exportReferrer } = await forged({ subjectAlone: true }, 'trivy:db');
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_PROVENANCE_MISMATCH',
    message: expect.stringContaining(exportReferrer?.digest ?? 'no referrer'),
  });
});

test('trivy:db: a second referrer with the same export.json, which no provenance names, in whatever order', async () => {
  const bundle = await forged({}, 'trivy:db');
  const layer = await exportLayerOf(bundle);
  for (const text of ['a', 'b', 'c']) {
    const other = await putExportReferrer(layout, bundle.artifact, layer, { text });
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_EXPORT_PROVENANCE_MISMATCH',
      message: expect.stringContaining(other.digest),
    });
    await layout.delete(other);
  }
  await expect(verify()).resolves.toMatchObject({ profile: 'trivy:db' });
});

test('trivy:db: a referrer with another export.json', async () => {
  const bundle = await forged({}, 'trivy:db');
  const text = Buffer.from(await fetchBytes(layout, await exportLayerOf(bundle))).toString();
  const other = await put(layout, mediaTypes.exportManifest, Buffer.from(text.replace('"default"', '"other"')));
  await putExportReferrer(layout, bundle.artifact, other);
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_PROVENANCE_MISMATCH',
    message: expect.stringContaining('a different export.json'),
  });
});

test('trivy:db: export.json was not copied along, or the artifact names none', async () => {
  const { exportReferrer } = await forged({}, 'trivy:db');
  await layout.delete(exportReferrer as Descriptor);
  await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
  await forged({ parts: ({ annotations: _, ...parts }) => parts }, 'trivy:db');
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_MANIFEST_INVALID',
    message: expect.stringContaining('it has no export.json'),
  });
});

async function exportLayerOf({ exportReferrer }: Bundle): Promise<Descriptor> {
  const manifest = readJson(Buffer.from(await fetchBytes(layout, exportReferrer as Descriptor)).toString());
  return manifest.layers[0];
}

test('what other signers attach to it is counted and passed over, lost, damaged or huge as it may be', async () => {
  const bundle = await forged();
  const otherSigner = newSignerFixture();
  const existing = async (tag: string) => fetchBytes(layout, (await layout.resolve(tag)) as Descriptor);
  const signatureTag = cosignTagOf(bundle.artifact.digest, 'sig');
  const signature = await packSignatureTag(bundle.artifact.digest, dockerReference, otherSigner.signer, {
    existing: await existing(signatureTag),
  });
  await putObject(signature);
  const huge = await signStatement(
    {
      ...signatureStatement(bundle.artifact.digest),
      predicateType: 'https://example.test/sbom',
      predicate: { text: 'x'.repeat(13 * 1024 * 1024) },
    },
    otherSigner.signer,
  );
  const attestationTag = cosignTagOf(bundle.artifact.digest, 'att');
  const options = { existing: await existing(attestationTag) };
  await putObject(packAttestationTag(bundle.artifact.digest, huge, 'https://example.test/sbom', options));
  const created = '2026-01-01T00:00:00Z' as never;
  const lost = packSigstoreBundle(bundle.artifact, huge, { predicateType: 'https://example.test/sbom', created });
  await putObject(lost);
  await lose(layout, (lost.blobs[0] as SignedObject['manifest']).descriptor);
  const [damaged, gone] = [
    await signatureObjects(bundle, otherSigner),
    await signatureObjects(bundle, newSignerFixture()),
  ];
  await putObject(damaged.sigstoreBundle);
  await writeFile(
    blobFile(layout, (damaged.sigstoreBundle.blobs[0] as SignedObject['manifest']).descriptor),
    'damaged',
  );
  await putObject(gone.sigstoreBundle);
  await lose(layout, gone.sigstoreBundle.manifest.descriptor);
  await expect(verify()).resolves.toMatchObject({
    otherSigners: 4,
    signatureForms: ['tag', 'sigstoreBundle'],
    provenanceForms: ['tag', 'sigstoreBundle'],
  });
});

test.each([
  ['signature', 'tag'],
  ['signature', 'sigstoreBundle'],
  ['provenance', 'tag'],
  ['provenance', 'sigstoreBundle'],
] as const)('a damaged %s in the %s form is not made good by the valid one beside it', async (what, form) => {
  const bundle = await forged({ unsigned: true });
  const valid = {
    signature: await signatureObjects(bundle, keys),
    provenance: await provenanceObjects(bundle, keys),
  };
  const otherSigner = newSignerFixture();
  const fake: SignerFixture = { ...otherSigner, signer: { ...otherSigner.signer, keyid: keys.signer.keyid } };
  const made = { signature: await signatureObjects(bundle, fake), provenance: await provenanceObjects(bundle, fake) };
  for (const kind of ['signature', 'provenance'] as const) {
    for (const place of ['tag', 'sigstoreBundle'] as const) {
      await putObject((kind === what && place === form ? made : valid)[kind][place]);
    }
  }
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_SIGNATURE_INVALID',
    message: expect.stringContaining('the key did not sign it'),
  });
});

test('an object that names this key and is lost or damaged is an error', async () => {
  const bundle = await forged({ unsigned: true });
  const [signature, provenance] = [await signatureObjects(bundle, keys), await provenanceObjects(bundle, keys)];
  for (const object of [signature.tag, signature.sigstoreBundle, provenance.tag, provenance.sigstoreBundle])
    await putObject(object);
  for (const object of [signature.tag, signature.sigstoreBundle, provenance.tag, provenance.sigstoreBundle]) {
    const file = blobFile(layout, (object.blobs[0] as SignedObject['manifest']).descriptor);
    const bytes = await readFile(file);
    await writeFile(
      file,
      bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
    );
    await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
    await rm(file);
    await expect(verify()).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
    await writeFile(file, bytes);
  }
  await expect(verify()).resolves.toMatchObject({ digest: bundle.artifact.digest });
});

test('a tag that is not there, and an index, are no bundle', async () => {
  await forged();
  const reference = { ...destinationIn(layout).reference, tag: '2' };
  const missing = verifyArtifact(reference, layout, keys.verifier);
  await expect(missing).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  const { descriptor, bytes } = packIndex({ manifests: [] });
  await layout.push(descriptor, async function* () {
    yield bytes;
  });
  await layout.tag(descriptor, '2');
  const index = verifyArtifact(reference, layout, keys.verifier);
  await expect(index).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
});

test('a signature found under a tag serves only the digest that it signs: an older bundle under a newer tag verifies as what it is', async () => {
  const old = await forged();
  const source = await fixture.source([goAdvisory('GO-2026-0002')], 'newer');
  const newer = await forge(fixture, layout, requestFor(source), keys);
  expect(newer.artifact.digest).not.toBe(old.artifact.digest);
  await layout.tag(old.artifact, '1');
  await expect(verify()).resolves.toMatchObject({ digest: old.artifact.digest, asOf: old.exportManifest.asOf });
});

test('stopped in the middle: the reason, and nothing stays in the folder for temporary files', async () => {
  await forged({}, 'trivy:db');
  const before = (await readdir(tmpdir())).filter((name) => name.startsWith('export-center-verify-'));
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error('stop'));
  const run = verifyArtifact(destinationIn(layout).reference, layout, keys.verifier, {
    signal: stop.signal,
    onProgress,
  });
  await expect(run).rejects.toThrow('stop');
  const after = (await readdir(tmpdir())).filter((name) => name.startsWith('export-center-verify-'));
  expect(after).toEqual(before);
});

test('progress counts the bytes of all layers', async () => {
  await forged();
  const seen: unknown[] = [];
  const report = await verifyArtifact(destinationIn(layout).reference, layout, keys.verifier, {
    onProgress: (progress) => seen.push(progress),
  });
  const total = report.layers.reduce((sum, layer) => sum + layer.size, 0);
  expect(seen.at(-1)).toEqual({ stage: 'check', done: total, total, unit: 'bytes' });
});
