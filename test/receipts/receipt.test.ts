import { describe, expect, test } from 'vitest';
import { type Digest, type Instant, mediaTypes } from '#core';
import { type Receipt, signReceipt, verifyReceipt } from '#mirror';
import { createSigner, encodeEnvelope, generateKeyPair, signStatement } from '#signing';
import { readJson } from '../core/read-json.ts';

const pair = generateKeyPair('ed25519');
const signer = createSigner(pair.privateKey);
const snapshot = `sha256:${'a'.repeat(64)}` as Digest;

const receipt: Receipt = {
  zone: 'plant',
  stream: 'main',
  sequence: 7,
  snapshot,
  kit: `sha256:${'b'.repeat(64)}` as Digest,
  target: 'registry.zone:5000',
  rootVersion: 2,
  waived: [{ role: 'timestamp', version: 3, expires: '2026-11-01T00:00:00Z' as Instant }],
  fidelity: { repositories: 1, tags: 2, manifests: 3, blobs: 4, referrers: 5, lacking: [] },
  at: '2026-11-02T00:00:00Z' as Instant,
};

/** A statement that a test changes. */
type Changed = ReturnType<typeof readJson>;

const lacking = { name: 'apps/web:1.0', problem: 'not found' };

/** The receipt as it was signed, its statement changed and signed again. */
async function resigned(change: (statement: Changed) => void): Promise<Uint8Array> {
  const envelope = readJson(Buffer.from(await signReceipt(receipt, signer)).toString());
  const statement = readJson(Buffer.from(envelope.payload, 'base64').toString());
  change(statement);
  return encodeEnvelope(await signStatement(statement, signer));
}

describe('a receipt', () => {
  test('is read as it was signed', async () => {
    const bytes = await signReceipt(receipt, signer);
    expect(verifyReceipt(bytes, pair.publicKey, 'receipt')).toEqual(receipt);
    expect(await signReceipt(receipt, signer)).toEqual(bytes);
    const { zone: _, ...nameless } = receipt;
    expect(verifyReceipt(await signReceipt(nameless, signer), pair.publicKey, 'receipt')).toEqual(nameless);
  });

  test('of a target that lacks something says so, and cuts what a registry answered', async () => {
    const problem = 'x'.repeat(5000);
    const partial = { ...receipt, fidelity: { ...receipt.fidelity, lacking: [{ ...lacking, problem }] } };
    const bytes = await signReceipt(partial, signer);
    const read = verifyReceipt(bytes, pair.publicKey, 'receipt');
    expect(read.fidelity.lacking).toEqual([{ ...lacking, problem: 'x'.repeat(1000) }]);
    const { payload } = readJson(Buffer.from(bytes).toString());
    const { predicate } = readJson(Buffer.from(payload, 'base64').toString());
    expect(predicate).toMatchObject({ verificationResult: 'FAILED', verifiedLevels: ['FAILED'] });
  });

  test('by another key, or by a key of another kind, is refused', async () => {
    const bytes = await signReceipt(receipt, signer);
    for (const kind of ['ed25519', 'p256'] as const) {
      const other = generateKeyPair(kind);
      expect(() => verifyReceipt(bytes, other.publicKey, 'receipt')).toThrow(
        expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID' }),
      );
      const forged = await signReceipt(receipt, createSigner(other.privateKey));
      expect(() => verifyReceipt(forged, pair.publicKey, 'receipt')).toThrow(
        expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID' }),
      );
    }
  });

  test('with one changed byte anywhere is refused', async () => {
    const bytes = Buffer.from(await signReceipt(receipt, signer));
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 1;
      expect(() => verifyReceipt(damaged, pair.publicKey, 'receipt'), `byte ${at}`).toThrow();
    }
  });

  test.each<[string, (statement: Changed) => void]>([
    [
      'another predicate type',
      (statement) => Object.assign(statement, { predicateType: 'https://slsa.dev/provenance/v1' }),
    ],
    ['two subjects', ({ subject }) => subject.push({ digest: { sha256: 'c'.repeat(64) } })],
    ['a name of its subject', ({ subject }) => Object.assign(subject[0], { name: 'x' })],
    ['PASSED although something is lacking', ({ predicate }) => inFidelity(predicate, { lacking: [lacking] })],
    [
      'FAILED although nothing is lacking',
      ({ predicate }) => Object.assign(predicate, { verificationResult: 'FAILED' }),
    ],
    [
      'another resource than its stream',
      ({ predicate }) => Object.assign(predicate, { resourceUri: 'urn:export-center:mirror:other:7' }),
    ],
    ['another verifier', ({ predicate }) => Object.assign(predicate, { verifier: { id: 'https://example.org' } })],
    ['a member that is not known', ({ predicate }) => Object.assign(predicate, { more: 1 })],
    ['a negative count', ({ predicate }) => inFidelity(predicate, { tags: -1 })],
    ['a stream that is a path', ({ predicate }) => Object.assign(predicate.mirror, { stream: '../x' })],
    [
      'the older statement type',
      (statement) => Object.assign(statement, { _type: 'https://in-toto.io/Statement/v0.1' }),
    ],
  ])('signed with %s is refused', async (_, change) => {
    const bytes = await resigned(change);
    expect(() => verifyReceipt(bytes, pair.publicKey, 'receipt')).toThrow(
      expect.objectContaining({ code: 'ERR_EXPORT_RECEIPT_INVALID' }),
    );
  });

  test('whose statement is signed as another type, or spelled in another way, is refused', async () => {
    const { payload } = readJson(Buffer.from(await signReceipt(receipt, signer)).toString());
    const bytes = Buffer.from(payload, 'base64');
    const sign = async (payloadType: string, content: Uint8Array) => {
      const pae = Buffer.concat([
        Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${content.length} `),
        content,
      ]);
      return encodeEnvelope({ payloadType, payload: content, keyid: '', signature: await signer.sign(pae) });
    };
    expect(verifyReceipt(await sign(mediaTypes.inToto, bytes), pair.publicKey, 'receipt')).toEqual(receipt);
    const spaced = Buffer.from(JSON.stringify(readJson(bytes.toString()), null, 1));
    for (const forged of [await sign('application/json', bytes), await sign(mediaTypes.inToto, spaced)]) {
      expect(() => verifyReceipt(forged, pair.publicKey, 'receipt')).toThrow(
        expect.objectContaining({ code: 'ERR_EXPORT_RECEIPT_INVALID' }),
      );
    }
  });
});

function inFidelity(predicate: Changed, members: object): void {
  Object.assign(predicate.mirror.fidelity, members);
}
