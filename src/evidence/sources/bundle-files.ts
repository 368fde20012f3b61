import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '#core';
import { bundleDamaged, unreadable } from './faults.ts';
import { readChunks } from './read-file.ts';

const CHECKSUMS = 'checksums.txt';
/** Present in every bundle, and listed by its checksums. */
const MANIFEST = 'export.json';
/** Far more than the thousand files of a bundle need. */
const MAX_BYTES = 4 * 1024 * 1024;
const LINE = /^([0-9a-f]{64}) {2}([^\\\n]+)$/;

/** The files of a pulled bundle: its checksums.txt lists all of them but itself. */
export class BundleFiles {
  readonly #root: string;
  readonly #listed: ReadonlyMap<string, string>;
  readonly #seen = new Set<string>();

  private constructor(root: string, listed: ReadonlyMap<string, string>) {
    this.#root = root;
    this.#listed = listed;
  }

  /**
   * The files that a folder's checksums.txt lists; undefined for a folder that holds no bundle.
   *
   * @throws CodedError ERR_EXPORT_DIGEST_MISMATCH for a damaged list, ERR_EXPORT_SOURCE_UNREADABLE
   */
  static in(root: string): BundleFiles | undefined {
    const path = join(root, CHECKSUMS);
    const text = readSmall(path);
    if (text === undefined) return undefined;
    const lines = text.split('\n').filter((line) => line !== '');
    const found = lines.map((line) => LINE.exec(line));
    if (!found.some((match) => match?.[2] === MANIFEST)) return undefined;
    const wrong = found.indexOf(null);
    if (wrong >= 0) throw bundleDamaged(path, `line ${wrong + 1} is not a checksum and a file name`);
    return new BundleFiles(root, new Map(found.map((match) => [match?.[2] as string, match?.[1] as string])));
  }

  /** Why a file is not read; undefined for one that is listed. */
  reasonToPassOver(name: string): string | undefined {
    if (name === CHECKSUMS) return 'the checksums of this bundle';
    return this.#listed.has(name) ? undefined : `not listed in the ${CHECKSUMS} of this bundle`;
  }

  /**
   * Compares a listed file with its checksum.
   *
   * @throws CodedError ERR_EXPORT_DIGEST_MISMATCH, ERR_EXPORT_SOURCE_UNREADABLE
   */
  async check(name: string): Promise<void> {
    const path = join(this.#root, name);
    const digest = createHash('sha256');
    for await (const chunk of readChunks(path, constants.O_RDONLY | constants.O_NOFOLLOW)) digest.update(chunk);
    if (digest.digest('hex') !== this.#listed.get(name)) {
      throw bundleDamaged(path, `its SHA-256 differs from the one in ${CHECKSUMS}`);
    }
    this.#seen.add(name);
  }

  /** @throws CodedError ERR_EXPORT_DIGEST_MISMATCH where a listed file was not met */
  end(): void {
    for (const name of this.#listed.keys()) {
      if (!this.#seen.has(name)) throw bundleDamaged(join(this.#root, name), `listed in ${CHECKSUMS} but missing`);
    }
  }
}

/** The text of a file; undefined if there is none, or a larger one. */
function readSmall(path: string): string | undefined {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = fstatSync(file);
      return found.isFile() && found.size <= MAX_BYTES ? readFileSync(file, 'utf8') : undefined;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ELOOP')) return undefined;
    throw unreadable(path, error);
  }
}
