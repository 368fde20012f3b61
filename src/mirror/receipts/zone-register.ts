import type { KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CodedError,
  compareText,
  FolderGuard,
  fileError,
  isSystemError,
  linkRefused,
  readPart,
  withLock,
  writeFileDurable,
} from '#core';
import { encodePublicKey, keyidOf, parsePublicKey } from '#signing';
import { kitFault } from '../faults.ts';
import { maxReceiptBytes } from './receipt.ts';
import { isZoneName } from './zone-names.ts';

/** A zone whose receipts are accepted. */
export interface Zone {
  readonly name: string;
  /** Ed25519. */
  readonly key: KeyObject;
}

const KEY_FILE = 'zone.pub';
const RECEIPT_FILE = /^[a-z0-9-]{1,64}\.dsse\.json$/;
const MAX_KEY_BYTES = 64 * 1024;
const MAX_ZONES = 1000;
const NEXT =
  'export-center mirror zone list SPEC shows the zones; export-center mirror zone add SPEC NAME --key PUB adds one';

/** The zones of a mirror in a directory: for each a folder with its key, and its newest receipt by stream. */
export class ZoneRegister {
  readonly dir: string;
  readonly #guard: FolderGuard;

  constructor(dir: string) {
    this.dir = dir;
    this.#guard = new FolderGuard(dir);
  }

  /** Runs `work` while no other process changes the zones. @throws CodedError ERR_EXPORT_LOCKED */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return withLock(join(this.dir, '.lock'), { guard: this.#guard }, work);
  }

  /** All zones, by name. @throws CodedError ERR_EXPORT_KEY_INVALID for a damaged one */
  async zones(): Promise<readonly Zone[]> {
    const zones: Zone[] = [];
    for (const name of await this.#names()) {
      const path = join(this.dir, name, KEY_FILE);
      const pem = await readSmall(path, MAX_KEY_BYTES);
      // A folder without a key is what a removal that was killed has left.
      if (pem === undefined) continue;
      if (zones.length === MAX_ZONES) throw kitFault('ERR_EXPORT_TOO_LARGE', this.dir, `more than ${MAX_ZONES} zones`);
      zones.push({ name, key: parsePublicKey(Buffer.from(pem).toString(), path, ['ed25519']) });
    }
    return zones;
  }

  /** @throws CodedError ERR_EXPORT_ZONE_UNKNOWN */
  async zone(name: string): Promise<Zone> {
    const found = (await this.zones()).find((zone) => zone.name === name);
    if (found !== undefined) return found;
    throw kitFault('ERR_EXPORT_ZONE_UNKNOWN', this.dir, `no zone ${name}`, NEXT);
  }

  /**
   * Makes a zone known. Receipts that it had sent under another key are gone with that key.
   *
   * @returns false where it is known already
   * @throws CodedError ERR_EXPORT_ZONE_EXISTS where the name has another key, or the key another name
   */
  async add({ name, key }: Zone): Promise<boolean> {
    const keyid = keyidOf(key);
    for (const other of await this.zones()) {
      const isSameKey = keyidOf(other.key) === keyid;
      if (other.name === name && isSameKey) return false;
      if (other.name !== name && !isSameKey) continue;
      const what = isSameKey ? `this is the key of zone ${other.name}` : `zone ${name} has another key`;
      const hint = isSameKey
        ? 'use a key of its own for each zone'
        : `to change its key, remove it first: export-center mirror zone remove SPEC ${name}`;
      throw kitFault('ERR_EXPORT_ZONE_EXISTS', this.dir, what, hint);
    }
    await this.#clear(name);
    await this.#write(name, KEY_FILE, Buffer.from(encodePublicKey(key)));
    return true;
  }

  /** Forgets a zone and its receipts. @throws CodedError ERR_EXPORT_ZONE_UNKNOWN */
  async remove(name: string): Promise<void> {
    await this.zone(name);
    await this.#clear(name);
    await this.#guard
      .at(join(this.dir, name), (own) => rmdir(own))
      .catch((error: unknown) => {
        // What is not ours stays.
        if (!isSystemError(error, 'ENOTEMPTY', 'EEXIST')) throw fileError(error, join(this.dir, name));
      });
  }

  /** The newest receipt of a zone for a stream, as it was recorded. @returns undefined if it does not exist */
  readReceipt(zone: string, stream: string): Promise<Uint8Array | undefined> {
    return readSmall(this.receiptPath(zone, stream), maxReceiptBytes);
  }

  receiptPath(zone: string, stream: string): string {
    return join(this.dir, zone, `${stream}.dsse.json`);
  }

  writeReceipt(zone: string, stream: string, bytes: Uint8Array): Promise<void> {
    return this.#write(zone, `${stream}.dsse.json`, bytes);
  }

  async #write(zone: string, name: string, bytes: Uint8Array): Promise<void> {
    const folder = join(this.dir, zone);
    await this.#guard.makeFolder(folder);
    await this.#guard.within(folder, (own) => writeFileDurable(join(own, name), bytes));
  }

  /** Deletes the files of a zone: its key first, without which it is not known any more. */
  async #clear(zone: string): Promise<void> {
    const folder = join(this.dir, zone);
    const names = (await readNames(folder)).filter((name) => name === KEY_FILE || RECEIPT_FILE.test(name));
    for (const name of names.sort((a, b) => Number(b === KEY_FILE) - Number(a === KEY_FILE))) {
      await this.#guard.at(join(folder, name), (own) => rm(own, { force: true }));
    }
  }

  async #names(): Promise<string[]> {
    return (await readNames(this.dir)).filter(isZoneName).sort(compareText);
  }
}

async function readNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw fileError(error, folder);
  }
}

/** A pipe is not waited for, and no link is followed. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A whole file. @returns undefined if it does not exist */
async function readSmall(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(path, READ_FLAGS);
    const stats = await file.stat();
    if (!stats.isFile()) throw kitFault('ERR_EXPORT_IO', path, 'not a regular file', 'find out who put it there');
    if (stats.size > maxBytes) throw kitFault('ERR_EXPORT_TOO_LARGE', path, `${stats.size} bytes`, 'restore the file');
    return new Uint8Array(await readPart(file, stats.size, 0));
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (isSystemError(error, 'ELOOP')) throw linkRefused(path);
    throw error instanceof CodedError ? error : fileError(error, path);
  }
}
