import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileError, syncFolder } from '#core';
import { fileExists, isFolder, isMissing, readSmallFile } from './files.ts';
import { decodeKey, encodeKey } from './key-name.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { StoreFiles } from './store-files.ts';

/** How many files a directory may hold before they move one level down. */
const SPLIT_ABOVE = 256;

/** A key, and the directory in which it was found. */
interface Entry {
  readonly key: string;
  readonly folder: string;
}

/**
 * Small files by key (ASCII letters, digits, `.`, `_`, `-`) that can be listed in byte order from any key on, at a cost
 * that does not grow with their number.
 *
 * It is a tree: a file is in the directory of a prefix of its key. When a directory holds too many, each file moves into
 * a subdirectory for its next character, `+` and the character. Files only move down, so a reader that searches from
 * the top down finds each one also while they move, and an interrupted move is harmless.
 */
export class SortedDirectory {
  readonly #root: string;
  readonly #files: StoreFiles;
  readonly #locks: KeyedLock;
  readonly #splitAbove: number;

  constructor(root: string, files: StoreFiles, locks: KeyedLock, splitAbove: number = SPLIT_ABOVE) {
    this.#root = root;
    this.#files = files;
    this.#locks = locks;
    this.#splitAbove = splitAbove;
  }

  /** The bytes of a key; undefined if it does not exist. */
  async read(key: string): Promise<Uint8Array | undefined> {
    for await (const folder of this.#path(key)) {
      const bytes = await readSmallFile(join(folder, encodeKey(key)));
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  }

  /** Writes the bytes of a key atomically, replacing existing ones. */
  async write(key: string, bytes: Uint8Array | string): Promise<void> {
    await this.#locks.run(this.#root, async () => {
      let folder = this.#root;
      let isNew = true;
      for await (const step of this.#path(key)) {
        folder = step;
        if (await fileExists(join(step, encodeKey(key)))) {
          isNew = false;
          break;
        }
      }
      await this.#files.write(join(folder, encodeKey(key)), bytes);
      if (isNew) await this.#split(folder, this.#depth(folder));
    });
  }

  /** Removes a key. False if it did not exist. */
  async delete(key: string): Promise<boolean> {
    return await this.#locks.run(this.#root, async () => {
      const folders: string[] = [];
      for await (const folder of this.#path(key)) folders.unshift(folder);
      let found = false;
      // Deepest first: a stale copy further down must not become visible when the one above it is removed.
      for (const folder of folders) found = (await this.#files.remove(join(folder, encodeKey(key)))) || found;
      for (const folder of folders) if (folder !== this.#root && !(await this.#files.removeEmpty(folder))) break;
      return found;
    });
  }

  /** The keys in byte order, only those after `after`. */
  async *keys(after = ''): AsyncGenerator<string> {
    for await (const { key } of this.entries(after)) yield key;
  }

  /** As `keys`, with the directory of each. */
  entries(after = ''): AsyncGenerator<Entry> {
    return this.#walk(this.#root, '', [], after);
  }

  /** The bytes of an entry, which may have moved since; undefined if it was removed. */
  async readEntry({ key, folder }: Entry): Promise<Uint8Array | undefined> {
    return (await readSmallFile(join(folder, encodeKey(key)))) ?? (await this.read(key));
  }

  /** The directories that may contain a key, from the top down. */
  async *#path(key: string): AsyncGenerator<string> {
    let folder = this.#root;
    yield folder;
    for (const character of key) {
      folder = join(folder, branch(character));
      if (!(await isFolder(folder))) return;
      yield folder;
    }
  }

  /** How many leading characters the keys of all files in a directory share. */
  #depth(folder: string): number {
    let depth = 0;
    for (let step = folder; step !== this.#root; step = dirname(step)) depth++;
    return depth;
  }

  async #split(folder: string, depth: number): Promise<void> {
    const { keys } = await readFolder(folder);
    if (keys.length <= this.#splitAbove) return;
    const targets = new Set<string>();
    for (const key of keys) {
      const character = key[depth];
      if (character === undefined) continue;
      const target = join(folder, branch(character));
      if (!targets.has(target)) await this.#files.makeFolder(target);
      targets.add(target);
      await this.#files.rename(join(folder, encodeKey(key)), join(target, encodeKey(key)));
    }
    for (const target of targets) {
      await syncFolder(target);
      await this.#split(target, depth + 1);
    }
    await syncFolder(folder);
  }

  /** Yields the entries in and below a directory, and those further up that belong there but were not moved down yet. */
  async *#walk(folder: string, prefix: string, above: readonly Entry[], after: string): AsyncGenerator<Entry> {
    const { keys, branches } = await readFolder(folder);
    const all = new Map(keys.map((key) => [key, { key, folder }]));
    for (const entry of above) all.set(entry.key, entry);
    const own = all.get(prefix);
    if (own !== undefined && prefix > after) yield own;
    const groups = new Map<string, Entry[]>([...branches].map((character) => [character, []]));
    for (const entry of all.values()) {
      if (!entry.key.startsWith(prefix) || entry.key === prefix) continue;
      const character = entry.key.charAt(prefix.length);
      const group = groups.get(character);
      if (group === undefined) groups.set(character, [entry]);
      else group.push(entry);
    }
    for (const character of [...groups.keys()].sort()) {
      const start = prefix + character;
      if (start < after.slice(0, start.length)) continue;
      const group = groups.get(character) ?? [];
      if (branches.has(character)) yield* this.#walk(join(folder, branch(character)), start, group, after);
      else yield* group.filter(({ key }) => key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
    }
  }
}

/** No key begins with `+`, so that no file can have the name of a subdirectory. */
function branch(character: string): string {
  return `+${encodeKey(character)}`;
}

async function readFolder(folder: string): Promise<{ keys: string[]; branches: Set<string> }> {
  const keys: string[] = [];
  const branches = new Set<string>();
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const key = decodeKey(entry.name.startsWith('+') ? entry.name.slice(1) : entry.name);
      if (key === undefined) continue;
      if (entry.isFile() && !entry.name.startsWith('+')) keys.push(key);
      else if (entry.isDirectory() && entry.name.startsWith('+')) branches.add(key);
    }
  } catch (error) {
    if (!isMissing(error)) throw fileError(error, folder);
  }
  return { keys, branches };
}
