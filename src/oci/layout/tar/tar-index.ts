import type { FileHandle } from 'node:fs/promises';
import { compressionOf, signatureBytes } from '#archive';
import { CodedError, readPart, trimEndOf } from '#core';

/** Where a file's content lies in a tar, in bytes. */
export interface TarPlace {
  readonly offset: number;
  readonly size: number;
}

/** How the entries of a tar are taken. */
export interface TarOptions {
  /** Take a link within the tar for the file that it leads to, as docker archives have them; otherwise it is refused. */
  readonly followLinks?: boolean | undefined;
}

const BLOCK = 512;
/** Links that lead to links. */
const MAX_HOPS = 16;
const MAX_ENTRIES = 1_000_000;
/** Folders, extended headers and files together. */
const MAX_HEADERS = 4 * MAX_ENTRIES;
/** Of a pax header or a long name. */
const MAX_EXTENSION_BYTES = 64 * 1024;
/** Before one file: a pax header, a global one, a long name, and room for writers that repeat one. */
const MAX_EXTENSIONS_IN_A_ROW = 16;
/** Of the names of all files, in UTF-16 units. */
const MAX_NAMES_LENGTH = 256 * 1024 * 1024;

/**
 * Where the files of a tar lie, without reading their content. Reads ustar with the extensions of pax and GNU for long
 * names and large files (POSIX.1-2017 pax, "pax Header Block").
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE for links, devices and paths that lead out
 */
export async function indexTar(
  file: FileHandle,
  name: string,
  options: TarOptions = {},
): Promise<Map<string, TarPlace>> {
  if (await isCompressed(file)) throw invalid(name, 'compressed; unpack it to a plain tar first');
  const scan = new TarScan(file, name, (await file.stat()).size, options.followLinks ?? false);
  const places = new Map<string, TarPlace>();
  const links = new Map<string, string>();
  let namesLength = 0;
  for await (const { path, place } of scan.files()) {
    if (places.has(path) || links.has(path)) throw invalid(name, `duplicate entry ${JSON.stringify(path)}`);
    if (places.size + links.size >= MAX_ENTRIES) throw invalid(name, `more than ${MAX_ENTRIES} files`);
    namesLength += path.length + (typeof place === 'string' ? place.length : 0);
    if (namesLength > MAX_NAMES_LENGTH) throw invalid(name, `more than ${MAX_NAMES_LENGTH} characters of file names`);
    if (typeof place === 'string') links.set(path, place);
    else places.set(path, place);
  }
  const followed = [...links.keys()].map((path) => [path, follow(path, places, links)] as const);
  for (const [path, place] of followed) if (place !== undefined) places.set(path, place);
  return places;
}

/** Where a link leads in the end; undefined where to nothing. */
function follow(
  path: string,
  places: ReadonlyMap<string, TarPlace>,
  links: ReadonlyMap<string, string>,
): TarPlace | undefined {
  let at: string | undefined = path;
  for (let hops = 0; at !== undefined && hops < MAX_HOPS; hops++) {
    const place = places.get(at);
    if (place !== undefined) return place;
    at = links.get(at);
  }
  return undefined;
}

async function isCompressed(file: FileHandle): Promise<boolean> {
  const compression = compressionOf(await readPart(file, signatureBytes, 0));
  return compression === 'gzip' || compression === 'zstd';
}

/** What a header says that goes before that of a file. */
interface Extended {
  path?: string;
  size?: number;
  link?: string;
}

interface Header {
  readonly path: string;
  /** What a link leads to. */
  readonly link: string;
  readonly size: number;
  readonly type: string;
}

class TarScan {
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #end: number;
  readonly #followLinks: boolean;
  #at = 0;
  #headers = 0;

  constructor(file: FileHandle, name: string, end: number, followLinks: boolean) {
    this.#followLinks = followLinks;
    this.#file = file;
    this.#name = name;
    this.#end = end;
  }

  /** The files, and for links that are followed the path that each leads to. */
  async *files(): AsyncGenerator<{ path: string; place: TarPlace | string }> {
    for (let header = await this.#next(); header !== undefined; header = await this.#next()) {
      const { size, type } = header;
      const path = this.#safePath(header.path);
      if (type === '5') continue;
      if (this.#followLinks && (type === '1' || type === '2')) {
        yield { path, place: this.#targetOf(path, header.link, type) };
        continue;
      }
      if (type !== '0' && type !== '\0' && type !== '7') {
        throw new CodedError(
          'ERR_EXPORT_ARCHIVE_UNSAFE',
          `${this.#name}: ${JSON.stringify(path)} is not a regular file`,
          {
            hint: 'recreate the archive from a layout of regular files',
            details: { name: this.#name, path },
          },
        );
      }
      const place = { offset: this.#at, size };
      this.#skip(size);
      yield { path, place };
    }
  }

  /** The next header that is not an extended one, with what the extended ones before it change. */
  async #next(): Promise<Header | undefined> {
    let extended: Extended = {};
    for (let count = 0; count <= MAX_EXTENSIONS_IN_A_ROW; count++) {
      const header = await this.#header();
      if (header === undefined || !'xgLK'.includes(header.type)) return header && { ...header, ...extended };
      const content = await this.#extension(header);
      // `g` sets what holds for all; nothing that matters here can.
      if (header.type === 'x') extended = { ...extended, ...parsePax(content, this.#name) };
      if (header.type === 'K') extended = { ...extended, link: trimEndOf(content.toString('utf8'), '\0') };
      if (header.type === 'L') extended = { ...extended, path: trimEndOf(content.toString('utf8'), '\0') };
    }
    throw invalid(this.#name, `more than ${MAX_EXTENSIONS_IN_A_ROW} extended headers before one file`);
  }

  async #header(): Promise<Header | undefined> {
    if (this.#at + BLOCK > this.#end) {
      if (this.#at === this.#end && this.#at > 0) return undefined;
      throw invalid(this.#name, this.#at === 0 ? 'not a tar archive' : 'ends inside a header');
    }
    if (++this.#headers > MAX_HEADERS) throw invalid(this.#name, `more than ${MAX_HEADERS} headers`);
    const block = await this.#read(this.#at, BLOCK);
    this.#at += BLOCK;
    if (block.every((byte) => byte === 0)) return undefined;
    const stored = parseOctal(block.subarray(148, 156));
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (stored !== sum) throw invalid(this.#name, `invalid header at byte ${this.#at - BLOCK}`);
    const prefix = text(block.subarray(257, 262)) === 'ustar' ? text(block.subarray(345, 500)) : '';
    const base = text(block.subarray(0, 100));
    const size = parseSize(block.subarray(124, 136));
    if (size === undefined) throw invalid(this.#name, `invalid size in the header at byte ${this.#at - BLOCK}`);
    const link = text(block.subarray(157, 257));
    return { path: prefix === '' ? base : `${prefix}/${base}`, link, size, type: String.fromCharCode(block[156] ?? 0) };
  }

  async #extension(header: Header): Promise<Buffer> {
    if (header.size > MAX_EXTENSION_BYTES) throw invalid(this.#name, 'an extended header of over 64 KiB');
    const bytes = await this.#read(this.#at, header.size);
    this.#skip(header.size);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #skip(size: number): void {
    this.#at += Math.ceil(size / BLOCK) * BLOCK;
    if (this.#at - (Math.ceil(size / BLOCK) * BLOCK - size) > this.#end)
      throw invalid(this.#name, 'ends inside a file');
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await readPart(this.#file, length, offset);
    if (bytes.byteLength !== length) throw invalid(this.#name, 'ends inside a file');
    return bytes;
  }

  /** A symbolic link is relative to its folder, a hard link to the tar. */
  #targetOf(path: string, link: string, type: string): string {
    const parts = type === '2' ? path.split('/').slice(0, -1) : [];
    for (const part of link.split('/')) {
      if (part === '' || part === '.') continue;
      if (part !== '..') parts.push(part);
      // One that leads out is refused as such a path is.
      else if (parts.pop() === undefined) return this.#safePath(`../${link}`);
    }
    return link.startsWith('/') ? this.#safePath(link) : this.#safePath(parts.join('/'));
  }

  #safePath(path: string): string {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (path.startsWith('/') || parts.includes('..') || path.includes('\0')) {
      throw new CodedError('ERR_EXPORT_ARCHIVE_UNSAFE', `${this.#name}: ${JSON.stringify(path)} escapes the archive`, {
        hint: 'do not use this archive; ask who made it',
        details: { name: this.#name, path },
      });
    }
    return parts.join('/');
  }
}

/** Records `LENGTH KEY=VALUE LF`, the length in bytes and of the whole record. */
function parsePax(bytes: Buffer, name: string): Extended {
  const found: Extended = {};
  for (let at = 0; at < bytes.length; ) {
    const digits = /^(\d{1,6}) /.exec(bytes.toString('latin1', at, at + 7))?.[1] ?? '';
    const end = at + Number(digits);
    const [start, equals] = [at + digits.length + 1, bytes.indexOf('=', at)];
    if (bytes[end - 1] !== 0x0a || equals <= start || equals >= end) throw invalid(name, 'a broken pax header');
    const key = bytes.toString('utf8', start, equals);
    const value = bytes.toString('utf8', equals + 1, end - 1);
    if (key === 'path') found.path = value;
    if (key === 'linkpath') found.link = value;
    if (key === 'size' && /^\d{1,15}$/.test(value)) found.size = Number(value);
    at = end;
  }
  return found;
}

function parseSize(field: Uint8Array): number | undefined {
  // GNU writes what twelve octal digits cannot hold as a big-endian number after 0x80.
  if (field[0] === 0x80) {
    const size = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    return Number.isSafeInteger(size) ? size : undefined;
  }
  return parseOctal(field);
}

function parseOctal(field: Uint8Array): number | undefined {
  const digits = text(field).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('utf8');
}

function invalid(name: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_ARCHIVE_INVALID', `${name}: ${what}`, {
    hint: 'check that this is a tar of an OCI layout, and that it is complete',
    details: { name },
  });
}
