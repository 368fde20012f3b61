import { stat } from 'node:fs/promises';
import { openArchive } from '#archive';
import { CodedError } from '#core';
import { ArchiveSource } from './archive.ts';
import { unreadable } from './faults.ts';
import { FileSource, LinesSource } from './file.ts';
import { FolderSource } from './folder.ts';
import type { Source } from './source.ts';

const LINES = /\.(?:jsonl|ndjson)$/i;

/**
 * Opens a source: a folder, an archive (told by its content), a file of JSON lines (told by its name), or one record.
 *
 * @throws CodedError ERR_EXPORT_SOURCE_UNREADABLE, ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE
 */
export async function openSource(path: string): Promise<Source> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) return new FolderSource(path);
  if (!found.isFile()) {
    throw new CodedError('ERR_EXPORT_SOURCE_UNREADABLE', `${path}: neither a file nor a folder`, {
      hint: 'write the records to a file or a folder first, and name that',
      details: { source: path },
    });
  }
  if (LINES.test(path)) return new LinesSource(path);
  const archive = await openArchive(path);
  return archive === undefined ? new FileSource(path, found.size) : new ArchiveSource(path, archive);
}

/** Whether a file inside a source would be read line by line if it were a source of its own. */
export function holdsLines(name: string): boolean {
  return LINES.test(name);
}
