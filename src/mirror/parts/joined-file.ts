import type { SeekableFile } from '#core';
import { partPaths } from './format.ts';
import type { PartFile } from './part-file.ts';

/** The tar of a kit, read from its parts where they lie. */
export class JoinedFile implements SeekableFile {
  readonly #parts: readonly PartFile[];

  /** @param parts all of them, in order */
  constructor(parts: readonly PartFile[]) {
    this.#parts = parts;
  }

  async read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    const [first] = this.#parts;
    // All parts but the last one have the same size.
    const file = first === undefined ? undefined : this.#parts[Math.floor(position / first.part.sizeBytes)];
    if (file === undefined) return { bytesRead: 0 };
    const wanted = buffer.subarray(offset, offset + length);
    return { bytesRead: await file.tar.readAt(partPaths.data, wanted, position - file.part.offset) };
  }

  async stat(): Promise<{ readonly size: number }> {
    return { size: this.#parts.reduce((total, { part }) => total + part.sizeBytes, 0) };
  }

  async close(): Promise<void> {
    for (const { tar } of this.#parts) await tar.close();
  }
}
