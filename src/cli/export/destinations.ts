import { CodedError } from '#core';
import type { Destination } from '#export';
import { isRegistryReference, parseReference, type Reference, tagOf } from '#oci/image';
import { type OpenOptions, openRepository } from '#oci/transfer';
import { isPipe } from '../pipe.ts';

/** How the places of an export are opened. */
export interface DestinationOptions extends OpenOptions {
  readonly signedAs?: string | undefined;
}

/** The places of an export, open. */
export interface OpenDestinations {
  readonly list: readonly Destination[];
  close(): Promise<void>;
}

/**
 * The references that were named; checked before any work begins.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID for a reference without a tag, ERR_EXPORT_USAGE for one with a digest
 *   and for a second pipe
 */
export function parseDestinations(texts: readonly string[]): Reference[] {
  const references = texts.map((text) => {
    const reference = parseReference(text);
    tagOf(reference);
    if (reference.digest === undefined) return reference;
    throw new CodedError('ERR_EXPORT_USAGE', `--to ${JSON.stringify(text)}: a digest can't be set here`, {
      hint: 'omit @ and what follows',
    });
  });
  if (references.filter(isPipe).length < 2) return references;
  throw new CodedError('ERR_EXPORT_USAGE', '--to oci-archive:- can be used only once', {
    hint: 'export to oci:DIR with several tags, then pipe the layout: export-center copy --all-tags oci:DIR oci-archive:-',
  });
}

/**
 * The repository that a signature names: `HOST/REPO`.
 *
 * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_REFERENCE_INVALID
 */
export function parseSignedAs(text: string): string {
  const reference = parseReference(text);
  if (isRegistryReference(reference) && reference.tag === undefined && reference.digest === undefined) return text;
  throw new CodedError(
    'ERR_EXPORT_USAGE',
    `--signed-as ${JSON.stringify(text)}: not a valid repository of a registry`,
    {
      hint: 'write it as registry.example/security/feed, without tag or digest',
    },
  );
}

/** Opens the places; layouts that are not there yet are made by the first push. */
export async function openDestinations(
  references: readonly Reference[],
  { signedAs, ...options }: DestinationOptions,
): Promise<OpenDestinations> {
  const list: Destination[] = [];
  const close = async () => {
    for (const { repository } of list) await repository.close();
  };
  try {
    for (const reference of references) {
      list.push({ reference, repository: await openRepository(reference, { ...options, create: true }), signedAs });
    }
    return { list, close };
  } catch (error) {
    await close();
    throw error;
  }
}
