import { type FileHandle, open } from 'node:fs/promises';
import { algorithmOf, type Digest, Digester, readPart } from '#core';
import type { ByteStream, OperationOptions } from '#oci/image';
import { blobPath, encodeLayoutTar } from '#oci/layout';
import type { KitFiles, KitPlan } from './plan.ts';

const BLOCK = 512;
const READ_BYTES = 1024 * 1024;
/** What ends a tar: two blocks of zeros. */
const END_BYTES = 1024;

/** One file of a tar, with what frames it there. */
interface Entry {
  readonly start: number;
  readonly end: number;
  /** The header before the content. */
  readonly head: Uint8Array;
  readonly sizeBytes: number;
  readonly isRight: (bytes: ByteStream) => Promise<boolean>;
}

/** The tar of a kit that an earlier export has left as a file, and how much of it can be used. */
export class HeldTar {
  readonly #path: string;
  readonly #plan: Pick<KitPlan, 'contents'>;
  readonly #files: KitFiles;
  readonly #options: OperationOptions;

  constructor(path: string, plan: Pick<KitPlan, 'contents'>, files: KitFiles, options: OperationOptions) {
    this.#path = path;
    this.#plan = plan;
    this.#files = files;
    this.#options = options;
  }

  /**
   * How many bytes from the beginning on are those of the tar: up to the first entry that is damaged, or the end of the
   * file. Of an entry that is not whole yet nothing is known: see `damagedAt`.
   */
  async intactBytes(): Promise<number> {
    await using file = await open(this.#path, 'r');
    const { size } = await file.stat();
    let end = 0;
    for await (const entry of this.#entries()) {
      end = entry.end;
      if (entry.end > size) return size;
      if (!(await this.#isIntact(file, entry))) return entry.start;
    }
    const rest = await readPart(file, END_BYTES + 1, end);
    return rest.every((byte) => byte === 0) && size <= end + END_BYTES ? size : end;
  }

  /** Where the entry that has a byte begins, if that entry is damaged. */
  async damagedAt(offset: number): Promise<number | undefined> {
    await using file = await open(this.#path, 'r');
    for await (const entry of this.#entries()) {
      if (entry.end > offset) return (await this.#isIntact(file, entry)) ? undefined : entry.start;
    }
    return undefined;
  }

  async *#entries(): AsyncGenerator<Entry> {
    let start = 0;
    for (const { path, sizeBytes, isRight } of this.#contents()) {
      // A tar of this entry without its content.
      const frame = await join(encodeLayoutTar([{ path, size: sizeBytes, content: nothing() }]));
      const paddingBytes = (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
      const head = frame.subarray(0, -END_BYTES - paddingBytes);
      const end = start + head.byteLength + sizeBytes + paddingBytes;
      yield { start, end, head, sizeBytes, isRight };
      start = end;
    }
  }

  *#contents(): Generator<{ path: string } & Pick<Entry, 'sizeBytes' | 'isRight'>> {
    for (const [path, wanted] of this.#files) {
      yield {
        path,
        sizeBytes: wanted.byteLength,
        isRight: async (bytes) => (await join(bytes)).equals(wanted),
      };
    }
    for (const { digest, sizeBytes } of this.#plan.contents) {
      yield { path: blobPath(digest), sizeBytes, isRight: (bytes) => this.#hasDigest(bytes, digest) };
    }
  }

  async #isIntact(file: FileHandle, { start, end, head, sizeBytes, isRight }: Entry): Promise<boolean> {
    if (!(await readPart(file, head.byteLength, start)).equals(head)) return false;
    const begin = start + head.byteLength;
    const padding = await readPart(file, end - begin - sizeBytes, begin + sizeBytes);
    if (padding.some((byte) => byte !== 0)) return false;
    return isRight(rangeOf(file, begin, sizeBytes));
  }

  async #hasDigest(bytes: ByteStream, digest: Digest): Promise<boolean> {
    const digester = new Digester(algorithmOf(digest));
    for await (const chunk of bytes) {
      this.#options.signal?.throwIfAborted();
      digester.update(chunk);
    }
    return digester.digest() === digest;
  }
}

async function* nothing(): ByteStream {}

/** Not as a stream of the handle, which would listen to it once for each range. */
async function* rangeOf(file: FileHandle, start: number, sizeBytes: number): ByteStream {
  for (let done = 0; done < sizeBytes; ) {
    const bytes = await readPart(file, Math.min(READ_BYTES, sizeBytes - done), start + done);
    if (bytes.byteLength === 0) return;
    yield bytes;
    done += bytes.byteLength;
  }
}

async function join(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
