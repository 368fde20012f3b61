import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  algorithmOf,
  CodedError,
  type Descriptor,
  type Digest,
  Digester,
  hexOf,
  isAlive,
  syncIfSupported,
  thisOwner,
} from '#core';
import type { ReceivingFile } from '#oci/image';
import { openOnThread, type ThreadedFile, threadBytes } from '#oci/layout';
import { digestOfFile, isOwn } from './existing.ts';
import type { OutputFolder } from './output-folder.ts';

/** What a pull that ended left (`.HEX.partial`), or a file that a pull is writing (`.HEX.OWNER.RANDOM.partial`). */
const FORM = /^\.([0-9a-f]{64,128})\.(?:(.+)\.[0-9a-f]{18}\.)?partial$/;
const OPEN_FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS = OPEN_FLAGS | constants.O_CREAT | constants.O_EXCL;
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK_BYTES = 256 * 1024;
/** After so long without a write, a file whose writer cannot be judged from here counts as left behind. */
const ABANDONED_MS = 60 * 60 * 1000;

/** Whether a file of this name would be taken for one that a pull has under way. */
export function isPartialName(name: string): boolean {
  return FORM.test(name);
}

/** A file under way that nobody else writes: its bytes are those of its digester, or it never gets a name. */
export class PartialFile {
  readonly #folder: OutputFolder;
  readonly #layer: Descriptor;
  readonly #name: string;
  readonly #file: FileHandle;
  readonly #digester: Digester;
  /** Where another thread writes and hashes it. */
  #threaded: ThreadedFile | undefined;
  #size = 0;
  #digest: Promise<Digest> | undefined;

  private constructor(folder: OutputFolder, layer: Descriptor, name: string, file: FileHandle) {
    this.#folder = folder;
    this.#layer = layer;
    this.#name = name;
    this.#file = file;
    this.#digester = new Digester(algorithmOf(layer.digest));
  }

  /** A new, empty one. */
  static async create(folder: OutputFolder, layer: Descriptor): Promise<PartialFile> {
    const name = privateName(layer);
    return new PartialFile(folder, layer, name, await open(folder.at(name), CREATE_FLAGS, 0o644));
  }

  /** One that begins with what was left; undefined where somebody else has it, or it is of no use. */
  static async takeOver(folder: OutputFolder, layer: Descriptor, left: Leftover): Promise<PartialFile | undefined> {
    const name = privateName(layer);
    let file: FileHandle | undefined;
    try {
      // Of several that want it, one gets it. What somebody may still be writing is not taken from them.
      if (left.ended) await rename(folder.at(left.name), folder.at(name));
      else await copyInto(folder, left.name, name);
      file = await open(folder.at(name), OPEN_FLAGS);
      const found = await file.stat();
      if (!found.isFile() || !isOwn(found) || found.size > layer.size) throw new TypeError(`${name} is of no use`);
      const partial = new PartialFile(folder, layer, name, file);
      await partial.#read();
      return partial;
    } catch {
      // It would only have saved time.
      await file?.close();
      await rm(folder.at(name), { force: true }).catch(() => undefined);
      return undefined;
    }
  }

  /** Bytes that it holds. */
  get size(): number {
    return this.#size;
  }

  /** Has another thread write and hash what comes, where the layer is large and none of it is there. */
  async writeOnThread(): Promise<ReceivingFile | undefined> {
    if (this.#layer.size < threadBytes || this.#size > 0) return undefined;
    this.#threaded = await openOnThread(this.#file.fd, true);
    await this.#threaded?.hash(algorithmOf(this.#layer.digest));
    return this.#threaded;
  }

  /** The chunk may be reused afterwards. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#threaded !== undefined) await this.#threaded.write(chunk);
    else {
      await this.#file.writeFile(chunk);
      this.#digester.update(chunk);
    }
    this.#size += chunk.byteLength;
  }

  /** The digest of what it holds, after which nothing more is written. */
  digest(): Promise<Digest> {
    this.#digest ??= this.#threaded?.digest() ?? Promise.resolve(this.#digester.digest());
    return this.#digest;
  }

  /**
   * Makes sure that it holds what it should.
   *
   * @throws CodedError ERR_EXPORT_DIGEST_MISMATCH
   */
  async check(): Promise<void> {
    const { size, digest: wanted } = this.#layer;
    const digest = await this.digest();
    if (this.size === size && digest === wanted && (await this.#file.stat()).size === size) return;
    throw new CodedError(
      'ERR_EXPORT_DIGEST_MISMATCH',
      `${wanted}: the fetched content is ${digest}, ${this.size} bytes`,
      {
        hint: 'pull again; if it persists, the registry or a proxy changes the content',
        details: { digest: wanted },
      },
    );
  }

  /** What it holds, from its start, as often as it is asked for. */
  async *content(): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; ) {
      const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /**
   * Gives it its name, durably. Whatever had the name before, a link too, is replaced.
   *
   * @param executable whether it may be run
   * @throws CodedError ERR_EXPORT_IO where another file has the name afterwards
   */
  async moveTo(name: string, executable = false): Promise<void> {
    if (executable) await this.#file.chmod(0o755);
    await syncIfSupported(this.#threaded?.sync() ?? this.#file.sync());
    await rename(this.#folder.at(this.#name), this.#folder.at(name));
    const own = await this.#file.stat({ bigint: true });
    const found = await lstat(this.#folder.at(name), { bigint: true }).catch(() => undefined);
    await this.#close();
    const isThere = found?.dev === own.dev && found.ino === own.ino;
    // Another pull of the same may have come right after this one.
    if (!isThere && (await digestOfFile(this.#folder, name, this.#layer, { stay: false })) !== this.#layer.digest) {
      const path = join(this.#folder.path, name);
      throw new CodedError('ERR_EXPORT_IO', `${path}: another process replaced the file during the pull`, {
        hint: 'pull into a directory that nobody else may write to',
        details: { path },
      });
    }
    await this.#folder.sync();
  }

  /** Ends it without a name: what may be of use is left for the next pull. */
  async end(useful: boolean): Promise<void> {
    await this.#close().catch(() => undefined);
    const found = await lstat(this.#folder.at(this.#name)).catch(() => undefined);
    if (useful && found !== undefined && found.size > 0) {
      const left = this.#folder.at(`.${hexOf(this.#layer.digest)}.partial`);
      await rename(this.#folder.at(this.#name), left).catch(() => undefined);
    }
    await rm(this.#folder.at(this.#name), { force: true }).catch(() => undefined);
  }

  async #read(): Promise<void> {
    for await (const chunk of this.content()) {
      this.#digester.update(chunk);
      this.#size += chunk.byteLength;
    }
  }

  /** Until the other thread is done with it, its descriptor must not be that of another file. */
  async #close(): Promise<void> {
    await this.#threaded?.end();
    await this.#file.close();
  }
}

/** The beginning of a file that an earlier pull fetched. */
interface Leftover {
  readonly name: string;
  readonly size: number;
  /** This user's, and who wrote it does so no more; otherwise that cannot be known from here. */
  readonly ended: boolean;
  /** Nobody needs it any more, as far as that can be told. */
  readonly abandoned: boolean;
}

/** What earlier pulls left in folders, each looked through once. */
export class Leftovers {
  readonly #names = new Map<string, Promise<string[]>>();

  /** Those of a layer, the largest first. Links, and what else can be no beginning of it, are removed. */
  async list(folder: OutputFolder, layer: Descriptor): Promise<Leftover[]> {
    const found: Leftover[] = [];
    for (const name of await this.#partialsIn(folder)) {
      const [, hex, owner] = FORM.exec(name) ?? [];
      if (hex !== hexOf(layer.digest)) continue;
      const alive = owner === undefined ? false : isAlive(owner);
      const stats = await lstat(folder.at(name)).catch(() => undefined);
      if (alive === true || stats === undefined || stats.isDirectory()) continue;
      const usable = stats.isFile() && stats.nlink === 1 && stats.size > 0 && stats.size <= layer.size;
      const ended = alive === false && isOwn(stats);
      const abandoned = alive === false || stats.mtimeMs < Date.now() - ABANDONED_MS;
      if (usable) found.push({ name, size: stats.size, ended, abandoned });
      else if (abandoned) await rm(folder.at(name), { force: true });
    }
    return found.sort((a, b) => b.size - a.size);
  }

  /** Removes those of a layer whose file is there. */
  async remove(folder: OutputFolder, layer: Descriptor): Promise<void> {
    for (const { name, abandoned } of await this.list(folder, layer)) {
      if (abandoned) await rm(folder.at(name), { force: true }).catch(() => undefined);
    }
  }

  #partialsIn(folder: OutputFolder): Promise<string[]> {
    let names = this.#names.get(folder.path);
    if (names === undefined) {
      names = folder.names().then(
        (all) => all.filter(isPartialName),
        () => [],
      );
      this.#names.set(folder.path, names);
    }
    return names;
  }
}

/** Copies a file of somebody else's, which may change meanwhile; no link is followed. */
async function copyInto(folder: OutputFolder, from: string, to: string): Promise<void> {
  await using source = await open(folder.at(from), READ_FLAGS);
  if (!(await source.stat()).isFile()) throw new TypeError(`${from} is not a file`);
  await using target = await open(folder.at(to), CREATE_FLAGS, 0o644);
  const stream = source.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false });
  for await (const chunk of stream) await target.writeFile(chunk as Uint8Array);
}

function privateName({ digest }: Descriptor): string {
  return `.${hexOf(digest)}.${thisOwner()}.${randomBytes(9).toString('hex')}.partial`;
}
