import { constants, type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CodedError,
  type Digest,
  Digester,
  digestOf,
  fileError,
  hexOf,
  isCoded,
  makeFolder,
  syncFolder,
  syncIfSupported,
  writeFileDurable,
} from '#core';
import type { ByteStream, OperationOptions } from '#oci/image';
import type { Signer } from '#signing';
import { encodeSignature } from '../signatures.ts';
import {
  encodeFrame,
  encodePart,
  isOneKit,
  type PartsOfKit,
  partFileName,
  partFilePattern,
  partPaths,
  partsName,
} from './format.ts';
import { requireCut, sliceOf } from './geometry.ts';
import type { MirrorPart } from './mirror-part.generated.ts';
import { openPart } from './part-file.ts';

/** A kit that is to be written in parts. */
export interface PartsRequest extends Omit<PartsOfKit, 'parts'> {
  /** Of an Ed25519 key, whose signatures are the same each time; undefined for a kit that is not signed. */
  readonly signer: Signer | undefined;
  /** The tar of the kit from an offset on. */
  streamFrom(offset: number): ByteStream;
}

export interface WritePartsOptions extends OperationOptions {
  /** Numbers of the parts to write; all unless told. */
  readonly only?: readonly number[] | undefined;
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
}

/** What was written. */
export interface PartsReport {
  readonly parts: number;
  /** Numbers of the parts that were not there yet. */
  readonly written: readonly number[];
  readonly bytesWritten: number;
}

/**
 * Writes a kit in parts: each a tar with a slice of the tar of the kit and what it says of itself; last a list of all
 * files for sha256sum. A part that is there and undamaged is kept, so that a killed export goes on. A part has the same
 * bytes each time.
 *
 * @throws CodedError ERR_EXPORT_USAGE for sizes and numbers that cannot be, and where the directory has another kit
 */
export async function writeParts(
  request: PartsRequest,
  dir: string,
  options: WritePartsOptions = {},
): Promise<PartsReport> {
  return new PartsWriter(request, dir, options).run();
}

/** Ends the name of a part that is not whole yet. */
const UNFINISHED = '.part';
/** More than what comes after a slice has. */
const MAX_AFTER_BYTES = 65_536;

class PartsWriter {
  readonly #kit: PartsOfKit;
  readonly #sliceBytes: number;
  readonly #request: PartsRequest;
  readonly #dir: string;
  readonly #options: WritePartsOptions;
  readonly #name: string;
  /** Digests of the files of parts, by number. */
  readonly #digests = new Map<number, Digest>();

  constructor(request: PartsRequest, dir: string, options: WritePartsOptions) {
    const { kit, stream, sequence, checksums, tarBytes, partBytes } = request;
    const { sliceBytes, parts } = requireCut(tarBytes, partBytes);
    this.#kit = { kit, stream, sequence, checksums, tarBytes, partBytes, parts };
    this.#sliceBytes = sliceBytes;
    this.#request = request;
    this.#dir = dir;
    this.#options = options;
    this.#name = partsName(this.#kit);
  }

  async run(): Promise<PartsReport> {
    const { parts } = this.#kit;
    const wanted = this.#wanted();
    await this.#claim();
    const missing: number[] = [];
    for (const part of wanted) if (!(await this.#isThere(part))) missing.push(part);
    let bytesWritten = 0;
    for (const run of runsOf(missing)) bytesWritten += await this.#writeRun(run);
    if (this.#options.only === undefined) await this.#writeList();
    return { parts, written: missing, bytesWritten };
  }

  #wanted(): readonly number[] {
    const { parts } = this.#kit;
    const { only } = this.#options;
    const wanted = only ?? Array.from({ length: parts }, (_, i) => i + 1);
    const [beyond] = wanted.filter((part) => part > parts);
    if (beyond === undefined) return [...new Set(wanted)].sort((a, b) => a - b);
    throw new CodedError('ERR_EXPORT_USAGE', `--part ${beyond}: the kit has ${parts} parts`, {
      hint: `specify 1 to ${parts}; the size of parts has to be the same as before`,
    });
  }

  /** Other files may be there, as on most media, but nothing of another kit. */
  async #claim(): Promise<void> {
    await makeFolder(this.#dir);
    const names = await readdir(this.#dir).catch((error: unknown) => {
      throw fileError(error, this.#dir);
    });
    for (const name of names) {
      const isOther = partFilePattern.test(name) && !(await this.#isOwn(name));
      if (isOther || name === 'kit.json') throw this.#taken(name);
      if (name.startsWith(`${this.#name}-`) && name.endsWith(UNFINISHED)) {
        await rm(join(this.#dir, name), { force: true });
      }
    }
  }

  /** Whether a part is of this kit, cut alike; one that cannot be read may be. */
  async #isOwn(name: string): Promise<boolean> {
    if (!name.startsWith(`${this.#name}-`)) return false;
    try {
      const file = await openPart(join(this.#dir, name));
      await file.tar.close();
      return isOneKit(file.part, this.#kit);
    } catch (error) {
      if (isCoded(error, 'ERR_EXPORT_PART_INVALID', 'ERR_EXPORT_NOT_FOUND')) return true;
      throw error;
    }
  }

  #taken(name: string): CodedError {
    return new CodedError('ERR_EXPORT_USAGE', `${this.#dir}: it contains another kit: ${name}`, {
      hint: 'specify another directory for each kit and each size of parts',
      details: { path: this.#dir },
    });
  }

  #pathOf(part: number): string {
    return join(this.#dir, partFileName(this.#name, part));
  }

  /** Whether a part is there, byte for byte as it would be written. */
  async #isThere(part: number): Promise<boolean> {
    try {
      await (await openPart(this.#pathOf(part))).tar.close();
    } catch (error) {
      if (isCoded(error, 'ERR_EXPORT_PART_INVALID', 'ERR_EXPORT_NOT_FOUND')) return false;
      throw error;
    }
    return this.#isWhole(part);
  }

  /** Reads the file of a part, and notes its digest. */
  async #isWhole(part: number): Promise<boolean> {
    const { before } = await this.#frameOf(part, digestOf(new Uint8Array()));
    const end = before.length + this.#sliceOf(part).sizeBytes;
    const [slice, whole] = [new Digester(), new Digester()];
    const frame: Buffer[] = [];
    let at = 0;
    await using file = await open(this.#pathOf(part), 'r');
    if ((await file.stat()).size > end + MAX_AFTER_BYTES) return false;
    for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
      this.#options.signal?.throwIfAborted();
      const [from, to] = [Math.max(0, before.length - at), Math.max(0, end - at)];
      whole.update(chunk);
      slice.update(chunk.subarray(from, to));
      frame.push(chunk.subarray(0, from), chunk.subarray(to));
      at += chunk.length;
    }
    const expected = await this.#frameOf(part, slice.digest());
    this.#digests.set(part, whole.digest());
    return at >= end && Buffer.concat(frame).equals(Buffer.concat([before, expected.after]));
  }

  #sliceOf(part: number): { readonly offset: number; readonly sizeBytes: number } {
    const { tarBytes, parts } = this.#kit;
    return sliceOf({ sliceBytes: this.#sliceBytes, parts }, tarBytes, part);
  }

  async #frameOf(part: number, digest: Digest): Promise<Frame> {
    const { offset, sizeBytes } = this.#sliceOf(part);
    const described: MirrorPart = { formatVersion: 1, ...this.#kit, part, offset, sizeBytes, digest, recipients: [] };
    const bytes = encodePart(described);
    const rest = new Map<string, Uint8Array>([[partPaths.part, bytes]]);
    const { signer } = this.#request;
    if (signer !== undefined) rest.set(partPaths.signature, encodeSignature(await signer.sign(bytes)));
    return encodeFrame(sizeBytes, rest);
  }

  /** Writes parts that follow each other, all from one stream. @returns bytes of the tar that were written */
  async #writeRun(run: readonly number[]): Promise<number> {
    const offset = ((run[0] as number) - 1) * this.#sliceBytes;
    const stream = this.#request.streamFrom(offset)[Symbol.asyncIterator]();
    let rest: Uint8Array = new Uint8Array();
    let bytesWritten = 0;
    const take = async (most: number): Promise<Uint8Array> => {
      while (rest.byteLength === 0) {
        this.#options.signal?.throwIfAborted();
        const { done, value } = await stream.next();
        if (done === true) throw new TypeError('the tar of the kit is shorter than it was planned');
        rest = value;
      }
      const taken = rest.subarray(0, most);
      rest = rest.subarray(most);
      return taken;
    };
    try {
      for (const part of run) bytesWritten += await this.#writePart(part, take);
    } finally {
      await stream.return?.(undefined);
    }
    return bytesWritten;
  }

  async #writePart(part: number, take: (most: number) => Promise<Uint8Array>): Promise<number> {
    const path = this.#pathOf(part);
    const unfinished = `${path}${UNFINISHED}`;
    const { sizeBytes } = this.#sliceOf(part);
    try {
      const file = await open(
        unfinished,
        constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
        0o644,
      );
      try {
        this.#digests.set(part, await this.#writeContent(file, part, sizeBytes, take));
        await syncIfSupported(file.sync());
      } finally {
        await file.close();
      }
      await rename(unfinished, path);
      await syncFolder(this.#dir);
    } catch (error) {
      throw error instanceof Error && 'syscall' in error ? fileError(error, unfinished) : error;
    }
    return sizeBytes;
  }

  /** @returns the digest of the whole file */
  async #writeContent(
    file: FileHandle,
    part: number,
    sizeBytes: number,
    take: (most: number) => Promise<Uint8Array>,
  ): Promise<Digest> {
    const [slice, whole] = [new Digester(), new Digester()];
    let at = 0;
    const write = async (bytes: Uint8Array) => {
      whole.update(bytes);
      for (let done = 0; done < bytes.byteLength; ) {
        done += (await file.write(bytes, done, bytes.byteLength - done, at + done)).bytesWritten;
      }
      at += bytes.byteLength;
    };
    // What comes before the slice does not depend on it.
    await write((await this.#frameOf(part, digestOf(new Uint8Array()))).before);
    for (let left = sizeBytes; left > 0; ) {
      const bytes = await take(left);
      slice.update(bytes);
      await write(bytes);
      left -= bytes.byteLength;
      this.#options.onBytes?.(bytes.byteLength);
    }
    await write((await this.#frameOf(part, slice.digest())).after);
    return whole.digest();
  }

  /** All files as sha256sum reads them, and a signature of that. */
  async #writeList(): Promise<void> {
    const lines = [...this.#digests]
      .sort(([a], [b]) => a - b)
      .map(([part, digest]) => {
        return `${hexOf(digest)}  ${partFileName(this.#name, part)}\n`;
      });
    const list = Buffer.from(lines.join(''));
    const { signer } = this.#request;
    const path = join(this.#dir, `${this.#name}.sha256`);
    if (signer !== undefined) await writeChanged(`${path}.sig`, encodeSignature(await signer.sign(list)));
    await writeChanged(path, list);
  }
}

interface Frame {
  readonly before: Buffer;
  readonly after: Buffer;
}

/** Numbers that follow each other, together. */
function runsOf(numbers: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run?.at(-1) === number - 1) run.push(number);
    else runs.push([number]);
  }
  return runs;
}

async function writeChanged(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'r').catch(() => undefined);
  const found = file === undefined ? undefined : await file.readFile();
  if (found === undefined || !found.equals(bytes)) await writeFileDurable(path, bytes);
}
