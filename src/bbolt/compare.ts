import { type FileHandle, open } from 'node:fs/promises';
import { fileError } from '#core';
import { damaged } from './damage.ts';
import { PAGE_SIZE } from './format.ts';
import type { PageSink } from './page-writer.ts';
import { BboltFile } from './reader.ts';
import { writePages } from './writer.ts';

/**
 * Proves that a bbolt file is, byte for byte, the one that writeBbolt makes of its entries: keys in order, pages in
 * their one order and filled by the one rule, nothing in unused space, nothing after the last page. Its entries are
 * written anew and compared with the file as they come; nothing is stored. A file that passes is whole,
 * since what writeBbolt makes is.
 *
 * @param signal asked at each page
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH naming the first fault; as fileError where the file cannot be read
 */
export async function checkOwnBbolt(path: string, signal?: AbortSignal): Promise<void> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw fileError(error, path);
  });
  try {
    await using bbolt = await BboltFile.open(path, { signal });
    const pages = await writePages(new ComparingSink(file, path, signal), bbolt.batches());
    const { size } = await file.stat();
    if (size !== pages * PAGE_SIZE) throw damaged(path, `${size - pages * PAGE_SIZE} bytes after its last page`);
  } finally {
    await file.close();
  }
}

/** Takes pages as a file would, and holds them against those of a file. */
class ComparingSink implements PageSink {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #signal: AbortSignal | undefined;
  #held = Buffer.alloc(0);

  constructor(file: FileHandle, path: string, signal: AbortSignal | undefined) {
    this.#file = file;
    this.#path = path;
    this.#signal = signal;
  }

  async write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }> {
    this.#signal?.throwIfAborted();
    if (this.#held.length < length) this.#held = Buffer.allocUnsafeSlow(length);
    const held = this.#held;
    const { bytesRead } = await this.#file.read(held, 0, length, position).catch((error: unknown) => {
      throw fileError(error, this.#path);
    });
    const wanted = bytes.subarray(offset, offset + bytesRead);
    if (bytesRead === 0 || Buffer.compare(held.subarray(0, bytesRead), wanted) !== 0) {
      const at = wanted.findIndex((byte, i) => byte !== held[i]);
      const page = Math.floor((position + Math.max(at, 0)) / PAGE_SIZE);
      throw damaged(this.#path, `page ${page} is not in canonical form`);
    }
    return { bytesWritten: bytesRead };
  }
}
