import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, compareText } from '#core';
import { unreadable } from './faults.ts';
import type { PassedOver } from './source.ts';

/**
 * The files below a folder, by relative path with forward slashes. Names are read in byte order, so that what is met
 * first does not depend on the file system.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_UNSAFE for a symbolic link, ERR_EXPORT_SOURCE_UNREADABLE
 */
export function* walkFolder(root: string, folder = ''): Generator<string | PassedOver> {
  for (const entry of list(join(root, folder))) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isSymbolicLink()) throw linked(root, name);
    if (entry.isFile()) yield name;
    else if (!entry.isDirectory()) yield { name, reason: 'neither a file nor a directory' };
    else if (entry.name === '.git') yield { name, reason: 'version control' };
    else yield* walkFolder(root, name);
  }
}

function list(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => compareText(a.name, b.name));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function linked(source: string, name: string): CodedError {
  return new CodedError('ERR_EXPORT_ARCHIVE_UNSAFE', `${source}: ${JSON.stringify(name)} is a symbolic link`, {
    hint: 'replace the link with a copy of the file, or specify its target as another source',
    details: { source, file: name },
  });
}
