import type { Repository } from '#oci/image';
import type { PipeEnds } from './archive/pipe.ts';
import type { LayoutOptions } from './layout.ts';

/** How an archive is opened. */
export interface ArchiveOptions extends LayoutOptions {
  /** What the path `-` stands for; it is an error where there is none. */
  readonly pipe?: PipeEnds | undefined;
}

/**
 * A layout in a tar: a file, or with the path `-` a pipe.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID
 */
export async function openArchive(path: string, options: ArchiveOptions): Promise<Repository> {
  // Most runs have to do with no archive, and start the sooner without what one needs.
  if (path === '-') return (await import('./archive/pipe.ts')).openPipe(options.pipe, options);
  return (await import('./archive/archive.ts')).openLayoutArchive(path, options);
}

/**
 * What `docker save` wrote into a tar.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID, ERR_EXPORT_UNSUPPORTED as a target
 */
export async function openDocker(path: string, options: ArchiveOptions): Promise<Repository> {
  return (await import('./docker/open.ts')).openDockerArchive(path, options);
}
