import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type CodedError, type Descriptor, type Digest, mediaTypes } from '#core';
import { type ExportReport, runExport, verifyArtifact } from '#export';
import { cosignTagOf, fetchBytes } from '#oci/image';
import type { Layout } from '#oci/layout';
import { parseTagManifest } from '#signing';
import { readJson } from '../core/read-json.ts';
import { goAdvisory } from '../fixtures/records.ts';
import {
  destinationIn,
  type ExportFixture,
  exportTo,
  newSignerFixture,
  openVerifyFixture,
  requestFor,
  runOptions,
  type SignerFixture,
} from './fixture.ts';
import { blobFile, forge } from './forge.ts';

let fixture: ExportFixture;
let layout: Layout;
let keys: SignerFixture;
let source: string;
beforeEach(async () => {
  ({ fixture, layout, keys } = await openVerifyFixture());
  source = await fixture.source([goAdvisory('GO-2026-0001')]);
});
afterEach(() => {
  vi.restoreAllMocks();
});

function run(profile = 'json:raw', by: SignerFixture = keys): Promise<ExportReport> {
  return exportTo(layout, requestFor(source, { profile }), { signer: by.signer });
}

async function bytesAt(place: Layout, tag: string): Promise<Buffer> {
  return Buffer.from(await fetchBytes(place, (await place.resolve(tag)) as Descriptor));
}

/** The sigstore bundles of an artifact by what they say they are. */
async function bundlesOf(place: Layout, digest: Digest): Promise<Map<string, Descriptor>> {
  const found = new Map<string, Descriptor>();
  for await (const referrer of place.referrers(digest, { artifactType: mediaTypes.sigstoreBundle })) {
    found.set(referrer.annotations?.['dev.sigstore.bundle.predicateType'] ?? '', referrer);
  }
  return found;
}

const SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';
const PROVENANCE = 'https://slsa.dev/provenance/v1';

/** All that is signed, as text by name, so that what stays the same can be told. */
async function everything(place: Layout, digest: Digest): Promise<Record<string, string>> {
  const result: Record<string, string> = {
    signatureTag: (await bytesAt(place, cosignTagOf(digest, 'sig'))).toString(),
    provenanceTag: (await bytesAt(place, cosignTagOf(digest, 'att'))).toString(),
  };
  for (const [name, referrer] of await bundlesOf(place, digest)) result[name] = referrer.digest;
  return result;
}

/** The payload of the provenance in the tag form. */
async function provenanceIn(place: Layout, digest: Digest) {
  const [layer] = parseTagManifest(await bytesAt(place, cosignTagOf(digest, 'att')), 'tag').layers;
  const envelope = readJson(Buffer.from(await fetchBytes(place, layer?.descriptor as Descriptor)).toString());
  return { envelope, statement: readJson(Buffer.from(envelope.payload, 'base64').toString()) };
}

test.each([
  ['json:raw', 1],
  ['trivy:db', 2],
] as const)(
  '%s: signature and provenance in both forms, the provenance about %d subject(s)',
  async (profile, subjects) => {
    const { digest, publications } = await run(profile);
    expect(Object.keys(await everything(layout, digest)).sort()).toEqual(
      [PROVENANCE, SIGNATURE, 'provenanceTag', 'signatureTag'].sort(),
    );
    const { statement } = await provenanceIn(layout, digest);
    expect(statement.subject).toHaveLength(subjects);
    expect(statement.subject[0]).toEqual({ digest: { sha256: digest.slice('sha256:'.length) } });
    if (subjects === 2) {
      const referrer = publications[0]?.referrers.find(
        ({ artifactType }) => artifactType === mediaTypes.exportManifest,
      );
      expect(statement.subject[1]).toEqual({ digest: { sha256: referrer?.digest.slice('sha256:'.length) } });
    }
    expect(statement.predicate).toMatchObject({
      buildDefinition: {
        buildType: 'https://stellaops.io/export-center/build/export/v1',
        externalParameters: { profile: { name: profile }, tenant: 'default', asOf: '2026-02-01T00:00:00Z' },
        resolvedDependencies: [{ name: 'records', uri: 'file:records' }],
      },
      runDetails: {
        builder: { id: 'https://example.test/builder' },
        metadata: { startedOn: '2026-03-01T00:00:00Z', finishedOn: '2026-03-01T00:00:00Z' },
      },
    });
  },
);

test('both forms of the provenance are one envelope', async () => {
  const { digest } = await run();
  const { envelope } = await provenanceIn(layout, digest);
  const bundle = (await bundlesOf(layout, digest)).get(PROVENANCE) as Descriptor;
  const manifest = readJson((await fetchText(bundle)).toString());
  const { dsseEnvelope } = readJson((await fetchText(manifest.layers[0])).toString());
  expect(dsseEnvelope.payload).toBe(envelope.payload);
  expect(dsseEnvelope.signatures[0].sig).toBe(envelope.signatures[0].sig);
});

async function fetchText(descriptor: Descriptor): Promise<Buffer> {
  return Buffer.from(await fetchBytes(layout, descriptor));
}

test.each(['signatureTag', 'provenanceTag', SIGNATURE, PROVENANCE])('%s is missing: it alone is made', async (name) => {
  const { digest } = await run();
  const before = await everything(layout, digest);
  const { statement } = await provenanceIn(layout, digest);
  const lost = name.endsWith('Tag')
    ? await layout.resolve(cosignTagOf(digest, name === 'signatureTag' ? 'sig' : 'att'))
    : (await bundlesOf(layout, digest)).get(name);
  expect(await layout.delete(lost as Descriptor)).toBe(true);
  expect((await run()).publications[0]).toMatchObject({ signed: 'signed' });
  const after = await everything(layout, digest);
  for (const other of Object.keys(before).filter((key) => key !== name)) expect(after[other]).toBe(before[other]);
  expect(after[name]).toBeDefined();
  // A provenance is made of the envelope that is there: one per subject and key.
  if (name === PROVENANCE || name === 'provenanceTag') expect(after[name]).toBe(before[name]);
  expect((await provenanceIn(layout, digest)).statement).toEqual(statement);
  await expect(verifyArtifact(destinationIn(layout).reference, layout, keys.verifier)).resolves.toMatchObject({
    signatureForms: ['tag', 'sigstoreBundle'],
    provenanceForms: ['tag', 'sigstoreBundle'],
  });
});

test('another key signs beside the first: what was there stays byte for byte, and both verify', async () => {
  const { digest } = await run();
  const before = await everything(layout, digest);
  const second = newSignerFixture();
  expect((await run('json:raw', second)).publications[0]).toMatchObject({ signed: 'signed' });
  for (const [tag, name] of [
    [cosignTagOf(digest, 'sig'), 'signatureTag'],
    [cosignTagOf(digest, 'att'), 'provenanceTag'],
  ] as const) {
    const { layers } = readJson((await bytesAt(layout, tag)).toString());
    expect(layers).toHaveLength(2);
    expect(layers[0]).toEqual(readJson(before[name] ?? '').layers[0]);
  }
  for (const one of [keys, second]) {
    const report = await verifyArtifact(destinationIn(layout).reference, layout, one.verifier);
    expect(report).toMatchObject({ keyid: one.verifier.keyid, otherSigners: 4 });
  }
  expect((await run()).publications[0]).toMatchObject({ signed: 'present', bytesSent: 0 });
});

test('several places get the same provenance and signature statement, and each a legacy signature that names it', async () => {
  const places = [layout, await fixture.layout('other')];
  const destinations = places.map((place) => destinationIn(place));
  const { digest } = await runExport(requestFor(source), { ...runOptions, destinations, signer: keys.signer });
  const [a, b] = await Promise.all(places.map((place) => everything(place, digest)));
  for (const name of ['provenanceTag', PROVENANCE, SIGNATURE]) expect(a?.[name]).toBe(b?.[name]);
});

test('an unsigned export leaves signatures that are there alone', async () => {
  const { digest } = await run();
  const before = await everything(layout, digest);
  const { publications } = await exportTo(layout, requestFor(source));
  expect(publications[0]).toMatchObject({ signed: 'unsigned', bytesSent: 0 });
  expect(await everything(layout, digest)).toEqual(before);
});

test('a damaged object of this key is an error, not a reason to sign again', async () => {
  const { digest } = await run();
  const otherSigner = newSignerFixture();
  const fake: SignerFixture = { ...otherSigner, signer: { ...otherSigner.signer, keyid: keys.signer.keyid } };
  const other = await fixture.layout('other');
  await exportTo(other, requestFor(source), { signer: fake.signer });
  const before = await everything(other, digest);
  await expect(exportTo(other, requestFor(source), { signer: keys.signer })).rejects.toMatchObject({
    code: 'ERR_EXPORT_SIGNATURE_INVALID',
  });
  expect(await everything(other, digest)).toEqual(before);
});

test('an object of this key that lost its blob: the error names the manifest, and without that the next export repairs', async () => {
  const { digest } = await run();
  const manifests: [string, Descriptor][] = [...(await bundlesOf(layout, digest))];
  for (const tag of [cosignTagOf(digest, 'sig'), cosignTagOf(digest, 'att')]) {
    manifests.push([tag, (await layout.resolve(tag)) as Descriptor]);
  }
  expect(manifests).toHaveLength(4);
  for (const [name, manifest] of manifests) {
    const { layers } = readJson(Buffer.from(await fetchBytes(layout, manifest)).toString()) as {
      layers: [Descriptor];
    };
    await rm(blobFile(layout, layers[0]));
    const error: unknown = await run().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH', details: { digest: layers[0].digest } });
    const named = name.startsWith('sha256-') ? `${layout.name}:${name}` : `${layout.name}@${manifest.digest}`;
    expect((error as CodedError).hint).toBe(`delete ${named} and sign again: the next run creates missing signatures`);
    expect(await layout.delete(manifest)).toBe(true);
    expect((await run()).publications[0]?.signed).toBe('signed');
    await verifyArtifact(destinationIn(layout).reference, layout, keys.verifier);
  }
});

test('a provenance of this key that tells of another export is an error', async () => {
  const request = requestFor(source);
  await forge(fixture, layout, request, keys, {
    provenance: (provenance) => ({
      ...provenance,
      externalParameters: { ...provenance.externalParameters, tenant: 'other' },
    }),
  });
  await expect(exportTo(layout, request, { signer: keys.signer })).rejects.toMatchObject({
    code: 'ERR_EXPORT_PROVENANCE_MISMATCH',
  });
});
