import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, isSystemError, linkRefused } from '#core';
import { indexPath, layoutMarker } from './index-source.ts';
import { tempFolder } from './ingest.ts';

/**
 * Refuses a layout in which a link stands where a file or folder of its own should be: what is written or deleted
 * there may belong to somebody else. The layout's folder itself may be a link.
 *
 * @param deep also looks at each blob and temporary file
 * @throws CodedError ERR_EXPORT_NOT_WRITABLE
 */
export async function refuseLinks(root: string, deep = false): Promise<void> {
  const blobs = join(root, 'blobs');
  const temp = join(root, tempFolder);
  for (const path of [join(root, layoutMarker.path), join(root, indexPath), blobs, temp]) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) throw linkRefused(path);
  }
  for (const algorithm of await entriesIn(blobs)) {
    const folder = join(blobs, algorithm.name);
    if (algorithm.isSymbolicLink()) throw linkRefused(folder);
    if (deep) refuseIn(folder, await entriesIn(folder));
  }
  if (deep) refuseIn(temp, await entriesIn(temp));
}

function refuseIn(folder: string, entries: readonly Dirent[]): void {
  for (const entry of entries) if (entry.isSymbolicLink()) throw linkRefused(join(folder, entry.name));
}

async function entriesIn(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw fileError(error, folder);
  }
}
