import { CodedError } from '#core';
import { formatReference, type Reference } from '#oci';

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
