import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ArchiveLimits, openArchive } from '#archive';

/** Paths and contents of an archive, in its order. */
export type Contents = readonly (readonly [path: string, content: string])[];

/** All that an archive holds, contents as Latin-1 so that every byte shows; undefined when it is none. */
export async function readAll(path: string, limits?: Partial<ArchiveLimits>): Promise<Contents | undefined> {
  await using reader = await openArchive(path, limits);
  if (reader === undefined) return undefined;
  const contents: [string, string][] = [];
  for await (const entry of reader.entries()) {
    contents.push([entry.path, Buffer.from(await entry.read()).toString('latin1')]);
  }
  return contents;
}

/** A folder for the archives of one test file. */
export class Folder implements AsyncDisposable {
  readonly path: string;
  #count = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), 'archive-')));
  }

  /** Writes a file under a name that tells nothing of its content. */
  async write(bytes: Uint8Array): Promise<string> {
    const path = join(this.path, `file-${this.#count++}`);
    await writeFile(path, bytes);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** The bytes of a stream. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** A stream of `bytes` in chunks of these sizes, over and over; waits before each, so that timing differs too. */
export async function* inChunks(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length);
    if (turn % 3 === 0) await new Promise(setImmediate);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
