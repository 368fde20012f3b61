import { checkPath } from '../entry-path.ts';
import { invalid, unsafe } from '../faults.ts';
import type { TarHeader } from './header.ts';

const LINKS_AND_DEVICES: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '6': 'a named pipe',
};

/**
 * The path of an entry that is a file or a folder; the root folder's is empty.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_UNSAFE for links, devices and paths that lead out,
 * ERR_EXPORT_ARCHIVE_INVALID for types that tar does not define
 */
export function admit({ name, type }: TarHeader, archive: string): string {
  const kind = LINKS_AND_DEVICES[type];
  if (kind !== undefined) throw unsafe(archive, kind, name);
  if (type !== '0' && type !== '7' && type !== '5') {
    throw invalid(archive, `unsupported entry type ${JSON.stringify(type)}`, name);
  }
  const path = checkPath(name, archive);
  if (path === '' && type !== '5') throw invalid(archive, 'no name', name);
  return path;
}
