import type { KeyObject } from 'node:crypto';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareText, type Digest, fileError, isCoded, isSystemError, readPart } from '#core';
import type { OperationOptions } from '#oci/image';
import { isSignedByAny } from '../signatures.ts';
import { partInvalid, partsFault } from './faults.ts';
import { isOneKit, type PartsOfKit, partPaths } from './format.ts';
import { JoinedFile } from './joined-file.ts';
import { isLocked, isUndamaged, openPart, type PartFile } from './part-file.ts';

/** How the check of parts is watched. */
export interface CheckOptions extends OperationOptions {
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
}

/** All parts of a kit, open. Close them when done. */
export class OpenParts {
  /** What they say of their kit. */
  readonly kit: PartsOfKit;
  /** The tar of the kit. */
  readonly joined: JoinedFile;
  readonly #files: readonly PartFile[];
  #checked = false;

  /** @param files all copies of all parts, in order */
  constructor(files: readonly [PartFile, ...PartFile[]]) {
    this.#files = files;
    this.kit = files[0].part;
    this.joined = new JoinedFile(files.filter(({ part }, i) => part.part !== files[i - 1]?.part.part));
  }

  /**
   * Reads all parts, and compares each with its digest.
   *
   * @throws CodedError ERR_EXPORT_PART_INVALID with the numbers of all that are damaged
   */
  async requireUndamaged(options: CheckOptions = {}): Promise<void> {
    if (this.#checked) return;
    const damaged = await damagedOf(this.#files, options);
    if (damaged.length > 0) throw partsFault(this.kit, [], damaged, []);
    this.#checked = true;
  }

  /** @throws CodedError ERR_EXPORT_PART_INVALID where one of these keys has not signed each part */
  requireSigned(keys: readonly KeyObject[]): void {
    for (const { path, part, bytes, signature } of this.#files) {
      if (signature !== undefined && isSignedByAny(keys, bytes, signature)) continue;
      const what = signature === undefined ? 'not signed' : 'not signed by the key that signed the kit';
      throw partInvalid(path, `part ${part.part} is ${what}`);
    }
  }

  /** @throws CodedError ERR_EXPORT_PART_INVALID where a part is signed, of a kit that is not */
  requireUnsigned(): void {
    for (const { path, part, signature } of this.#files) {
      if (signature !== undefined) throw partInvalid(path, `part ${part.part} is signed, but its kit is not`);
    }
  }

  /** @throws CodedError ERR_EXPORT_PART_INVALID where they are another kit than they say */
  requireKit(found: { readonly kit: Digest; readonly stream: string; readonly sequence: number }): void {
    const { kit, stream, sequence } = this.kit;
    if (found.kit === kit && found.stream === stream && found.sequence === sequence) return;
    throw partInvalid(this.name, `together they are kit ${found.kit}, but each says kit ${kit}`);
  }

  /** @throws CodedError ERR_EXPORT_PART_INVALID where they name another checksums.txt than the kit has */
  requireChecksums(digest: Digest): void {
    if (digest === this.kit.checksums) return;
    throw partInvalid(this.name, `the kit has another checksums.txt than the parts say, ${digest}`);
  }

  /** What the parts are called in messages. */
  get name(): string {
    return `parts of ${this.kit.stream}.${this.kit.sequence}`;
  }

  close(): Promise<void> {
    return closeAll(this.#files);
  }
}

/** What fails because bytes are not those that were written. */
const DAMAGE = [
  'ERR_EXPORT_ARCHIVE_INVALID',
  'ERR_EXPORT_ARCHIVE_UNSAFE',
  'ERR_EXPORT_JSON_INVALID',
  'ERR_EXPORT_SCHEMA',
  'ERR_EXPORT_KIT_INVALID',
  'ERR_EXPORT_KIT_INCOMPLETE',
  'ERR_EXPORT_MANIFEST_INVALID',
  'ERR_EXPORT_SIGNATURE_INVALID',
  'ERR_EXPORT_DIGEST_MISMATCH',
  'ERR_EXPORT_TUF_INVALID',
  'ERR_EXPORT_TUF_MISMATCH',
] as const;

/** Runs work on a kit; where its bytes are at fault, the error names the parts that are damaged, if any are. */
export async function namingDamaged<T>(parts: OpenParts | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isCoded(error, ...DAMAGE)) await parts?.requireUndamaged();
    throw error;
  }
}

async function closeAll(files: readonly PartFile[]): Promise<void> {
  for (const { tar } of files) await tar.close();
}

async function damagedOf(
  files: readonly PartFile[],
  options: CheckOptions,
): Promise<{ readonly part: number; readonly path: string }[]> {
  const damaged: { part: number; path: string }[] = [];
  for (const file of files) {
    if (!(await isUndamaged(file, options))) damaged.push({ part: file.part.part, path: file.path });
  }
  return damaged;
}

/**
 * Opens the parts of a kit, wherever they lie.
 *
 * @param paths files, and directories that hold parts beside whatever else
 * @returns undefined if the paths contain no parts
 * @throws CodedError ERR_EXPORT_PART_MISSING, ERR_EXPORT_PART_INVALID for parts of several kits, and for two that have one
 *   number and differ
 */
export async function openParts(paths: readonly string[], options: CheckOptions = {}): Promise<OpenParts | undefined> {
  const files: PartFile[] = [];
  const unreadable: string[] = [];
  try {
    for (const path of await candidatesIn(paths)) {
      try {
        files.push(await openPart(path));
      } catch (error) {
        if (!isCoded(error, 'ERR_EXPORT_PART_INVALID')) throw error;
        unreadable.push(error.message);
      }
    }
    files.sort((a, b) => a.part.part - b.part.part || compareText(a.path, b.path));
    const [first] = files;
    if (first === undefined && unreadable[0] === undefined) return undefined;
    if (first === undefined) throw partInvalid(paths.join(', '), `no readable part: ${unreadable.join('; ')}`);
    requireOneKit(files);
    await requireAll(files, first.part, unreadable, options);
    return new OpenParts([first, ...files.slice(1)]);
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

function requireOneKit(files: readonly PartFile[]): void {
  const [first] = files;
  for (const [i, file] of files.entries()) {
    if (first === undefined) return;
    if (!isOneKit(file.part, first.part)) {
      const what = `of kit ${file.part.kit}, cut at ${file.part.partBytes} bytes, but ${first.path} is of kit ${first.part.kit}, cut at ${first.part.partBytes}`;
      throw partInvalid(file.path, what);
    }
    const before = files[i - 1];
    if (before?.part.part !== file.part.part) continue;
    if (Buffer.from(before.bytes).equals(file.bytes)) continue;
    throw partInvalid(file.path, `part ${file.part.part} differs from ${before.path}, which has the same number`);
  }
}

/** Names all that has to be carried once more, and not what is missing alone. */
async function requireAll(
  files: readonly PartFile[],
  kit: PartsOfKit,
  unreadable: readonly string[],
  options: CheckOptions,
): Promise<void> {
  const found = new Set(files.map(({ part }) => part.part));
  const missing = Array.from({ length: kit.parts }, (_, i) => i + 1).filter((part) => !found.has(part));
  if (missing.length > 0) throw partsFault(kit, missing, await damagedOf(files, options), unreadable);
}

const MAX_CANDIDATES = 20_000;

/** The files that may be parts. */
async function candidatesIn(paths: readonly string[]): Promise<string[]> {
  const candidates = new Set<string>();
  for (const path of paths) {
    for (const each of await filesAt(path)) if (await mayBePart(each)) candidates.add(each);
    if (candidates.size > MAX_CANDIDATES) throw partInvalid(path, `more than ${MAX_CANDIDATES} parts`);
  }
  return [...candidates];
}

async function filesAt(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => /\.tar(?:\.age)?$/i.test(name)).sort(compareText);
    return names.map((name) => join(path, name));
  } catch (error) {
    throw fileError(error, path);
  }
}

/** By its first entry, which is the bytes of the kit, after a pax header where they are many. */
async function mayBePart(path: string): Promise<boolean> {
  if (isLocked(path)) return true;
  let file: FileHandle;
  try {
    if (!(await stat(path)).isFile()) return false;
    file = await open(path, 'r');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw fileError(error, path);
  }
  try {
    const head = (await readPart(file, 2048, 0)).toString('latin1');
    const begin = `${partPaths.data}\0`;
    return head.startsWith(begin) || (head.startsWith('pax\0') && head.startsWith(begin, 1024));
  } finally {
    await file.close();
  }
}
