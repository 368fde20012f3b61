import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { compareText } from '#core';
import { unreadable } from './sources/faults.ts';
import { walkFolder } from './sources/walk.ts';

/** What a source was, as provenance names it (in-toto attestation spec, ResourceDescriptor). */
export interface SourceDescription {
  /** Last part of the path. */
  readonly name: string;
  /** `file:` and the name: the folder in which a run found it says nothing about what it holds. */
  readonly uri: string;
  /** `sha256` of a file; of a folder `dirHash`, SHA-256 over what `sha256sum` prints for its files in byte order. */
  readonly digest: { readonly sha256: string } | { readonly dirHash: string };
}

const BLOCK = 1024 * 1024;

/**
 * Describes a source by its content, in hex: the same whatever its times, owners or place.
 *
 * @throws CodedError ERR_EXPORT_SOURCE_UNREADABLE, ERR_EXPORT_ARCHIVE_UNSAFE for a symbolic link in a folder
 */
export async function describeSource(path: string): Promise<SourceDescription> {
  const name = basename(resolve(path));
  const uri = `file:${encodeURIComponent(name)}`;
  const block = Buffer.allocUnsafeSlow(BLOCK);
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return { name, uri, digest: { sha256: await hashFile(path, block) } };
    return { name, uri, digest: { dirHash: await hashFolder(path, block) } };
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function hashFolder(path: string, block: Buffer): Promise<string> {
  const names = [...walkFolder(path)].filter((found) => typeof found === 'string');
  const tree = createHash('sha256');
  for (const name of names.sort(compareText)) tree.update(`${await hashFile(join(path, name), block)}  ${name}\n`);
  return tree.digest('hex');
}

async function hashFile(path: string, block: Buffer): Promise<string> {
  await using file = await open(path, 'r');
  const digest = createHash('sha256');
  for (;;) {
    const { bytesRead } = await file.read(block, 0, BLOCK, null);
    if (bytesRead === 0) return digest.digest('hex');
    digest.update(block.subarray(0, bytesRead));
  }
}
