/** 1 KiB/s: slower than any real connection, and too fast for one that is only kept open (slowloris). */
export const minBytesPerSecond = 1024;

/** What was transferred while the other side was waited for. */
export interface RateWindow {
  readonly sizeBytes: number;
  readonly waitedMs: number;
}

/** Judges how fast the other side sends or receives. Only the time spent waiting for it counts. */
export class MinRate {
  readonly #windowMs: number;
  #waitedMs = 0;
  #sizeBytes = 0;

  /** @param windowMs it is judged each time that it was waited for as long as that in total */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  wait(timeMs: number): void {
    this.#waitedMs += timeMs;
  }

  /** Counts what was transferred. @returns the window that ends with that, where it was too little */
  count(sizeBytes: number): RateWindow | undefined {
    this.#sizeBytes += sizeBytes;
    if (this.#waitedMs < this.#windowMs) return undefined;
    const window = { sizeBytes: this.#sizeBytes, waitedMs: this.#waitedMs };
    if (window.sizeBytes < (minBytesPerSecond * this.#windowMs) / 1000) return window;
    this.#waitedMs = 0;
    this.#sizeBytes = 0;
    return undefined;
  }
}
