import type { KeyObject } from 'node:crypto';
import { CodedError } from '#core';
import type { TufListing } from '#export';
import { type Reference, tagOf } from '#oci/image';
import { type OpenOptions, openRepository } from '#oci/transfer';
import type { Signer } from '#signing';
import type { Io } from '../io.ts';
import { loadTufSigners } from '../key-files.ts';
import { parseTufPlace } from '../tuf.ts';

/** The options of `export` for the TUF repository that lists the bundle. */
export interface TufListingOptions {
  readonly tuf?: string;
  readonly tufTrust?: string;
  readonly tufStreamKey?: readonly string[];
  readonly tufTargetsKey?: readonly string[];
  readonly tufOnlineKey?: readonly string[];
}

/** What the options say, before anything is opened. */
export interface TufListingRequest {
  readonly place: string;
  /** Undefined for a directory. */
  readonly reference: Reference | undefined;
  readonly streamKey: KeyObject | undefined;
  readonly signers: readonly Signer[];
  readonly trustedRoot: Uint8Array | undefined;
}

/** A repository that lists a bundle, open. */
export interface OpenTufListing {
  readonly listing: TufListing;
  close(): Promise<void>;
}

/**
 * Reads keys and root before any work begins.
 *
 * @param readRoot reads the file of a root
 * @returns undefined where no repository is to list the bundle
 * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_REFERENCE_INVALID, ERR_EXPORT_KEY_INVALID
 */
export async function readTufListing(
  io: Io,
  options: TufListingOptions,
  readRoot: (path: string) => Promise<Uint8Array>,
): Promise<TufListingRequest | undefined> {
  const { tuf: place, tufTrust, tufStreamKey = [], tufTargetsKey = [], tufOnlineKey = [] } = options;
  const given = tufTrust ?? [...tufStreamKey, ...tufTargetsKey, ...tufOnlineKey][0];
  if (place === undefined) {
    if (given === undefined) return undefined;
    throw new CodedError('ERR_EXPORT_USAGE', 'options of a TUF repository require --tuf', {
      hint: 'specify the repository that lists the bundle: --tuf DIR',
    });
  }
  const reference = parseTufPlace(place);
  if (reference !== undefined) tagOf(reference);
  if ((reference === undefined) !== (tufTrust === undefined)) throw trustOrNot(place, reference !== undefined);
  const signers = [...(await loadTufSigners(io, tufStreamKey, tufTargetsKey, tufOnlineKey)).values()];
  const trustedRoot = tufTrust === undefined ? undefined : await readRoot(tufTrust);
  const streamKey = tufStreamKey.length === 0 ? undefined : signers[0]?.publicKey;
  return { place, reference, streamKey, signers, trustedRoot };
}

function trustOrNot(place: string, isReference: boolean): CodedError {
  const [what, hint] = isReference
    ? ['--tuf with a reference requires --tuf-trust', 'specify the root that you trust: --tuf-trust 1.root.json']
    : ["--tuf-trust can't be used with a directory", 'omit it, or specify a reference with a tag'];
  return new CodedError('ERR_EXPORT_USAGE', `${what}: ${place}`, { hint });
}

/** Opens the repository. */
export async function openTufListing(request: TufListingRequest, options: OpenOptions): Promise<OpenTufListing> {
  const { place, reference, streamKey, signers, trustedRoot } = request;
  if (reference === undefined || trustedRoot === undefined) {
    const listing: TufListing = { place: { kind: 'directory', dir: place }, streamKey, signers };
    return { listing, close: async () => undefined };
  }
  const repository = await openRepository(reference, options);
  return {
    listing: { place: { kind: 'artifact', repository, tag: tagOf(reference), trustedRoot }, streamKey, signers },
    close: () => repository.close(),
  };
}
