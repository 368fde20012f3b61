import { readPart, type SeekableFile } from '#core';
import { compressionOf, signatureBytes } from '../decompress.ts';
import { checkPath } from '../entry-path.ts';
import { invalid, overLimit, unsafe } from '../faults.ts';
import { admit } from './admit.ts';
import { EntryHeaders } from './entry-headers.ts';
import { FileBytes } from './file-bytes.ts';
import { BLOCK, isHeader, isZero, type TarHeader } from './header.ts';

/** Where a file's content lies in a tar, in bytes. */
export interface TarPlace {
  readonly offset: number;
  readonly size: number;
}

/** How the entries of a tar are taken. */
export interface TarPlacesOptions {
  /** Take a link within the tar for the file that it leads to, as docker archives have them; otherwise it is refused. */
  readonly followLinks?: boolean | undefined;
  /** Take an absolute name as one from the root of the tar, as some docker archives have them; otherwise it is refused. */
  readonly stripRoot?: boolean | undefined;
}

/** Links that lead to links. */
const MAX_HOPS = 16;
/** Files and links; each is kept in memory. */
const MAX_FILES = 1_000_000;
const MAX_ENTRIES = 4 * MAX_FILES;
/** Of the names of all files, in UTF-16 units. */
const MAX_NAMES_LENGTH = 256 * 1024 * 1024;

/**
 * Where the files of a plain tar lie, without reading their content.
 *
 * @param name what the tar is called in errors
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_LIMIT, ERR_EXPORT_ARCHIVE_UNSAFE for links,
 * devices, duplicates and paths that lead out
 */
export async function findTarFiles(
  file: SeekableFile,
  name: string,
  { followLinks = false, stripRoot = false }: TarPlacesOptions = {},
): Promise<Map<string, TarPlace>> {
  await requirePlainTar(file, name);
  const bytes = new FileBytes(file, name, (await file.stat()).size);
  const headers = new EntryHeaders(bytes, name);
  const places = new PlaceMap(name);
  for (let next = await headers.next(); next !== undefined; next = await headers.next()) {
    const header = stripRoot ? { ...next, name: next.name.replace(/^\/+/, '') } : next;
    if (followLinks && isLink(header)) places.addLink(checkPath(header.name, name), targetOf(header, name));
    else places.addEntry(admit(header, name), header, bytes.position);
  }
  return places.withLinks();
}

function isLink({ type }: TarHeader): boolean {
  return type === '1' || type === '2';
}

class PlaceMap {
  readonly #archive: string;
  readonly #places = new Map<string, TarPlace>();
  readonly #links = new Map<string, string>();
  #entries = 0;
  #namesLength = 0;

  constructor(archive: string) {
    this.#archive = archive;
  }

  addEntry(path: string, { type, size }: TarHeader, offset: number): void {
    if (type === '5') this.#count(0);
    else {
      this.#requireNew(path);
      this.#count(path.length);
      this.#places.set(path, { offset, size });
    }
  }

  addLink(path: string, target: string): void {
    this.#requireNew(path);
    this.#count(path.length + target.length);
    this.#links.set(path, target);
  }

  /** The files, and under the name of each link that leads to one the same place. */
  withLinks(): Map<string, TarPlace> {
    const followed = [...this.#links.keys()].map((path) => [path, this.#follow(path)] as const);
    for (const [path, place] of followed) if (place !== undefined) this.#places.set(path, place);
    return this.#places;
  }

  #follow(path: string): TarPlace | undefined {
    let at: string | undefined = path;
    for (let hops = 0; at !== undefined && hops < MAX_HOPS; hops++) {
      const place = this.#places.get(at);
      if (place !== undefined) return place;
      at = this.#links.get(at);
    }
    return undefined;
  }

  #requireNew(path: string): void {
    if (this.#places.has(path) || this.#links.has(path)) {
      throw unsafe(this.#archive, 'duplicate name in the archive', path);
    }
  }

  #count(length: number): void {
    this.#entries++;
    this.#namesLength += length;
    if (this.#places.size + this.#links.size >= MAX_FILES)
      throw overLimit(this.#archive, `more than ${MAX_FILES} files`);
    if (this.#entries > MAX_ENTRIES) throw overLimit(this.#archive, `more than ${MAX_ENTRIES} entries`);
    if (this.#namesLength > MAX_NAMES_LENGTH) {
      throw overLimit(this.#archive, `more than ${MAX_NAMES_LENGTH} characters of file names`);
    }
  }
}

async function requirePlainTar(file: SeekableFile, name: string): Promise<void> {
  const start = await readPart(file, Math.max(BLOCK, signatureBytes), 0);
  const compression = compressionOf(start);
  if (compression === 'gzip' || compression === 'zstd') {
    throw invalid(name, 'compressed; unpack it to a plain tar first');
  }
  if (start.length < BLOCK || !(isHeader(start) || isZero(start))) throw invalid(name, 'not a tar archive');
}

/** A symbolic link is relative to its folder, a hard link to the tar. */
function targetOf({ name, link, type }: TarHeader, archive: string): string {
  if (link.startsWith('/')) throw unsafe(archive, 'a link to an absolute path', name);
  const parts = type === '2' ? checkPath(name, archive).split('/').slice(0, -1) : [];
  for (const part of link.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw unsafe(archive, 'a link that escapes the archive', name);
  }
  return checkPath(parts.join('/'), archive);
}
