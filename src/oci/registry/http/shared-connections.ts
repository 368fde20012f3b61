import type { Backoff } from './backoff.ts';
import { Wire, type WireOptions } from './wire.ts';

/**
 * What the clients of many repositories of one registry have in common: their connections, and how long its hosts want to
 * be left alone. Without it each repository has connections of its own, and a registry or proxy limits those of one
 * address. Close it after all that use it.
 */
export class SharedConnections {
  readonly backoffs: Map<string, Backoff> = new Map();
  readonly #wires = new Map<string, Wire>();

  /** The connections for a registry. @param options count for the first client of that registry only */
  wireOf(registry: URL, options: WireOptions): Wire {
    let wire = this.#wires.get(registry.origin);
    if (wire === undefined) {
      wire = new Wire(registry, options);
      this.#wires.set(registry.origin, wire);
    }
    return wire;
  }

  async close(): Promise<void> {
    for (const wire of this.#wires.values()) await wire.close();
  }
}
