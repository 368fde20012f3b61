import { join } from 'node:path';
import { readBounded } from '../files.ts';

/** Where a client gets a repository from. Nothing that it gives is trusted. */
export interface TufSource {
  /**
   * A file of `metadata/` or `targets/`.
   *
   * @param path below that folder, with slashes; its segments are never empty, `.` or `..`
   * @returns undefined where there is none
   * @throws CodedError ERR_EXPORT_TUF_INVALID for more than `maxBytes`, of which no more is read
   */
  read(folder: 'metadata' | 'targets', path: string, maxBytes: number): Promise<Uint8Array | undefined>;
}

/** A repository in a directory, as `tuf init` makes it and as kits carry it. */
export function directorySource(dir: string): TufSource {
  return {
    read: (folder, path, maxBytes) => readBounded(join(dir, folder, ...path.split('/')), path, maxBytes),
  };
}
