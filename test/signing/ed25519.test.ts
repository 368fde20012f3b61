import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createSigner,
  createVerifier,
  decodePkcs8Key,
  decodePrivateKey,
  encodePrivateKey,
  encodePublicKey,
  generateKeyPair,
  isPlainPkcs8,
  keyidOf,
  parsePublicKey,
  tufKeyKinds,
} from '#signing';

/** The key whose seed (RFC 8032 §5.1.5) is 32 times 7, and what ssh-keygen calls it. */
const seeded = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
const FINGERPRINT = 'SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE';

const refused = (text: string) =>
  expect.objectContaining({ code: 'ERR_EXPORT_KEY_INVALID', message: expect.stringContaining(text) });

describe('Ed25519 keys', () => {
  it('have the keyid that ssh-keygen prints', () => {
    expect(keyidOf(seeded)).toBe(FINGERPRINT);
    expect(createSigner(seeded).keyid).toBe(FINGERPRINT);
  });

  it('sign the same bytes alike, as RFC 8032 says', async () => {
    const signer = createSigner(seeded);
    const message = Buffer.from('message');
    const signature = await signer.sign(message);
    expect(await signer.sign(message)).toEqual(signature);
    expect(verify(null, message, createPublicKey(seeded), signature)).toBe(true);
  });

  it('are read back from cosign’s encrypted form, and as public PEM', async () => {
    const { privateKey, publicKey } = generateKeyPair('ed25519');
    const pem = await encodePrivateKey(privateKey, 'p w');
    const read = await decodePrivateKey(pem, 'p w', 'k', tufKeyKinds);
    expect(encodePublicKey(read)).toBe(encodePublicKey(publicKey));
    expect(encodePublicKey(parsePublicKey(encodePublicKey(publicKey), 'k', tufKeyKinds))).toBe(
      encodePublicKey(publicKey),
    );
  });

  it('are refused where cosign is to verify', async () => {
    const { privateKey, publicKey } = generateKeyPair('ed25519');
    const message = 'k: ed25519, but only ECDSA on P-256 is accepted';
    await expect(decodePrivateKey(await encodePrivateKey(privateKey, ''), '', 'k')).rejects.toThrow(refused(message));
    expect(() => parsePublicKey(encodePublicKey(publicKey), 'k')).toThrow(refused(message));
    expect(() => createVerifier(publicKey)).toThrow(refused('but only ECDSA on P-256 is accepted'));
  });
});

describe('PKCS#8 PEM', () => {
  const pemOf = (key: ReturnType<typeof createPrivateKey>) => key.export({ format: 'pem', type: 'pkcs8' }) as string;

  it.each(['p256', 'ed25519'] as const)('is read for %s', (kind) => {
    const { privateKey, publicKey } = generateKeyPair(kind);
    expect(isPlainPkcs8(pemOf(privateKey))).toBe(true);
    expect(encodePublicKey(decodePkcs8Key(pemOf(privateKey), 'k', tufKeyKinds))).toBe(encodePublicKey(publicKey));
  });

  it('is refused for other kinds, and when damaged, without quoting the file', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const message = 'k: rsa, but only Ed25519 or ECDSA on P-256 is accepted';
    expect(() => decodePkcs8Key(pemOf(rsa), 'k', tufKeyKinds)).toThrow(refused(message));
    const damaged = pemOf(seeded).replace('MC4C', 'MC4D');
    expect(() => decodePkcs8Key(damaged, 'k', tufKeyKinds)).toThrow(refused('k: the PRIVATE KEY in it cannot be'));
    expect(isPlainPkcs8('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n')).toBe(false);
  });
});
