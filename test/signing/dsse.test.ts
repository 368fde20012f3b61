import { describe, expect, it } from 'vitest';
import { digestOf } from '#core';
import {
  createVerifier,
  decodeEnvelope,
  encodeEnvelope,
  parsePublicKey,
  signatureStatement,
  signStatement,
} from '#signing';
import { isSignedBy } from '../../src/signing/dsse.ts';
import { newSignerFixture } from './fixture.ts';
import { dsseExample } from './vectors.ts';

/** ECDSA-Sig-Value (RFC 3279 §2.2.3) of r and s side by side. */
function derOf(signature: Uint8Array): Uint8Array {
  const integers = [signature.subarray(0, 32), signature.subarray(32)].map((bytes) => {
    const padded = (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
    return Buffer.concat([Buffer.of(2, padded.length), padded]);
  });
  const body = Buffer.concat(integers);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

describe('envelopes', () => {
  it("accepts the specification's example, and nothing near it", () => {
    const verifier = createVerifier(parsePublicKey(dsseExample.publicKey, 'example'));
    const signature = derOf(Buffer.from(dsseExample.signature, 'base64'));
    const { payloadType } = dsseExample;
    const example = { payloadType, payload: Buffer.from(dsseExample.payload), keyid: '', signature };
    expect(isSignedBy(example, verifier)).toBe(true);
    expect(isSignedBy({ ...example, payload: Buffer.from('hello worle') }, verifier)).toBe(false);
    expect(isSignedBy({ ...example, payloadType: 'http://example.com/HelloWorle' }, verifier)).toBe(false);
    // PAE keeps type and payload apart: the same bytes cut elsewhere are another message.
    const shifted = { payloadType: `${payloadType} 11`, payload: Buffer.from('hello world'.slice(3)) };
    expect(isSignedBy({ ...example, ...shifted }, verifier)).toBe(false);
    expect(isSignedBy(example, newSignerFixture().verifier)).toBe(false);
  });

  it('writes members in the order in which cosign does, with the fingerprint as keyid', async () => {
    const { signer, verifier } = newSignerFixture();
    const envelope = await signStatement(signatureStatement(digestOf('m')), signer);
    const text = Buffer.from(encodeEnvelope(envelope)).toString();
    const base64 = '[A-Za-z0-9+/]+=*';
    expect(text).toMatch(
      new RegExp(
        `^{"payloadType":"application/vnd.in-toto\\+json","payload":"${base64}","signatures":\\[{"keyid":"SHA256:${base64}","sig":"${base64}"}\\]}$`,
      ),
    );
    expect(envelope.keyid).toBe(signer.keyid);
    expect(isSignedBy(envelope, verifier)).toBe(true);
  });

  it('decodes what it encoded', async () => {
    const envelope = await signStatement(signatureStatement(digestOf('m')), newSignerFixture().signer);
    const bytes = encodeEnvelope(envelope);
    expect(encodeEnvelope(decodeEnvelope(bytes, 'e'))).toEqual(bytes);
  });

  it('decodes an envelope without keyid, as in-toto allows', () => {
    const text = '{"payloadType":"t","payload":"AAAA","signatures":[{"sig":"AQID"}]}';
    expect(decodeEnvelope(Buffer.from(text), 'e')).toMatchObject({ keyid: '', payloadType: 't' });
  });

  it.each([
    ['base64 without padding', '{"payloadType":"t","payload":"AAA","signatures":[{"sig":"AQID"}]}'],
    ['base64 with bits to spare', '{"payloadType":"t","payload":"AAB=","signatures":[{"sig":"AQID"}]}'],
    ['base64 of URLs', '{"payloadType":"t","payload":"AA-_","signatures":[{"sig":"AQID"}]}'],
    ['white space in base64', '{"payloadType":"t","payload":"AA AA","signatures":[{"sig":"AQID"}]}'],
    ['no signature', '{"payloadType":"t","payload":"AAAA","signatures":[]}'],
    ['two signatures', '{"payloadType":"t","payload":"AAAA","signatures":[{"sig":"AQID"},{"sig":"AQID"}]}'],
    ['an empty signature', '{"payloadType":"t","payload":"AAAA","signatures":[{"sig":""}]}'],
    ['a keyid that is a number', '{"payloadType":"t","payload":"AAAA","signatures":[{"keyid":1,"sig":"AQID"}]}'],
    ['no payloadType', '{"payload":"AAAA","signatures":[{"sig":"AQID"}]}'],
    ['an unknown member', '{"payloadType":"t","payload":"AAAA","signatures":[{"sig":"AQID"}],"x":1}'],
    ['a member twice', '{"payloadType":"t","payloadType":"t","payload":"AAAA","signatures":[{"sig":"AQID"}]}'],
    ['no object', '[]'],
  ])('refuses %s', (_, text) => {
    const decode = () => decodeEnvelope(Buffer.from(text), 'the envelope');
    expect(decode).toThrow(expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID' }));
    expect(decode).toThrow(/^the envelope: /);
  });
});
