import { beforeAll, describe, expect, it } from 'vitest';
import { digestOf, mediaTypes } from '#core';
import { type Envelope, encodeEnvelope, makeStatement, signStatement, subjectOf } from '#signing';
import {
  contextOf,
  damaged,
  dockerReference,
  flipped,
  newSignerFixture,
  remade,
  signSubject,
  subject,
  verifyAttestation,
  verifyBundle,
  verifyTag,
} from './fixture.ts';

const us = newSignerFixture();
const otherSigner = newSignerFixture();
const ours = contextOf(us.verifier);
const theirs = contextOf(otherSigner.verifier);
const other = digestOf('another manifest');
let signed: Awaited<ReturnType<typeof signSubject>>;
let foreign: typeof signed;

beforeAll(async () => {
  signed = await signSubject(us.signer);
  foreign = await signSubject(otherSigner.signer);
});

const broken = (what: string) =>
  expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID', message: expect.stringContaining(what) });
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const keyid = () => us.verifier.keyid;

/** An envelope over any payload, signed by us. */
async function envelopeOver(payload: string, payloadType: string = mediaTypes.inToto): Promise<Envelope> {
  const bytes = Buffer.from(payload);
  const pae = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} `), bytes]);
  return { payloadType, payload: bytes, keyid: keyid(), signature: await us.signer.sign(pae) };
}

describe('ours and good', () => {
  it('gives what was signed', () => {
    expect(verifyTag(signed.tag, ours)).toEqual({ digest: subject.digest, dockerReference });
    for (const verified of [verifyAttestation(signed.attestation, ours), verifyBundle(signed.bundle, ours)]) {
      expect(verified?.statement.predicateType).toBe('https://sigstore.dev/cosign/sign/v1');
      expect(verified?.statement.subject).toEqual([{ digest: { sha256: subject.digest.slice(7) } }]);
      expect(verified && encodeEnvelope(verified.envelope)).toEqual(encodeEnvelope(signed.envelope));
    }
  });

  it('is good too where the signature says so and no name does, as with what cosign itself makes of our key', () => {
    const anonymous = remade(signed.envelope, { keyid: '' });
    const noName = (bytes: Uint8Array) => damaged(bytes, /,?"io\.stellaops\.export\.keyid":"[^"]*"/, '');
    expect(verifyTag(signed.tag, ours, { manifest: noName })).toBeDefined();
    const attestation = { manifest: noName, blob: () => anonymous.attestation };
    expect(verifyAttestation(signed.attestation, ours, attestation)).toBeDefined();
    const bundle = { manifest: noName, blob: () => anonymous.bundle };
    expect(verifyBundle(signed.bundle, ours, bundle)).toBeDefined();
  });
});

describe("another signer's", () => {
  it('is undefined in every form', () => {
    expect(verifyTag(foreign.tag, ours)).toBeUndefined();
    expect(verifyAttestation(foreign.attestation, ours)).toBeUndefined();
    expect(verifyBundle(foreign.bundle, ours)).toBeUndefined();
    expect(verifyTag(foreign.tag, theirs)).toBeDefined();
  });

  it('is undefined whatever is wrong with it, as long as it is JSON and does not name our key', () => {
    const oddities = ['{}', '{"dsseEnvelope":{}}', '{"messageSignature":{}}', '{"dsseEnvelope":7}'];
    for (const text of oddities) {
      const damage = { blob: () => Buffer.from(text) };
      expect(verifyBundle(foreign.bundle, ours, damage)).toBeUndefined();
      expect(verifyAttestation(foreign.attestation, ours, damage)).toBeUndefined();
    }
    expect(verifyTag(foreign.tag, ours, { blob: () => Buffer.from('not even JSON') })).toBeUndefined();
    const otherVersion = (bytes: Uint8Array) =>
      damaged(damaged(bytes, 'bundle.v0.3', 'bundle.v0.9'), 'bundle.v0.3', 'bundle.v0.9');
    const notJson = { manifest: otherVersion, blob: () => Buffer.from('\u0001') };
    expect(verifyBundle(foreign.bundle, ours, notJson)).toBeUndefined();
  });

  it('is undefined where a keyless signer left a certificate', () => {
    const certified = (bytes: Uint8Array) =>
      damaged(bytes, /"publicKey":\{"hint":"[^"]*"\}/, '"certificate":{"rawBytes":"MIIB"}');
    expect(verifyBundle(foreign.bundle, ours, { blob: certified })).toBeUndefined();
  });

  it('is undefined where a referrer is no sigstore bundle at all', () => {
    const sbom = (bytes: Uint8Array) =>
      damaged(
        damaged(
          damaged(bytes, mediaTypes.sigstoreBundle, 'application/spdx+json'),
          mediaTypes.sigstoreBundle,
          'application/spdx+json',
        ),
        /"io\.stellaops\.export\.keyid":"[^"]*",/,
        '',
      );
    expect(verifyBundle(signed.bundle, ours, { manifest: sbom })).toBeUndefined();
  });
});

describe('ours but broken: the legacy signature', () => {
  it.each([
    ['a signature of other bytes', /"dev.cosignproject.cosign\/signature":"([^"]*)"/],
    ['no signature', /"dev.cosignproject.cosign\/signature":"[^"]*",/],
  ])('refuses %s', (_, pattern) => {
    const manifest = (bytes: Uint8Array) => {
      const text = Buffer.from(bytes).toString();
      const signature = pattern.exec(text)?.[1];
      return signature === undefined ? damaged(bytes, pattern, '') : damaged(bytes, signature, flipped(signature));
    };
    expect(() => verifyTag(signed.tag, ours, { manifest })).toThrow(broken('it names this key, but the key did not'));
  });

  it('refuses a payload that was changed', () => {
    const changes: [string | RegExp, string][] = [
      [subject.digest, other],
      ['security/feed', 'security/food'],
      ['"optional":null', '"optional":{}'],
      ['{', '{ '],
      [/^.*$/s, ''],
    ];
    for (const [from, to] of changes) {
      const blob = (bytes: Uint8Array) => damaged(bytes, from, to);
      expect(() => verifyTag(signed.tag, ours, { blob })).toThrow(broken('the key did not sign it'));
    }
  });

  it('refuses a good signature of another manifest', () => {
    const elsewhere = contextOf(us.verifier, other);
    expect(() => verifyTag(signed.tag, elsewhere)).toThrow(broken(`it signs ${subject.digest}, not ${other}`));
  });

  it('refuses another media type', () => {
    const manifest = (bytes: Uint8Array) => damaged(bytes, mediaTypes.cosignSimpleSigning, 'text/plain');
    expect(() => verifyTag(signed.tag, ours, { manifest })).toThrow(broken('a signature of type text/plain'));
  });

  it.each([
    ['another type', '{"critical":{"identity":{"docker-reference":"a/b"},"image":{},"type":"x"},"optional":null}'],
    [
      'no digest',
      '{"critical":{"identity":{"docker-reference":"a/b"},"image":{},"type":"cosign container image signature"}}',
    ],
    ['an unknown member', '{"critical":{},"optional":null,"more":1}'],
    ['no JSON', 'signed text'],
  ])('refuses a payload that we signed, but with %s', async (_, payload) => {
    const bytes = Buffer.from(payload);
    const signature = base64(await us.signer.sign(bytes));
    const manifest = (text: Uint8Array) => damaged(text, /(cosign\/signature":")[^"]*/, `$1${signature}`);
    expect(() => verifyTag(signed.tag, ours, { manifest, blob: () => bytes })).toThrow(broken('the object: '));
  });
});

describe('ours but broken: envelopes, in both forms', () => {
  const inBoth = (change: Partial<Envelope>, what: string) => {
    const { attestation, bundle } = remade(signed.envelope, change);
    expect(() => verifyAttestation(signed.attestation, ours, { blob: () => attestation })).toThrow(broken(what));
    expect(() => verifyBundle(signed.bundle, ours, { blob: () => bundle })).toThrow(broken(what));
  };

  it('refuses a changed statement', () => {
    inBoth({ payload: damaged(signed.envelope.payload, subject.digest.slice(7), other.slice(7)) }, 'did not sign it');
    inBoth({ payload: damaged(signed.envelope.payload, '{}', '{"a":1}') }, 'did not sign it');
  });

  it('refuses a changed payload type', () => {
    inBoth({ payloadType: 'application/json' }, 'did not sign it');
  });

  it('refuses a changed signature', () => {
    const signature = Uint8Array.from(signed.envelope.signature);
    signature[40] = (signature[40] ?? 0) ^ 1;
    inBoth({ signature }, 'did not sign it');
    inBoth({ signature: foreign.envelope.signature }, 'did not sign it');
  });

  it('refuses a keyid that no cosign would take, over a signature that is good', () => {
    inBoth({ keyid: 'some-name' }, 'is not the fingerprint of the key');
  });

  it('refuses what is signed well and is no statement about this manifest', async () => {
    const elsewhere = await signStatement(makeStatement([subjectOf(other)], 'p', {}), us.signer);
    inBoth(elsewhere, `no subject of its statement is ${subject.digest}`);
    inBoth(await envelopeOver('{}'), 'not an in-toto statement');
    inBoth(await envelopeOver('no JSON'), 'not strict JSON');
    inBoth(await envelopeOver('{}', 'application/json'), 'payload of type application/json');
  });

  it('refuses an annotation of another predicate type than the one that was signed', () => {
    const predicateType = 'https://sigstore.dev/cosign/sign/v1';
    const lying = (bytes: Uint8Array) => damaged(bytes, predicateType, 'https://slsa.dev/provenance/v1');
    const silent = (bytes: Uint8Array) => damaged(bytes, `redicateType":"${predicateType}"`, 'redicate":""');
    expect(() => verifyBundle(signed.bundle, ours, { manifest: lying })).toThrow(broken('annotated as https://slsa'));
    expect(() => verifyBundle(signed.bundle, ours, { manifest: silent })).toThrow(broken('annotated as no predicate'));
    const attestation = { manifest: lying };
    expect(() => verifyAttestation(signed.attestation, ours, attestation)).toThrow(broken('annotated as https://sl'));
  });

  it('refuses a bundle or an attestation that is not JSON if a label names our key, and ignores others', () => {
    for (const blob of [() => Buffer.from('{'), () => new Uint8Array(0), () => Buffer.from('{"a":1,"a":1}')]) {
      expect(() => verifyBundle(signed.bundle, ours, { blob })).toThrow(broken('not strict JSON'));
      expect(() => verifyAttestation(signed.attestation, ours, { blob })).toThrow(broken('not strict JSON'));
      expect(verifyBundle(foreign.bundle, ours, { blob })).toBeUndefined();
      expect(verifyAttestation(foreign.attestation, ours, { blob })).toBeUndefined();
    }
  });

  it('refuses every other form of an object that names our key', () => {
    const forms: [string | RegExp, string][] = [
      ['"sig":', '"extra":1,"sig":'],
      ['"payload":', '"extra":1,"payload":'],
      [/"signatures":\[(\{[^}]*\})\]/, '"signatures":[$1,$1]'],
      [/"signatures":\[(\{[^}]*\})\]/, '"signatures":[]'],
      [/"payload":"[^"]*"/, '"payload":""'],
      [/"payload":"([^"]*)"/, '"payload":"$1\\n"'],
      [/"sig":"[^"]*"/, '"sig":7'],
      [/"payloadType":"[^"]*"/, '"payloadType":null'],
    ];
    for (const [from, to] of forms) {
      const damage = { blob: (bytes: Uint8Array) => damaged(bytes, from, to) };
      expect(() => verifyBundle(signed.bundle, ours, damage), String(from)).toThrow(broken('the object: '));
      expect(() => verifyAttestation(signed.attestation, ours, damage), String(from)).toThrow(broken('the object: '));
    }
  });
});

describe('ours but broken: the sigstore bundle around the envelope', () => {
  it.each([
    ['an unknown member at the top', /^\{/, '{"extra":1,', 'unknown member "extra"'],
    ['an unknown member of the material', '"publicKey":', '"extra":1,"publicKey":', 'unknown member "extra"'],
    ['an unknown member of the key', '"hint":', '"extra":1,"hint":', 'unknown member "extra"'],
    ['no public key', /"publicKey":\{[^}]*\},/, '', 'publicKey is missing'],
    ['another hint than the keyid', /"hint":"[^"]*"/, '"hint":"x"', 'hint and keyid are not the same'],
    ['another media type', 'bundle.v0.3+json', 'bundle.v0.2+json', 'not a sigstore bundle v0.3'],
    ['no envelope', '"dsseEnvelope":', '"messageSignature":', 'it names this key'],
  ])('refuses %s', (_, from, to, what) => {
    const blob = (bytes: Uint8Array) => damaged(bytes, from, to);
    expect(() => verifyBundle(signed.bundle, ours, { blob })).toThrow(broken(what));
  });

  it.each([
    ['another subject', () => subject.digest, () => other, 'the manifest refers to'],
    ['no layer', () => /"layers":\[.*?\]/, () => '"layers":[]', 'without exactly one'],
    ['two layers', () => /"layers":\[(.*?)\]/, () => '"layers":[$1,$1]', 'without exactly one'],
    [
      'a layer of another type',
      () => /"layers":\[\{"mediaType":"[^"]*"/,
      () => '"layers":[{"mediaType":"x"',
      'exactly',
    ],
    ['no subject', () => '"subject":{', () => '"was":{', 'refers to nothing'],
  ])('refuses a manifest with %s', (_, from, to, what) => {
    const manifest = (bytes: Uint8Array) => damaged(bytes, from(), to());
    expect(() => verifyBundle(signed.bundle, ours, { manifest })).toThrow(broken(what));
  });

  it('refuses a manifest that is not valid', () => {
    const manifest = (bytes: Uint8Array) => damaged(bytes, '"subject":{', '"subject":{"size":-1},"was":{');
    expect(() => verifyBundle(signed.bundle, ours, { manifest })).toThrow(
      expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' }),
    );
  });

  it('refuses our name on a version of the format that we do not write', () => {
    const manifest = (bytes: Uint8Array) => damaged(damaged(bytes, 'v0.3', 'v0.9'), 'v0.3', 'v0.9');
    expect(() => verifyBundle(signed.bundle, ours, { manifest })).toThrow(broken('it names this key'));
  });

  it("refuses cosign's own name of our key over a signature that is not of it", () => {
    const hint = Buffer.from(us.verifier.publicKey.export({ format: 'der', type: 'spki' }));
    const name = digestOf(hint).slice(7);
    const named = (bytes: Uint8Array) =>
      damaged(bytes, /"hint":"[^"]*"/, `"hint":"${Buffer.from(name, 'hex').toString('base64')}"`);
    expect(() => verifyBundle(foreign.bundle, ours, { blob: named })).toThrow(broken('it names this key'));
  });
});

describe('damage at any byte', () => {
  it('is never taken for something else that was signed', () => {
    const [blob] = signed.bundle.blobs;
    if (blob === undefined) throw new Error('no blob');
    const pristine = verifyBundle(signed.bundle, ours);
    let accepted = 0;
    for (let at = 0; at < blob.bytes.length; at++) {
      const bytes = Uint8Array.from(blob.bytes);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      try {
        const verified = verifyBundle(signed.bundle, ours, { blob: () => bytes });
        expect(verified).toEqual(pristine);
        accepted++;
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_EXPORT_SIGNATURE_INVALID' });
      }
    }
    expect(accepted).toBe(0);
  });
});
