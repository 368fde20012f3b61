import { type LayoutOptions, openLayout } from './layout/layout.ts';
import type { PipeEnds } from './layout/pipe.ts';
import type { Repository } from './ports.ts';
import type { LayoutReference, Reference } from './reference.ts';
import { openRegistry, type RegistryOptions } from './registry/open.ts';

/** How any repository is opened; what does not concern its kind is ignored. */
export interface OpenOptions extends RegistryOptions, LayoutOptions {
  /** What `oci-archive:-` stands for; it is an error where there is none. */
  readonly pipe?: PipeEnds | undefined;
}

/**
 * The repository that a reference names, whatever its kind. Close it when done.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID for layouts and archives
 */
export async function openRepository(reference: Reference, options: OpenOptions = {}): Promise<Repository> {
  if (reference.kind === 'registry') return openRegistry(reference, options);
  return openLocal(reference, { ...options, repository: reference.repository });
}

async function openLocal(reference: LayoutReference, options: OpenOptions): Promise<Repository> {
  if (reference.kind === 'layout') return openLayout(reference.path, options);
  if (reference.kind === 'docker-archive') {
    return (await import('./docker/open.ts')).openDockerArchive(reference.path, options);
  }
  // Most runs have to do with no archive, and start the sooner without what one needs.
  if (reference.path === '-') return (await import('./layout/pipe.ts')).openPipe(options.pipe, options);
  return (await import('./layout/archive.ts')).openLayoutArchive(reference.path, options);
}
