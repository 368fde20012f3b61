import { HttpProblem } from './problem.ts';

/** How many bytes of requests or answers may be in memory. */
export interface BudgetLimits {
  readonly totalBytes: number;
  /** Of one client: no client uses up what others need. */
  readonly clientBytes: number;
}

/** Counts the bytes that are held in memory for clients, and refuses more than the limits. */
export class MemoryBudget {
  readonly #limits: BudgetLimits;
  readonly #ofClients = new Map<string, number>();
  #used = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /** Bytes that are held now. */
  get usedBytes(): number {
    return this.#used;
  }

  /**
   * Takes bytes; they must be given back.
   *
   * @throws HttpProblem ERR_EXPORT_RATE_LIMITED, and nothing is taken
   */
  take(client: string, sizeBytes: number): void {
    const ofClient = (this.#ofClients.get(client) ?? 0) + sizeBytes;
    const { totalBytes, clientBytes } = this.#limits;
    if (ofClient > clientBytes || this.#used + sizeBytes > totalBytes) {
      throw new HttpProblem('ERR_EXPORT_RATE_LIMITED', 'too much is being sent and received at once', {
        status: 429,
        headers: { 'Retry-After': '5' },
      });
    }
    this.#ofClients.set(client, ofClient);
    this.#used += sizeBytes;
  }

  give(client: string, sizeBytes: number): void {
    const left = (this.#ofClients.get(client) ?? 0) - sizeBytes;
    if (left > 0) this.#ofClients.set(client, left);
    else this.#ofClients.delete(client);
    this.#used -= sizeBytes;
  }
}
