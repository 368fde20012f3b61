import { CodedError } from '#core';
import { fetchBytes, type OperationOptions, type Repository } from '#oci/image';
import type { TufSource } from '../client.ts';
import { metadataInvalid } from '../faults.ts';
import { readArtifact, type TufArtifact } from './artifact.ts';

/**
 * A TUF repository in an OCI repository. The tag is resolved once: all files are those of one publication.
 *
 * @param name a tag or digest, of the TUF repository or of an artifact that it is attached to
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_TUF_STATE where it is something else, ERR_EXPORT_TUF_INVALID,
 *   ERR_EXPORT_MANIFEST_INVALID
 */
export async function openArtifactSource(
  repository: Repository,
  name: string,
  options: OperationOptions = {},
): Promise<TufSource> {
  const artifact = await readArtifact(repository, name, options);
  if (artifact !== undefined) return artifactSource(repository, artifact, options);
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${repository.name}: ${name}: artifact not found`, {
    hint: 'check the reference; export-center ls REPOSITORY lists the tags',
    details: { repository: repository.name, name },
  });
}

/** The files of an artifact; each is checked against its digest. */
function artifactSource(repository: Repository, artifact: TufArtifact, options: OperationOptions): TufSource {
  return {
    async read(folder, path, maxBytes) {
      const descriptor = artifact.files.get(`${folder}/${path}`);
      if (descriptor === undefined) return undefined;
      if (descriptor.size > maxBytes) throw metadataInvalid(path, `${descriptor.size} bytes, more than ${maxBytes}`);
      return fetchBytes(repository, descriptor, { ...options, maxBytes });
    },
  };
}
