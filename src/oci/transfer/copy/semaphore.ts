/** Limits how many tasks run at a time; the others wait in turn. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`not a valid number of permits: ${count}`);
    this.#free = count;
  }

  /** Runs `task` when a permit is free. A task must not wait for another that needs a permit too. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#hold(task);
  }

  /** As `run`, before all that wait by now. */
  async runFirst<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.unshift(resolve));
    return this.#hold(task);
  }

  async #hold<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
