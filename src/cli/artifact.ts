import { CodedError, type Descriptor } from '#core';
import { formatReference, nameOf, parseReference, type Reference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import type { Io } from './io.ts';
import { type CommonOptions, openOptions, type TransportOptions } from './options.ts';
import type { ProgressLine } from './progress.ts';

/** An artifact that was found where its reference says. */
export interface FoundArtifact {
  readonly reference: Reference;
  readonly repository: Repository;
  readonly descriptor: Descriptor;
}

/**
 * Runs `use` on the artifact that a reference names, and closes its repository.
 *
 * @param progress of the command, where it has one; cleared in the end
 * @throws CodedError ERR_EXPORT_NOT_FOUND
 */
export async function withArtifact<T>(
  io: Io,
  text: string,
  options: CommonOptions & TransportOptions,
  use: (found: FoundArtifact) => Promise<T>,
  progress?: ProgressLine,
): Promise<T> {
  const reference = parseReference(text);
  const name = nameOf(reference);
  const repository = await openRepository(reference, await openOptions(io, [reference], options, progress));
  try {
    const descriptor = await repository.resolve(name, { signal: io.signal });
    if (descriptor === undefined) throw notFound(reference);
    return await use({ reference, repository, descriptor });
  } finally {
    progress?.clear();
    await repository.close();
  }
}

function notFound(reference: Reference): CodedError {
  return new CodedError('ERR_EXPORT_NOT_FOUND', `${formatReference(reference)}: artifact not found`, {
    hint: 'check the reference; export-center ls REPOSITORY lists the tags',
    details: { reference: formatReference(reference) },
  });
}

/**
 * Refuses a tag or a digest where a whole repository is meant: to ignore it would list or copy more than was named.
 *
 * @param what the command or option that takes a repository, as it is written
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID
 */
export function requireNoTag(reference: Reference, what: string): void {
  const { tag, digest, ...repository } = reference;
  if (tag === undefined && digest === undefined) return;
  throw new CodedError(
    'ERR_EXPORT_REFERENCE_INVALID',
    `${formatReference(reference)}: ${what} takes a repository without a tag or digest`,
    { hint: `specify ${formatReference(repository)}, or use export-center inspect for one artifact` },
  );
}
