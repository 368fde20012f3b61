import { stat } from 'node:fs/promises';
import { openArchive } from '#archive';
import { CodedError } from '#core';
import { ArchiveSource } from './archive.ts';
import { unreadable } from './faults.ts';
import { FileSource } from './file.ts';
import { FolderSource } from './folder.ts';
import type { Source } from './source.ts';

/**
 * Opens a source: a folder, an archive (told by its content), or a file of another form.
 *
 * @throws CodedError ERR_EXPORT_SOURCE_UNREADABLE, ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE
 */
export async function openSource(path: string): Promise<Source> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) return new FolderSource(path);
  if (!found.isFile()) {
    throw new CodedError('ERR_EXPORT_SOURCE_UNREADABLE', `${path}: neither a file nor a directory`, {
      hint: 'write the records to a file or a directory first, and specify that',
      details: { source: path },
    });
  }
  const archive = await openArchive(path);
  return archive === undefined ? new FileSource(path, found.size) : new ArchiveSource(path, found.size, archive);
}
