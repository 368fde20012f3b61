/** A value that a client has asked for and may or may not have got. */
interface Entry {
  settled: string | undefined;
  /** What has been asked for since, the last first to be acknowledged. */
  tried: (string | undefined)[];
}

/**
 * What a server has acknowledged, key by key, and what it was asked to do when it died, which may have come through or
 * not. A value of undefined stands for something that is not there.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  #acknowledged = 0;

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Does what sets keys to values, and notes it as acknowledged when it has succeeded. */
  async set<T>(changes: Readonly<Record<string, string | undefined>>, work: () => Promise<T>): Promise<T> {
    for (const [key, value] of Object.entries(changes)) this.#entry(key).tried.push(value);
    const result = await work();
    for (const [key, value] of Object.entries(changes)) Object.assign(this.#entry(key), { settled: value, tried: [] });
    this.#acknowledged++;
    return result;
  }

  /** The keys with some beginning, and what each may be now. */
  expected(beginning: string): [name: string, values: (string | undefined)[]][] {
    return [...this.#entries]
      .filter(([key]) => key.startsWith(beginning))
      .map(([key, { settled, tried }]) => [key.slice(beginning.length), [settled, ...tried]]);
  }

  #entry(key: string): Entry {
    const entry = this.#entries.get(key) ?? { settled: undefined, tried: [] };
    this.#entries.set(key, entry);
    return entry;
  }
}
