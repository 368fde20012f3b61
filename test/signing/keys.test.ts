import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createSigner,
  createVerifier,
  decodePrivateKey,
  encodePrivateKey,
  encodePublicKey,
  generateKeyPair,
  keyidOf,
  parsePublicKey,
} from '#signing';
import { readJson } from '../core/read-json.ts';
import { cosignMade, refusedKeys } from './vectors.ts';

const coded = (code: string, text: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(text), hint: expect.any(String) });

/** The JSON in a PEM text, changed. */
function withBody(pem: string, change: (body: Record<string, never>) => void): string {
  const [head, ...lines] = pem.trim().split('\n');
  const foot = lines.pop();
  const body = readJson(Buffer.from(lines.join(''), 'base64').toString());
  change(body);
  return `${head}\n${Buffer.from(JSON.stringify(body)).toString('base64')}\n${foot}\n`;
}

describe('private keys', () => {
  it('reads what cosign wrote, password beyond ASCII included', async () => {
    const key = await decodePrivateKey(cosignMade.privateKey, cosignMade.password, 'cosign.key');
    expect(encodePublicKey(key)).toBe(cosignMade.publicKey);
    const empty = await decodePrivateKey(cosignMade.emptyPrivateKey, '', 'cosign.key');
    expect(encodePublicKey(empty)).toBe(cosignMade.emptyPublicKey);
  });

  it('reads the older label too, and carriage returns', async () => {
    const older = cosignMade.emptyPrivateKey.replaceAll('SIGSTORE', 'COSIGN').replaceAll('\n', '\r\n');
    expect(encodePublicKey(await decodePrivateKey(older, '', 'cosign.key'))).toBe(cosignMade.emptyPublicKey);
  });

  it('reads what it wrote, which has the parameters that cosign reads', async () => {
    const { privateKey, publicKey } = generateKeyPair();
    const pem = await encodePrivateKey(privateKey, 'p w');
    expect(encodePublicKey(await decodePrivateKey(pem, 'p w', 'k'))).toBe(encodePublicKey(publicKey));
    expect(pem).toMatch(/^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n(?:[A-Za-z0-9+/]{64}\n)+/);
    withBody(pem, (body) => {
      expect(body['kdf']).toEqual({ name: 'scrypt', params: { N: 65536, r: 8, p: 1 }, salt: expect.any(String) });
    });
  });

  it('never writes the same bytes twice', async () => {
    const { privateKey } = generateKeyPair();
    expect(await encodePrivateKey(privateKey, '')).not.toBe(await encodePrivateKey(privateKey, ''));
  });

  it('says that the password is wrong, and says neither password', async () => {
    const attempt = decodePrivateKey(cosignMade.privateKey, 'guess-123', 'keys/cosign.key');
    await expect(attempt).rejects.toThrow(coded('ERR_EXPORT_PASSWORD_WRONG', 'keys/cosign.key'));
    const error = await attempt.then(
      () => new Error('it opened'),
      (reason: Error) => reason,
    );
    expect(JSON.stringify([error.message, error, String(error.cause)])).not.toMatch(/guess-123|pässwörd/);
  });

  it.each([
    ['nothing', '', 'not a PEM file'],
    ['other text', 'hello', 'not a PEM file'],
    ['a public key', cosignMade.publicKey, 'expected a private key, got a public key'],
    ['an unencrypted key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'PEM of PRIVATE KEY'],
    ['a truncated file', cosignMade.privateKey.slice(0, 300), 'damaged PEM'],
    ['a line that is missing', cosignMade.privateKey.replace(/\n.{64}\n/, '\n'), 'the body of the PEM'],
    ['a character that is no base64', cosignMade.privateKey.replace('eyJr', 'ey*r'), 'damaged PEM'],
  ])('refuses %s, naming the file', async (_, pem, what) => {
    const attempt = decodePrivateKey(pem, '', 'keys/cosign.key');
    await expect(attempt).rejects.toThrow(coded('ERR_EXPORT_KEY_INVALID', `keys/cosign.key: ${what}`));
  });

  it.each([
    [
      'scrypt that costs nothing',
      { kdf: { name: 'scrypt', params: { N: 2, r: 8, p: 1 }, salt: '' } },
      'unsupported encryption',
    ],
    [
      'scrypt beyond memory',
      { kdf: { name: 'scrypt', params: { N: 2 ** 30, r: 8, p: 1 }, salt: '' } },
      'unsupported encryption',
    ],
    ['another r', { kdf: { name: 'scrypt', params: { N: 65536, r: 9, p: 1 }, salt: '' } }, 'unsupported encryption'],
    ['another kdf', { kdf: { name: 'pbkdf2', params: { N: 65536, r: 8, p: 1 }, salt: '' } }, 'unsupported encryption'],
    ['another cipher', { cipher: { name: 'aes', nonce: '' } }, 'unsupported encryption'],
    ['no kdf', { kdf: undefined }, 'kdf: expected an object'],
    ['a short salt', { kdf: { name: 'scrypt', params: { N: 65536, r: 8, p: 1 }, salt: 'AAAA' } }, 'salt: expected'],
    ['a short nonce', { cipher: { name: 'nacl/secretbox', nonce: 'AAAA' } }, 'nonce: expected base64 of 24 bytes'],
    ['no ciphertext', { ciphertext: '' }, 'ciphertext: too short'],
    ['a number as ciphertext', { ciphertext: 7 }, 'ciphertext: expected base64'],
  ])('refuses %s', async (_, change, what) => {
    const pem = withBody(cosignMade.emptyPrivateKey, (body) => Object.assign(body, change));
    await expect(decodePrivateKey(pem, '', 'k')).rejects.toThrow(coded('ERR_EXPORT_KEY_INVALID', what));
  });

  it('takes a flipped bit in the ciphertext for a wrong password, and says that it may be damage', async () => {
    const pem = withBody(cosignMade.emptyPrivateKey, (body) => {
      const bytes = Buffer.from(body['ciphertext'] ?? '', 'base64');
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      Object.assign(body, { ciphertext: bytes.toString('base64') });
    });
    const attempt = decodePrivateKey(pem, '', 'k');
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_EXPORT_PASSWORD_WRONG' });
    await expect(attempt).rejects.toMatchObject({ hint: expect.stringContaining('damaged') });
  });

  it.each(Object.entries(refusedKeys))('refuses %s and says what it is', async (_, { privateKey, publicKey, said }) => {
    const refusal = coded('ERR_EXPORT_KEY_INVALID', `${said}, but only ECDSA on P-256 is accepted`);
    await expect(decodePrivateKey(privateKey, 'p', 'k')).rejects.toThrow(refusal);
    expect(() => parsePublicKey(publicKey, 'k')).toThrow(refusal);
  });
});

describe('public keys', () => {
  it('has the keyid that ssh-keygen prints', () => {
    const key = parsePublicKey(cosignMade.publicKey, 'cosign.pub');
    expect(keyidOf(key)).toBe(cosignMade.fingerprint);
    expect(createVerifier(key).keyid).toBe(cosignMade.fingerprint);
  });

  it('has one keyid for both halves', () => {
    const { privateKey, publicKey } = generateKeyPair();
    expect(createSigner(privateKey).keyid).toBe(createVerifier(publicKey).keyid);
  });

  it.each([
    ['nothing', '', 'not a PEM file'],
    ['a private key', cosignMade.privateKey, 'expected a public key, got a private key'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'PEM of CERTIFICATE'],
    ['damage', cosignMade.publicKey.replace('MFkw', 'MFkx'), 'the PUBLIC KEY in it cannot be decoded'],
  ])('refuses %s', (_, pem, what) => {
    expect(() => parsePublicKey(pem, 'cosign.pub')).toThrow(coded('ERR_EXPORT_KEY_INVALID', `cosign.pub: ${what}`));
  });

  it('refuses RSA', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ format: 'pem', type: 'spki' }) as string;
    expect(() => parsePublicKey(pem, 'k')).toThrow(coded('ERR_EXPORT_KEY_INVALID', 'k: rsa, but only'));
  });
});

describe('signer and verifier', () => {
  it('signs at random, and knows its own signatures', async () => {
    const { privateKey, publicKey } = generateKeyPair();
    const [signer, verifier] = [createSigner(privateKey), createVerifier(publicKey)];
    const message = Buffer.from('message');
    const [one, two] = [await signer.sign(message), await signer.sign(message)];
    expect(one).not.toEqual(two);
    expect([one, two].map((signature) => verifier.hasSigned(message, signature))).toEqual([true, true]);
    expect(verifier.hasSigned(Buffer.from('massage'), one)).toBe(false);
    expect(verifier.hasSigned(message, one.subarray(1))).toBe(false);
    expect(verifier.hasSigned(message, new Uint8Array(0))).toBe(false);
    expect(createVerifier(generateKeyPair().publicKey).hasSigned(message, one)).toBe(false);
  });

  it('knows its key by the fingerprint and by the name that cosign gives it', () => {
    const verifier = createVerifier(createPublicKey(cosignMade.publicKey));
    expect(verifier.isNamedBy(cosignMade.fingerprint)).toBe(true);
    expect(verifier.isNamedBy('SHA256:other')).toBe(false);
    expect(verifier.isNamedBy('')).toBe(false);
    expect(verifier.isNamedBy(undefined)).toBe(false);
  });

  it('takes no half for the other', () => {
    const { privateKey, publicKey } = generateKeyPair();
    expect(() => createSigner(publicKey)).toThrow(TypeError);
    expect(() => createVerifier(privateKey)).toThrow(TypeError);
  });
});
