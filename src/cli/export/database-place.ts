import { existsSync } from 'node:fs';
import { CodedError, type Digest, isDigest } from '#core';
import type { DatabasePlace } from '#export';
import { parseReference, type Reference } from '#oci/image';
import { type OpenOptions, openRepository } from '#oci/transfer';
import { loadVerifier } from '../key-files.ts';

/** A database for Trivy as the command line names it: a file of this machine, or an artifact. */
export type NamedDatabase =
  | { readonly kind: 'file'; readonly path: string; readonly digest?: Digest | undefined }
  | { readonly kind: 'artifact'; readonly reference: Reference };

const SCHEME = /^(?:oci|oci-archive|docker-archive):/;
const FILE_DIGEST = /^(.+)@(sha256:.*)$/;
/** What nobody means as HOST/REPO. */
const PATH_LIKE = /^[./~]|\.(?:db|gz|tgz|zst|tar)$/;

/**
 * What a text names: a file where there is one of that name, else a reference.
 *
 * @throws CodedError ERR_EXPORT_REFERENCE_INVALID, ERR_EXPORT_DIGEST_INVALID
 */
export function parseDatabase(text: string): NamedDatabase {
  if (SCHEME.test(text)) return { kind: 'artifact', reference: parseReference(text) };
  const [, path = text, digest] = FILE_DIGEST.exec(text) ?? [];
  if (!existsSync(path) && !PATH_LIKE.test(path)) return { kind: 'artifact', reference: parseReference(text) };
  if (digest === undefined) return { kind: 'file', path: text };
  if (isDigest(digest)) return { kind: 'file', path, digest };
  throw new CodedError('ERR_EXPORT_DIGEST_INVALID', `not a valid digest: ${JSON.stringify(digest.slice(0, 100))}`, {
    hint: 'write it as FILE@sha256: and 64 lower-case hex digits',
  });
}

/** The reference of a database, where it has one. */
export function referencesOf(...databases: readonly (NamedDatabase | undefined)[]): Reference[] {
  return databases.flatMap((database) => (database?.kind === 'artifact' ? [database.reference] : []));
}

/** A place that is open, and what closes it. */
export interface OpenPlace {
  readonly place: DatabasePlace;
  close(): Promise<void>;
}

/**
 * Opens the place of a database.
 *
 * @param keyFile the public key that must have signed it
 * @throws CodedError ERR_EXPORT_USAGE for a key with a file, which has no signature
 */
export async function openPlace(
  database: NamedDatabase,
  options: OpenOptions,
  keyFile: string | undefined,
): Promise<OpenPlace> {
  if (database.kind === 'file') {
    if (keyFile === undefined) return { place: database, close: async () => undefined };
    throw new CodedError('ERR_EXPORT_USAGE', "--base-db-key can't be used with a file, which has no signature", {
      hint: 'pin the file with --base-db FILE@sha256:…, or specify an artifact',
    });
  }
  const verifier = keyFile === undefined ? undefined : await loadVerifier(keyFile);
  const repository = await openRepository(database.reference, options);
  const place = { kind: 'artifact', reference: database.reference, repository, verifier } as const;
  return { place, close: () => repository.close() };
}
