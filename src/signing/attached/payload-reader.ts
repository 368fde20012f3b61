import { CodedError, type Digest } from '#core';
import { type OperationOptions, type Repository, readNamed } from '#oci/image';
import { DAMAGES, type SignedCandidate } from './signed-objects.ts';

/** As large as a JSON text may be here; others attest documents of any size. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

/** How much is read of payloads that do not name the key: others may attach as many as they like. */
const MAX_OTHER_BYTES = 256 * 1024 * 1024;
const MAX_OTHER_PAYLOADS = 2000;

/** Reads payloads of signed objects, those of other keys within a budget. */
export class PayloadReader {
  readonly #repository: Repository;
  readonly #options: OperationOptions;
  /** Content has one size, so another one under the same digest need not be asked for. */
  readonly #read = new Set<Digest>();
  #payloads = 0;
  #bytes = 0;
  #unread = 0;

  constructor(repository: Repository, options: OperationOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  /** How many candidates were passed over, since the budget was used up. */
  get unread(): number {
    return this.#unread;
  }

  /**
   * The payload that all of these candidates name; undefined where it cannot be had, or not within the budget, and no
   * candidate names the key.
   *
   * @throws CodedError where a candidate names the key, and its payload is gone, damaged or too large
   */
  async read(group: readonly SignedCandidate[]): Promise<Uint8Array | undefined> {
    const named = group.find(({ isNamed }) => isNamed);
    const candidate = named ?? group[0];
    if (candidate === undefined) return undefined;
    const { digest, size } = candidate.payload;
    if (named === undefined && (this.#read.has(digest) || size > MAX_PAYLOAD_BYTES)) return undefined;
    if (named === undefined && (++this.#payloads > MAX_OTHER_PAYLOADS || this.#bytes + size > MAX_OTHER_BYTES)) {
      this.#unread += group.length;
      return undefined;
    }
    this.#bytes += named === undefined ? size : 0;
    const bytes = await this.#fetch(candidate);
    if (bytes !== undefined) this.#read.add(digest);
    return bytes;
  }

  async #fetch({ payload, isNamed, place, name }: SignedCandidate): Promise<Uint8Array | undefined> {
    const limits = { signal: this.#options.signal, maxBytes: MAX_PAYLOAD_BYTES };
    try {
      return await readNamed(this.#repository, payload, name, limits);
    } catch (error) {
      if (!(error instanceof CodedError) || !DAMAGES.includes(error.code)) throw error;
      if (!isNamed) return undefined;
      throw new CodedError(error.code, `${name}, which names this key, cannot be read: ${error.message}`, {
        hint: `delete ${place} and sign again: the next run creates missing signatures`,
        details: { ...error.details, digest: payload.digest },
        cause: error,
      });
    }
  }
}
