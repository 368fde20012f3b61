import { HttpProblem } from './problem.ts';

/** How many bytes of requests or answers may be in memory. */
export interface BudgetLimits {
  readonly totalBytes: number;
  /** The limit for each client, so that one client cannot use up all of it. */
  readonly clientBytes: number;
}

/** Counts the bytes that are in memory for clients, and refuses more than the limits. */
export class MemoryBudget {
  readonly #limits: BudgetLimits;
  readonly #byClient = new Map<string, number>();
  #used = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /** Bytes that are held now. */
  get usedBytes(): number {
    return this.#used;
  }

  /**
   * Reserves bytes, to be released later.
   *
   * @throws HttpProblem ERR_EXPORT_RATE_LIMITED; nothing is reserved then
   */
  reserve(client: string, sizeBytes: number): void {
    const ofClient = (this.#byClient.get(client) ?? 0) + sizeBytes;
    const { totalBytes, clientBytes } = this.#limits;
    if (ofClient > clientBytes || this.#used + sizeBytes > totalBytes) {
      throw new HttpProblem(
        'ERR_EXPORT_RATE_LIMITED',
        'too many concurrent requests for the memory limit of this registry',
        {
          status: 429,
          headers: { 'Retry-After': '5' },
        },
      );
    }
    this.#byClient.set(client, ofClient);
    this.#used += sizeBytes;
  }

  release(client: string, sizeBytes: number): void {
    const left = (this.#byClient.get(client) ?? 0) - sizeBytes;
    if (left > 0) this.#byClient.set(client, left);
    else this.#byClient.delete(client);
    this.#used -= sizeBytes;
  }
}
