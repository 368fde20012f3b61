import { beforeAll, describe, expect, it } from 'vitest';
import { digestOf, mediaTypes } from '#core';
import { encodeSigstoreBundle, packSigstoreBundle, parseSigstoreBundleManifest } from '#signing';
import { readJson } from '../core/read-json.ts';
import {
  blobIn,
  contextOf,
  created,
  damaged,
  newSignerFixture,
  signSubject,
  subject,
  verifyBundle,
} from './fixture.ts';

const us = newSignerFixture();
const predicateType = 'https://sigstore.dev/cosign/sign/v1';
let signed: Awaited<ReturnType<typeof signSubject>>;

beforeAll(async () => {
  signed = await signSubject(us.signer);
});

const json = (bytes: Uint8Array) => readJson(Buffer.from(bytes).toString());

describe('a sigstore bundle as referrer', () => {
  it('has the form that cosign 3 writes, and says whose it is', () => {
    const { manifest } = signed.bundle;
    const [layer] = json(manifest.bytes).layers;
    expect(json(manifest.bytes)).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      config: {
        mediaType: 'application/vnd.oci.empty.v1+json',
        digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
        size: 2,
      },
      layers: [{ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', digest: layer.digest, size: layer.size }],
      subject,
      annotations: {
        'dev.sigstore.bundle.content': 'dsse-envelope',
        'dev.sigstore.bundle.predicateType': predicateType,
        'io.stellaops.export.keyid': us.signer.keyid,
        'org.opencontainers.image.created': created,
      },
    });
    expect(manifest.descriptor.artifactType).toBe('application/vnd.dev.sigstore.bundle.v0.3+json');
    expect(json(blobIn(signed.bundle, layer.digest))).toEqual({
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: {
        publicKey: { hint: us.signer.keyid },
        timestampVerificationData: {},
      },
      dsseEnvelope: json(blobIn(signed.attestation, signed.attestation.blobs[0]?.descriptor.digest ?? subject.digest)),
    });
  });

  it('is the same for the same envelope, whatever more the subject’s descriptor says', () => {
    const talkative = { ...subject, artifactType: 'x', annotations: { a: 'b' } };
    expect(packSigstoreBundle(talkative, signed.envelope, { predicateType, created })).toEqual(signed.bundle);
    expect(encodeSigstoreBundle(signed.envelope)).toEqual(encodeSigstoreBundle({ ...signed.envelope }));
  });

  it('is read back with what there is to fetch', () => {
    const parsed = parseSigstoreBundleManifest(signed.bundle.manifest.bytes, 'r');
    const [blob] = signed.bundle.blobs;
    expect(parsed).toEqual({
      config: { mediaType: mediaTypes.ociEmpty, digest: digestOf(Buffer.from('{}')), size: 2 },
      layer: blob?.descriptor,
      subject: subject.digest,
      keyid: us.signer.keyid,
      predicateType,
    });
  });
});

describe('other referrers', () => {
  const config = { mediaType: mediaTypes.ociEmpty, digest: digestOf(Buffer.from('{}')), size: 2 };
  const manifest = (change: object) =>
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        artifactType: 'application/spdx+json',
        config,
        layers: [{ mediaType: 'application/spdx+json', digest: digestOf('x'), size: 1 }],
        ...change,
      }),
    );
  const bundleLayer = { mediaType: mediaTypes.sigstoreBundle, digest: digestOf('x'), size: 1 };

  it('are none of our business, even where they hold a bundle among other things', () => {
    expect(parseSigstoreBundleManifest(manifest({}), 'r')).toBeUndefined();
    expect(parseSigstoreBundleManifest(manifest({ layers: [] }), 'r')).toBeUndefined();
    const index = { mediaType: mediaTypes.ociIndex, config: undefined, layers: undefined, manifests: [] };
    expect(parseSigstoreBundleManifest(manifest(index), 'r')).toBeUndefined();
    const several = manifest({ layers: [bundleLayer, bundleLayer] });
    expect(parseSigstoreBundleManifest(several, 'r')).toBeUndefined();
    const later = manifest({ artifactType: 'application/vnd.dev.sigstore.bundle.v1+json', layers: [] });
    expect(parseSigstoreBundleManifest(later, 'r')).toBeUndefined();
  });

  it('count as sigstore bundles where the one layer is one, as cosign has it', () => {
    expect(parseSigstoreBundleManifest(manifest({ layers: [bundleLayer] }), 'r')).toEqual({
      layer: bundleLayer,
      config,
      subject: undefined,
    });
  });

  it('are errors where they claim to be a sigstore bundle or ours, and are not', () => {
    const claims = [{ artifactType: mediaTypes.sigstoreBundle }, { annotations: { 'io.stellaops.export.keyid': 'x' } }];
    for (const claim of claims) {
      expect(() => parseSigstoreBundleManifest(manifest(claim), 'r')).toThrow(
        expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID' }),
      );
    }
    const invalid = [
      Buffer.from('{'),
      manifest({ layers: [{ ...bundleLayer, size: -1 }] }),
      manifest({ manifests: [] }),
    ];
    for (const bytes of invalid) {
      expect(() => parseSigstoreBundleManifest(bytes, 'r')).toThrow(
        expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' }),
      );
    }
  });
});

it('takes a bundle of our key whose maker left the annotations out, but not one of ours without them', () => {
  const bare = (bytes: Uint8Array) => damaged(bytes, /,"annotations":\{[^}]*\}/, '');
  const unlabelled = (bytes: Uint8Array) => damaged(bytes, /"dev.sigstore.bundle.predicateType":"[^"]*",/, '');
  const context = contextOf(us.verifier);
  expect(verifyBundle(signed.bundle, context, { manifest: bare })).toBeDefined();
  expect(() => verifyBundle(signed.bundle, context, { manifest: unlabelled })).toThrow(
    'annotated as no predicate type',
  );
});
