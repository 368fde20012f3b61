import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, mediaTypes } from '#core';
import { cosignTagOf } from '#oci/image';
import {
  keyidAnnotation,
  packAttestationTag,
  packSignatureTag,
  parseTagManifest,
  verifySignatureLayer,
} from '#signing';
import { itemSpans, memberSpans } from '../../src/signing/json-text.ts';
import { readJson } from '../core/read-json.ts';
import { blobIn, contextOf, damaged, dockerReference, newSignerFixture, signSubject, subject } from './fixture.ts';

const us = newSignerFixture();
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const manifestInvalid = expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' });

/** A manifest as cosign writes one: Go escapes `<` and `>`, and a certificate in an annotation has line ends. */
function otherSignersManifest(layers = 1): Uint8Array {
  const layer = (i: number) =>
    `{"mediaType":"${mediaTypes.cosignSimpleSigning}","size":233,"digest":"${digestOf(`payload ${i}`)}",` +
    `"annotations":{"dev.cosignproject.cosign/signature":"MEQC","note":"\\u003cb\\u003e","chain":"A\\nB\\n"}}`;
  const items = Array.from({ length: layers }, (_, i) => layer(i)).join(',');
  return Buffer.from(
    `{"schemaVersion":2,"mediaType":"${mediaTypes.ociManifest}","config":{"mediaType":"${mediaTypes.ociConfig}",` +
      `"size":233,"digest":"${digestOf('config')}"},"layers":[${items}],"annotations":{"kept":"yes"}}`,
  );
}

describe('the legacy form', () => {
  it('has the tags, types and payload that cosign looks for', async () => {
    const object = await packSignatureTag(subject.digest, dockerReference, us.signer);
    expect(object.tag).toBe(`sha256-${subject.digest.slice(7)}.sig`);
    const manifest = readJson(text(object.manifest.bytes));
    expect(manifest).toMatchObject({ schemaVersion: 2, mediaType: mediaTypes.ociManifest });
    expect(manifest.layers).toHaveLength(1);
    const [layer] = manifest.layers;
    expect(layer.mediaType).toBe('application/vnd.dev.cosign.simplesigning.v1+json');
    expect(text(blobIn(object, layer.digest))).toBe(
      `{"critical":{"identity":{"docker-reference":"${dockerReference}"},` +
        `"image":{"docker-manifest-digest":"${subject.digest}"},"type":"cosign container image signature"},"optional":null}`,
    );
    expect(text(blobIn(object, manifest.config.digest))).toBe(
      '{"architecture":"","created":"0001-01-01T00:00:00Z","history":[{"created":"0001-01-01T00:00:00Z"}],' +
        `"os":"","rootfs":{"type":"layers","diff_ids":["${layer.digest}"]},"config":{}}`,
    );
  });

  it('describes every blob and the manifest truly', async () => {
    const { tag, attestation, bundle } = await signSubject(us.signer);
    for (const object of [tag, attestation, bundle]) {
      for (const { descriptor, bytes } of [...object.blobs, object.manifest]) {
        expect(descriptor).toMatchObject({ digest: digestOf(bytes), size: bytes.length });
      }
      const { config, layers } = readJson(text(object.manifest.bytes));
      for (const { digest, size } of [config, ...layers]) expect(blobIn(object, digest)).toHaveLength(size);
    }
  });

  it('differs between two runs in the signature alone', async () => {
    const [one, two] = [await signSubject(us.signer), await signSubject(us.signer)];
    const without = (bytes: Uint8Array) => text(bytes).replace(/cosign\/signature":"[^"]+"/, '');
    expect(without(one.tag.manifest.bytes)).toBe(without(two.tag.manifest.bytes));
    expect(one.tag.blobs).toEqual(two.tag.blobs);
  });

  it('makes the same manifest of the same envelope', async () => {
    const { envelope, attestation } = await signSubject(us.signer);
    const predicateType = 'https://sigstore.dev/cosign/sign/v1';
    expect(packAttestationTag(subject.digest, envelope, predicateType)).toEqual(attestation);
  });

  it.each([
    '',
    'host',
    'host/Repo',
    'host/repo:tag',
    'host/repo@sha256:aa',
    'host/re po',
    'https://host/repo',
    '/repo',
  ])('refuses %j as docker-reference', async (reference) => {
    await expect(packSignatureTag(subject.digest, reference, us.signer)).rejects.toThrow(RangeError);
  });

  it.each([
    'host/repo',
    'localhost:5000/a',
    'h.example.org/a/b_c/d__e/f-g.h',
    '[::1]:5000/x'.replace('[::1]', '127.0.0.1'),
  ])('takes %j as docker-reference', async (reference) => {
    const object = await packSignatureTag(subject.digest, reference, us.signer);
    const [layer] = parseTagManifest(object.manifest.bytes, 't').layers;
    if (layer === undefined) throw new Error('no layer');
    const payload = blobIn(object, layer.descriptor.digest);
    expect(verifySignatureLayer(layer, payload, contextOf(us.verifier))?.dockerReference).toBe(reference);
  });
});

describe('merging with what is there', () => {
  it("keeps other signers' layers and everything else byte for byte, and appends ours", async () => {
    const existing = otherSignersManifest(2);
    const object = await packSignatureTag(subject.digest, dockerReference, us.signer, { existing });
    const merged = text(object.manifest.bytes);
    const layersThere = /"layers":\[(.*)\],"annotations":\{"kept"/.exec(text(existing))?.[1] ?? '';
    expect(layersThere).toContain('\\u003cb\\u003e');
    expect(merged).toContain(`"layers":[${layersThere},{`);
    expect(merged.endsWith('],"annotations":{"kept":"yes"}}')).toBe(true);
    const { layers, config } = parseTagManifest(object.manifest.bytes, 't');
    expect(layers).toHaveLength(3);
    expect(layers[2]?.keyid).toBe(us.signer.keyid);
    const { rootfs, history } = readJson(text(blobIn(object, config.digest)));
    expect(rootfs.diff_ids).toEqual(layers.map(({ descriptor }) => descriptor.digest));
    expect(history).toHaveLength(3);
  });

  it('takes over a manifest that is spread over lines', async () => {
    const existing = Buffer.from(JSON.stringify(readJson(text(otherSignersManifest())), null, 3));
    const object = await packSignatureTag(subject.digest, dockerReference, us.signer, { existing });
    expect(parseTagManifest(object.manifest.bytes, 't').layers).toHaveLength(2);
    expect(readJson(text(object.manifest.bytes)).annotations).toEqual({ kept: 'yes' });
  });

  it('puts our new layer in the place of our old one, valid or not, so that the next run repairs', async () => {
    const existing = otherSignersManifest();
    const first = await packSignatureTag(subject.digest, dockerReference, us.signer, { existing });
    const broken = damaged(first.manifest.bytes, /(cosign\/signature":")M(?!EQC",)/, '$1N');
    const second = await packSignatureTag(subject.digest, dockerReference, us.signer, { existing: broken });
    const { layers } = parseTagManifest(second.manifest.bytes, 't');
    expect(layers.map(({ keyid }) => keyid)).toEqual([undefined, us.signer.keyid]);
    const [, layer] = layers;
    if (layer === undefined) throw new Error('no layer');
    const payload = blobIn(second, layer.descriptor.digest);
    expect(verifySignatureLayer(layer, payload, contextOf(us.verifier))).toBeDefined();
  });

  it('keeps our attestations of other predicate types', async () => {
    const { envelope } = await signSubject(us.signer);
    const types = ['https://a.example/v1', 'https://b.example/v1', 'https://a.example/v1'];
    let existing: Uint8Array | undefined;
    for (const type of types)
      existing = packAttestationTag(subject.digest, envelope, type, { existing }).manifest.bytes;
    const { layers } = parseTagManifest(existing ?? new Uint8Array(0), 't');
    expect(layers.map(({ predicateType }) => predicateType)).toEqual(['https://b.example/v1', 'https://a.example/v1']);
  });

  it('keeps what another key of ours signed', async () => {
    const another = newSignerFixture();
    const { manifest } = await packSignatureTag(subject.digest, dockerReference, another.signer);
    const object = await packSignatureTag(subject.digest, dockerReference, us.signer, { existing: manifest.bytes });
    const { layers } = parseTagManifest(object.manifest.bytes, 't');
    expect(layers.map(({ keyid }) => keyid)).toEqual([another.signer.keyid, us.signer.keyid]);
  });

  it.each([
    ['no JSON', Buffer.from('x')],
    ['an index', damaged(otherSignersManifest(), mediaTypes.ociManifest, mediaTypes.ociIndex)],
    [
      'a layer that is no descriptor',
      damaged(otherSignersManifest(), '"size":233,"digest":"sha256:', '"digest":"sha256:'),
    ],
    ['a config of another type', damaged(otherSignersManifest(), mediaTypes.ociConfig, 'application/x')],
    ['1,000 layers, which cosign would not read with one more', otherSignersManifest(1000)],
    ['1,001 layers', otherSignersManifest(1001)],
  ])('refuses to merge with %s', async (_, existing) => {
    const attempt = packSignatureTag(subject.digest, dockerReference, us.signer, { existing });
    await expect(attempt).rejects.toThrow(manifestInvalid);
  });

  it('names the annotation and the tags as documented', () => {
    expect(keyidAnnotation).toBe('io.stellaops.export.keyid');
    expect(cosignTagOf(subject.digest, 'sig')).toBe(`sha256-${subject.digest.slice(7)}.sig`);
    expect(cosignTagOf(subject.digest, 'att')).toBe(`sha256-${subject.digest.slice(7)}.att`);
  });
});

describe('spans of JSON text', () => {
  it('finds every member and item as JSON.parse does, however the text is spaced', () => {
    const space = fc.constantFrom('', ' ', '\n', '\t\r\n ');
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true });
    fc.assert(
      fc.property(
        object,
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        space,
        space,
        (members, items, before, indent) => {
          const value = { ...members, items };
          const json = before + JSON.stringify(value, null, indent);
          const spans = memberSpans(json);
          const found = [...spans].map(([key, { start, end }]) => [key, readJson(json.slice(start, end))]);
          expect(found).toEqual(Object.entries(readJson(json)));
          const start = spans.get('items')?.start ?? 0;
          expect(itemSpans(json, start).map((span) => readJson(json.slice(span.start, span.end)))).toEqual(
            readJson(JSON.stringify(items)),
          );
        },
      ),
    );
  });
});
