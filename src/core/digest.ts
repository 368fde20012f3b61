import { createHash, type Hash, hash } from 'node:crypto';
import { CodedError } from './errors.ts';

/** A content digest in OCI's form, `algorithm:hex` (image-spec v1.1.1 descriptor.md#digests). */
export type Digest = string & { readonly __brand: 'Digest' };

/** The algorithms that we verify; both are registered by the image-spec. */
export type DigestAlgorithm = 'sha256' | 'sha512';

const HEX_LENGTH: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 };
const FORM = /^(sha256|sha512):([0-9a-f]+)$/;

/** Whether `text` is a digest that we can verify. */
export function isDigest(text: string): text is Digest {
  const match = FORM.exec(text);
  return match !== null && match[2]?.length === HEX_LENGTH[match[1] as DigestAlgorithm];
}

/**
 * The digest that `text` spells.
 *
 * @throws CodedError ERR_EXPORT_DIGEST_INVALID for another form, length or algorithm
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new CodedError('ERR_EXPORT_DIGEST_INVALID', `not a valid digest: ${JSON.stringify(text.slice(0, 200))}`, {
    hint: 'write sha256: and 64, or sha512: and 128, lower-case hex digits',
  });
}

/** The algorithm of a digest. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

/** The hex digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${hash(algorithm, bytes, 'hex')}` as Digest;
}

/** A digest and a byte count that grow with what is written to it. */
export class Digester {
  readonly algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  #size = 0;

  constructor(algorithm: DigestAlgorithm = 'sha256') {
    this.algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  /** Bytes seen so far. */
  get size(): number {
    return this.#size;
  }

  /** Takes in `bytes`; they are not kept. */
  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    this.#size += bytes.byteLength;
    return this;
  }

  /** The digest of all that was written. Ends the digester: call it once. */
  digest(): Digest {
    return `${this.algorithm}:${this.#hash.digest('hex')}` as Digest;
  }
}
