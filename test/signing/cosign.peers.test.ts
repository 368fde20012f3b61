import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignedObject } from '#signing';
import { readJson } from '../core/read-json.ts';
import { describePeers } from '../peers/peers.ts';
import { contextOf, verifyAttestation, verifyBundle, verifyTag } from './fixture.ts';
import {
  type Cosign,
  cosigns,
  existingTags,
  type Forms,
  keyFlags,
  makeForms,
  type Owner,
  openPeerFixture,
  type PeerFixture,
  type Tampering,
  type Unsigned,
} from './peer-fixture.ts';

type Form = 'legacy' | 'bundle';

let fixture: PeerFixture;
let count = 0;

function pick(forms: Forms, wanted: readonly Form[]): SignedObject[] {
  const { signatureTag, attestationTag, signatureBundle, attestationBundle } = forms;
  const legacy = wanted.includes('legacy') ? [signatureTag, attestationTag] : [];
  return wanted.includes('bundle') ? [...legacy, signatureBundle, attestationBundle] : legacy;
}

/** Publishes a manifest signed in these forms, tampered with as told. */
async function publishSigned(wanted: readonly Form[], owner: Owner, tampering: Tampering = {}) {
  const target = await fixture.publish(`signed/${++count}`);
  const forms = await makeForms(target, owner, tampering);
  for (const object of pick(forms, wanted)) await target.repository.push(object);
  return { target, forms };
}

const verify = (cosign: Cosign, { reference }: Unsigned, owner: Owner) =>
  fixture.cosign(cosign, ['verify', ...keyFlags(owner), reference]);

function verifyAttestations(cosign: Cosign, { reference }: Unsigned, owner: Owner, more: readonly string[] = []) {
  return fixture.cosign(cosign, [
    'verify-attestation',
    '--type',
    'slsaprovenance1',
    ...keyFlags(owner),
    ...more,
    reference,
  ]);
}

/** How a cosign reads each form: 2.5 has no eyes for sigstore bundles in verify, and needs to be told in the other. */
const readers: readonly { cosign: Cosign; form: Form; verifies: boolean; flags: readonly string[] }[] = [
  { cosign: 'cosign25', form: 'legacy', verifies: true, flags: [] },
  { cosign: 'cosign25', form: 'bundle', verifies: false, flags: ['--new-bundle-format'] },
  { cosign: 'cosign26', form: 'legacy', verifies: true, flags: [] },
  { cosign: 'cosign26', form: 'bundle', verifies: true, flags: [] },
  { cosign: 'cosign3', form: 'legacy', verifies: true, flags: [] },
  { cosign: 'cosign3', form: 'bundle', verifies: true, flags: [] },
];

const flip = (bytes: Uint8Array) => {
  const copy = Uint8Array.from(bytes);
  const at = copy.length - 5;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

/** Each leaves objects that name our key, and that this key did not sign as being about this manifest. */
const tamperings: readonly [string, () => Promise<Tampering>][] = [
  ['a damaged signature', async () => ({ signer: (s) => ({ ...s, sign: async (m) => flip(await s.sign(m)) }) })],
  [
    'a signature of something else',
    async () => ({ signer: (s) => ({ ...s, sign: () => s.sign(Buffer.from('else')) }) }),
  ],
  [
    'a signature by another key',
    async () => ({ signer: (s) => ({ ...s, sign: (m) => fixture.otherSigner.signer.sign(m) }) }),
  ],
  ['a valid signature of another manifest', async () => ({ about: await fixture.publish(`about/${++count}`) })],
];

describePeers([...cosigns, 'docker-registry'], 'three cosigns', () => {
  beforeAll(async () => {
    fixture = await openPeerFixture();
  });
  afterAll(() => fixture.close());

  describe.each(cosigns)('%s', (cosign) => {
    it('accepts signature and provenance where both forms are there', async () => {
      const { target } = await publishSigned(['legacy', 'bundle'], fixture.us);
      expect(await verify(cosign, target, fixture.us)).toMatchObject({ code: 0 });
      const attested = await verifyAttestations(cosign, target, fixture.us);
      expect(attested).toMatchObject({ code: 0 });
      const [envelope] = attested.stdout.trim().split('\n');
      const statement = readJson(Buffer.from(readJson(envelope ?? '').payload, 'base64').toString());
      expect(statement.predicate.buildDefinition.externalParameters.selector).toEqual({ packages: ['<&>'] });
    });

    it('refuses them under another key', async () => {
      const { target } = await publishSigned(['legacy', 'bundle'], fixture.us);
      expect((await verify(cosign, target, fixture.otherSigner)).code).not.toBe(0);
      expect((await verifyAttestations(cosign, target, fixture.otherSigner)).code).not.toBe(0);
    });

    it('accepts ours beside those of another signer, and the other signer under its own key', async () => {
      const { target } = await publishSigned(['legacy', 'bundle'], fixture.otherSigner);
      const merged = await makeForms(target, fixture.us, {}, await existingTags(target));
      for (const object of pick(merged, ['legacy', 'bundle'])) await target.repository.push(object);
      for (const owner of [fixture.us, fixture.otherSigner]) {
        expect(await verify(cosign, target, owner)).toMatchObject({ code: 0 });
        expect(await verifyAttestations(cosign, target, owner)).toMatchObject({ code: 0 });
      }
    });
  });

  it('is content with the valid form where both are there and the other is damaged; we are not', async () => {
    const blind: Record<Form, readonly Cosign[]> = { legacy: ['cosign26', 'cosign3'], bundle: ['cosign25'] };
    const [, damage] = tamperings[0] ?? [];
    for (const form of ['legacy', 'bundle'] as const) {
      const { target, forms } = await publishSigned(form === 'legacy' ? ['bundle'] : ['legacy'], fixture.us);
      const spoilt = await makeForms(target, fixture.us, await damage?.());
      for (const object of pick(spoilt, [form])) await target.repository.push(object);
      const verdicts = await Promise.all(cosigns.map((cosign) => verify(cosign, target, fixture.us)));
      expect(cosigns.filter((_, i) => verdicts[i]?.code === 0)).toEqual(blind[form]);
      const context = contextOf(fixture.us.verifier, target.descriptor.digest);
      expect(verifyBundle(forms.signatureBundle, context)).toBeDefined();
      expect(verifyTag(forms.signatureTag, context)).toBeDefined();
      const judge = () =>
        form === 'legacy' ? verifyTag(spoilt.signatureTag, context) : verifyBundle(spoilt.signatureBundle, context);
      expect(judge).toThrow('the key did not sign it');
    }
  });

  describe.each(readers)('$cosign, where only the form $form is there', ({ cosign, form, verifies, flags }) => {
    it('accepts what is valid', async () => {
      const { target } = await publishSigned([form], fixture.us);
      if (verifies) expect(await verify(cosign, target, fixture.us)).toMatchObject({ code: 0 });
      expect(await verifyAttestations(cosign, target, fixture.us, flags)).toMatchObject({ code: 0 });
    });

    it.each(tamperings)('refuses %s, as we do', async (_, tampering) => {
      const { target, forms } = await publishSigned([form], fixture.us, await tampering());
      if (verifies) expect((await verify(cosign, target, fixture.us)).code).not.toBe(0);
      expect((await verifyAttestations(cosign, target, fixture.us, flags)).code).not.toBe(0);
      const context = contextOf(fixture.us.verifier, target.descriptor.digest);
      const refusal = expect.objectContaining({ code: 'ERR_EXPORT_SIGNATURE_INVALID' });
      expect(() => verifyTag(forms.signatureTag, context)).toThrow(refusal);
      expect(() => verifyAttestation(forms.attestationTag, context)).toThrow(refusal);
      expect(() => verifyBundle(forms.signatureBundle, context)).toThrow(refusal);
      expect(() => verifyBundle(forms.attestationBundle, context)).toThrow(refusal);
    });
  });
});
