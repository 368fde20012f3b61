import fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setDefaultHighWaterMark } from 'node:stream';

/**
 * Loaded before the program: a file system that keeps to the letter of POSIX. Reads and writes end early, by odd
 * numbers of bytes that follow from UNKIND_SEED, folders are listed in no order, and streams come in small pieces.
 */
let state = Number(process.env['UNKIND_SEED']);
if (!Number.isSafeInteger(state)) throw new Error('UNKIND_SEED is no number');

/** A length from 1 to `most`, now small, now large (mulberry32). */
function shorter(most: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  const chance = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  const limit = chance < 0.1 ? 7 : chance < 0.5 ? 1021 : 65_537;
  return Math.max(1, Math.min(most, Math.ceil((chance * 10 * limit) % limit)));
}

type Transfer = (bytes: unknown, offset?: unknown, length?: unknown, position?: unknown) => Promise<unknown>;

function shortened(transfer: Transfer): Transfer {
  return function (this: FileHandle, bytes, offset, length, position) {
    if (!(bytes instanceof Uint8Array)) return transfer.call(this, bytes, offset, length, position);
    const told = typeof offset === 'object' && offset !== null ? (offset as Record<string, number>) : undefined;
    const from = told?.['offset'] ?? (typeof offset === 'number' ? offset : 0);
    const most = told?.['length'] ?? (typeof length === 'number' ? length : bytes.byteLength - from);
    const at = told === undefined ? position : told['position'];
    return transfer.call(this, bytes, from, most > 0 ? shorter(most) : most, at);
  };
}

const probe = await open(process.execPath);
const prototype = Object.getPrototypeOf(probe) as { read: Transfer; write: Transfer };
await probe.close();
prototype.read = shortened(prototype.read);
prototype.write = shortened(prototype.write);

const { readSync, readdirSync, createReadStream } = fs;
fs.readSync = ((descriptor: number, bytes: Uint8Array, offset: number, length: number, position: number | null) =>
  readSync(descriptor, bytes, offset, length > 0 ? shorter(length) : length, position)) as typeof fs.readSync;
fs.readdirSync = ((path: string, options: object) =>
  (readdirSync(path, options) as unknown[]).toReversed()) as unknown as typeof fs.readdirSync;
fs.createReadStream = ((path: string, options: object) =>
  createReadStream(path, { ...options, highWaterMark: 4093 })) as typeof fs.createReadStream;
setDefaultHighWaterMark(false, 1021);
syncBuiltinESMExports();
