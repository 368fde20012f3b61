import { compareInstants, type Instant } from '#core';
import type { ServedKit } from './served-kit.ts';

/** How many plans are kept. */
export interface PlanLimits {
  readonly count: number;
  readonly memoryBytes: number;
}

/** The plans of a mirror in memory: the least recently used leave first, and each after its time. */
export class Plans {
  readonly #limits: PlanLimits;
  readonly #kits = new Map<string, ServedKit>();

  constructor(limits: PlanLimits) {
    this.#limits = limits;
  }

  /**
   * Keeps a kit.
   *
   * @returns the one that is kept: of two with one id, which have the same bytes, the first, as long as the second
   */
  add(kit: ServedKit, now: Instant): ServedKit {
    const held = this.get(kit.id, now);
    held?.keepUntil(kit.keptUntil);
    if (held !== undefined) return held;
    this.#kits.set(kit.id, kit);
    this.#shrink();
    return kit;
  }

  get(id: string, now: Instant): ServedKit | undefined {
    const kit = this.#kits.get(id);
    this.#kits.delete(id);
    if (kit === undefined || compareInstants(kit.keptUntil, now) <= 0) return undefined;
    this.#kits.set(id, kit);
    return kit;
  }

  #shrink(): void {
    const { count, memoryBytes } = this.#limits;
    let used = [...this.#kits.values()].reduce((total, kit) => total + kit.memoryBytes, 0);
    for (const [id, kit] of this.#kits) {
      if (this.#kits.size === 1 || (this.#kits.size <= count && used <= memoryBytes)) return;
      this.#kits.delete(id);
      used -= kit.memoryBytes;
    }
  }
}
