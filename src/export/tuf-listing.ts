import type { KeyObject } from 'node:crypto';
import { CodedError, type Digest, type Instant, mediaTypes } from '#core';
import { fetchBytes, type OperationOptions, type Repository } from '#oci/image';
import type { Signer } from '#signing';
import { addTarget, attachArtifact, readPublication, type TufPublication, withCheckout } from '#tuf';
import type { Bundle, Staging } from './pack.ts';
import type { ListedBundle, ReferrerReport } from './report.ts';

/** The TUF repository that lists a bundle, and the keys that it needs. */
export interface TufListing {
  readonly place: TufListingPlace;
  /** The public key of the stream, should the stream be new. */
  readonly streamKey: KeyObject | undefined;
  readonly signers: readonly Signer[];
}

/** A directory, or an artifact whose root the user trusts. */
type TufListingPlace =
  | { readonly kind: 'directory'; readonly dir: string }
  | {
      readonly kind: 'artifact';
      readonly repository: Repository;
      readonly tag: string;
      readonly trustedRoot: Uint8Array;
    };

/** What a listing works with. */
interface ListingContext extends OperationOptions {
  readonly bundle: Bundle;
  readonly staging: Staging;
  /** Where the bundle was delivered. */
  readonly repositories: readonly Repository[];
  readonly at: Instant;
}

/** The stream of a profile: `trivy:db` is in `trivy-db`. */
function streamOfProfile(profile: string): string {
  return profile.replace(':', '-');
}

/**
 * Lists a bundle as the next target in the stream of its profile: the bytes of its manifest. The metadata is then
 * attached to the bundle wherever it was delivered. A bundle that is the newest target already is not listed again.
 *
 * @returns what was listed, and the referrer with the metadata; none where a role waits for more signatures
 * @throws CodedError ERR_EXPORT_TUF_STATE, ERR_EXPORT_TUF_FULL, ERR_EXPORT_LOCKED, and those of a client of TUF
 */
export async function listBundle(
  { place, streamKey, signers }: TufListing,
  context: ListingContext,
): Promise<{ readonly listed: ListedBundle; readonly referrer: ReferrerReport | undefined }> {
  const { bundle, staging, at, signal } = context;
  const bytes = await fetchBytes(staging, bundle.artifact, { signal });
  const stream = streamOfProfile(bundle.exportManifest.profile.name);
  const list = (dir: string) => addTarget(dir, { stream, newKey: streamKey, bytes, base: undefined, signers, at });
  if (place.kind === 'directory') {
    const added = await list(place.dir);
    if (added.waiting.length > 0) return { listed: { stream, ...added }, referrer: undefined };
    return { listed: { stream, ...added }, referrer: await attach(await readPublication(place.dir), context) };
  }
  return withCheckout({ ...place, signal }, async (checkout) => {
    const added = await list(checkout.dir);
    if (added.waiting.length > 0) throw waits(stream);
    // A client that reads what is attached must not see what somebody else's publication keeps from being published.
    if (added.published.length > 0) await checkout.publish();
    return { listed: { stream, ...added }, referrer: await attach(await checkout.read(), context) };
  });
}

/** A temporary directory cannot wait for signatures. */
function waits(stream: string): CodedError {
  return new CodedError('ERR_EXPORT_TUF_STATE', `${stream}: more signatures are required than keys were specified`, {
    hint: 'specify all keys, or keep the repository in a directory and sign it with: export-center tuf sign',
    details: { stream },
  });
}

async function attach(publication: TufPublication, { bundle, repositories, signal }: ListingContext) {
  let digest: Digest | undefined;
  for (const repository of repositories) {
    digest = (await attachArtifact(publication, repository, bundle.artifact, { signal })).digest;
  }
  return { artifactType: mediaTypes.tufRepository, digest: digest as Digest };
}
