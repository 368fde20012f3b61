import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { forgeTar } from '../archive/tar-forge.ts';
import { forgeZip } from '../archive/zip-forge.ts';
import { readJson } from '../core/read-json.ts';

/** Records as files, in the order in which a source has them. */
export type RecordFiles = readonly (readonly [name: string, bytes: Buffer])[];

/** The records of a folder, in byte order of name. */
export async function readFiles(folder: string): Promise<RecordFiles> {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const));
}

/** Archives of the same records, by the name of the file that holds them. Written by nothing of the program's. */
export const archives: Readonly<Record<string, (files: RecordFiles) => Uint8Array>> = {
  'records.zip': (files) => forgeZip(files.map(([name, content]) => ({ name, content }))),
  'stored.zip': (files) => forgeZip(files.map(([name, content]) => ({ name, content, stored: true }))),
  'streamed.zip': (files) => forgeZip(files.map(([name, content]) => ({ name, content, descriptor: true }))),
  'records.tar': tarOf,
  'records.tar.gz': (files) => gzipSync(tarOf(files), { level: 1 }),
  'records.tar.zst': (files) => zstdCompressSync(tarOf(files)),
  // One record a line, and not as any file has it.
  'records.jsonl': (files) =>
    Buffer.from(files.map(([, content]) => `${JSON.stringify(readJson(content.toString('utf8')))}\n`).join('')),
};

function tarOf(files: RecordFiles): Buffer {
  return forgeTar(files.map(([name, content]) => ({ name, content })));
}

/** The same record in other bytes: other order of members, other white space, other spelling of characters. */
export function respelled(bytes: Uint8Array): string {
  const reversed = reverseMembers(readJson(Buffer.from(bytes).toString('utf8')));
  const text = JSON.stringify(reversed, undefined, '\t');
  return text.replace(/[^\0-\x7f]|\//g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function reverseMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseMembers);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reverseMembers(member)]),
  );
}
