/** What is remembered: old enough to even out bursts, young enough to follow a change. */
const WINDOW_MS = 10_000;
const STEP_MS = 200;
/** A rate of less than this says nothing yet. */
const LEAST_MS = 500;

/** How fast a count grows, by its last ten seconds. */
export class RateMeter {
  readonly #samples: { readonly atMs: number; readonly done: number }[] = [];

  /** Notes how far it is now. */
  note(done: number, atMs: number): void {
    const last = this.#samples.at(-1);
    if (last === undefined || atMs - last.atMs >= STEP_MS) this.#samples.push({ atMs, done });
    while (this.#samples.length > 1 && atMs - (this.#samples[0]?.atMs ?? atMs) > WINDOW_MS) this.#samples.shift();
  }

  /** Per second; undefined where it is not known yet, or nothing moves. */
  rate(done: number, atMs: number): number | undefined {
    const first = this.#samples[0];
    if (first === undefined || atMs - first.atMs < LEAST_MS || done <= first.done) return undefined;
    return ((done - first.done) * 1000) / (atMs - first.atMs);
  }
}
