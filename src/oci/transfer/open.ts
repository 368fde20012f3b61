import { isRegistryReference, type LayoutReference, type Reference, type Repository } from '#oci/image';
import { type ArchiveOptions, openArchive, openDocker, openLayout } from '#oci/layout';
import type { RegistryOptions } from '#oci/registry';

/** How any repository is opened; what does not concern its kind is ignored. */
export interface OpenOptions extends RegistryOptions, ArchiveOptions {}

/** What opens a place on this machine. */
const LOCAL: Readonly<Record<LayoutReference['kind'], (path: string, options: ArchiveOptions) => Promise<Repository>>> =
  {
    layout: openLayout,
    archive: openArchive,
    'docker-archive': openDocker,
  };

/**
 * The repository that a reference names, whatever its kind. Close it when done.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_LAYOUT_INVALID for layouts and archives
 */
export async function openRepository(reference: Reference, options: OpenOptions = {}): Promise<Repository> {
  if (isRegistryReference(reference)) {
    // A client of registries is the larger half of what a run between layouts would have to load.
    const { openRegistry } = await import('#oci/registry');
    return openRegistry(reference, options);
  }
  const { kind, path, repository } = reference;
  return LOCAL[kind](path, { ...options, repository });
}
