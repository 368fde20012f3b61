import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, CodedError, type Descriptor, Digester, hexOf, syncFolder } from '#core';
import { isAlive, thisOwner } from './owner.ts';

/** What a pull that ended left (`.HEX.partial`), or a file that a pull is writing (`.HEX.OWNER.RANDOM.partial`). */
const FORM = /^\.([0-9a-f]{64,})\.(?:(.+)\.[0-9a-f]{18}\.)?partial$/;
const OPEN_FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** After so long without a write, a file whose writer cannot be judged from here counts as left behind. */
const ABANDONED_MS = 60 * 60 * 1000;

/** Whether a file of this name would be taken for one that a pull has under way. */
export function isPartialName(name: string): boolean {
  return FORM.test(name);
}

/** A file under way that nobody else writes: its bytes are those of its digester, or it never gets a name. */
export class PartialFile {
  readonly #folder: string;
  readonly #layer: Descriptor;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #digester: Digester;

  private constructor(folder: string, layer: Descriptor, path: string, file: FileHandle) {
    this.#folder = folder;
    this.#layer = layer;
    this.#path = path;
    this.#file = file;
    this.#digester = new Digester(algorithmOf(layer.digest));
  }

  /** A new, empty one. */
  static async create(folder: string, layer: Descriptor): Promise<PartialFile> {
    const path = privatePath(folder, layer);
    const file = await open(path, OPEN_FLAGS | constants.O_CREAT | constants.O_EXCL, 0o644);
    return new PartialFile(folder, layer, path, file);
  }

  /** One that begins with what was left; undefined where somebody else has it, or it is of no use. */
  static async takeOver(folder: string, layer: Descriptor, left: Leftover): Promise<PartialFile | undefined> {
    const path = privatePath(folder, layer);
    let file: FileHandle | undefined;
    try {
      // Of several that want it, one gets it. What somebody may still be writing is not taken from them.
      if (left.ended) await rename(left.path, path);
      else await copyFile(left.path, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      file = await open(path, OPEN_FLAGS);
      const found = await file.stat();
      if (!found.isFile() || found.nlink !== 1 || found.size > layer.size) throw new TypeError(`${path} is of no use`);
      const partial = new PartialFile(folder, layer, path, file);
      await partial.#read();
      return partial;
    } catch {
      // It would only have saved time.
      await file?.close();
      await rm(path, { force: true }).catch(() => undefined);
      return undefined;
    }
  }

  /** Bytes that it holds. */
  get size(): number {
    return this.#digester.size;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#file.writeFile(chunk);
    this.#digester.update(chunk);
  }

  /**
   * Gives it its name, durably, once it is known to be right.
   *
   * @throws CodedError ERR_EXPORT_DIGEST_MISMATCH
   */
  async moveTo(path: string): Promise<void> {
    const { size, digest: wanted } = this.#layer;
    const digest = this.#digester.digest();
    if (this.size !== size || digest !== wanted || (await this.#file.stat()).size !== size) {
      throw new CodedError(
        'ERR_EXPORT_DIGEST_MISMATCH',
        `${wanted}: what was fetched is ${digest}, ${this.size} bytes`,
        {
          hint: 'pull again; if it stays so, the registry or something on the way changes the content',
          details: { digest: wanted },
        },
      );
    }
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#path, path);
    await syncFolder(this.#folder);
  }

  /** Ends it without a name: what may be of use is left for the next pull. */
  async end(useful: boolean): Promise<void> {
    await this.#file.close().catch(() => undefined);
    const found = await lstat(this.#path).catch(() => undefined);
    if (useful && found !== undefined && found.size > 0) {
      const left = join(this.#folder, `.${hexOf(this.#layer.digest)}.partial`);
      await rename(this.#path, left).catch(() => undefined);
    }
    await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #read(): Promise<void> {
    const options = { start: 0, highWaterMark: 256 * 1024, autoClose: false };
    for await (const chunk of this.#file.createReadStream(options)) this.#digester.update(chunk as Uint8Array);
  }
}

/** The beginning of a file that an earlier pull fetched. */
interface Leftover {
  readonly path: string;
  readonly size: number;
  /** Who wrote it does so no more; otherwise that cannot be known from here. */
  readonly ended: boolean;
  /** Nobody needs it any more, as far as that can be told. */
  readonly abandoned: boolean;
}

/** What earlier pulls left in folders, each looked through once. */
export class Leftovers {
  readonly #names = new Map<string, Promise<string[]>>();

  /** Those of a layer, the largest first. Links, and what else can be no beginning of it, are removed. */
  async list(folder: string, layer: Descriptor): Promise<Leftover[]> {
    const found: Leftover[] = [];
    for (const name of await this.#partialsIn(folder)) {
      const [, hex, owner] = FORM.exec(name) ?? [];
      if (hex !== hexOf(layer.digest)) continue;
      const alive = owner === undefined ? false : isAlive(owner);
      const path = join(folder, name);
      const stats = await lstat(path).catch(() => undefined);
      if (alive === true || stats === undefined || stats.isDirectory()) continue;
      const usable = stats.isFile() && stats.nlink === 1 && stats.size > 0 && stats.size <= layer.size;
      const ended = alive === false;
      const abandoned = ended || stats.mtimeMs < Date.now() - ABANDONED_MS;
      if (usable) found.push({ path, size: stats.size, ended, abandoned });
      else if (abandoned) await rm(path, { force: true });
    }
    return found.sort((a, b) => b.size - a.size);
  }

  /** Removes those of a layer whose file is there. */
  async remove(folder: string, layer: Descriptor): Promise<void> {
    for (const { path, abandoned } of await this.list(folder, layer)) {
      if (abandoned) await rm(path, { force: true }).catch(() => undefined);
    }
  }

  #partialsIn(folder: string): Promise<string[]> {
    let names = this.#names.get(folder);
    if (names === undefined) {
      names = readdir(folder).then(
        (all) => all.filter(isPartialName),
        () => [],
      );
      this.#names.set(folder, names);
    }
    return names;
  }
}

function privatePath(folder: string, { digest }: Descriptor): string {
  return join(folder, `.${hexOf(digest)}.${thisOwner()}.${randomBytes(9).toString('hex')}.partial`);
}
