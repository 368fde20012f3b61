import { CodedError, type Descriptor, type Digest, mediaTypes } from '#core';
import { cosignTagOf, type OperationOptions, type Repository, readNamed } from '#oci/image';
import { keyidAnnotation } from '../signed-object.ts';
import type { Verifier } from '../signer.ts';
import { parseSigstoreBundleManifest, type SigstoreBundleManifest } from '../sigstore-bundle.ts';
import type { SimpleSigning } from '../simple-signing.ts';
import { parseTagManifest, type TagLayer } from '../tag-manifest.ts';
import {
  type VerifiedStatement,
  type VerifyContext,
  verifyAttestationLayer,
  verifySignatureLayer,
  verifySigstoreBundle,
} from '../verify.ts';

/** cosign's two formats: the tags `.sig` and `.att`, and sigstore bundles as referrers. */
export type Form = 'tag' | 'sigstoreBundle';

/** Where signed objects are looked for, and by whose key. */
export interface SearchContext {
  readonly repository: Repository;
  readonly subject: Descriptor;
  readonly verifier: Verifier;
  readonly options: OperationOptions;
}

/** What may be a signature or an attestation of the key, before its payload is read. */
export interface SignedCandidate {
  readonly form: Form;
  /** The layer of a tag, or the referrer manifest of a sigstore bundle. */
  readonly digest: Digest;
  readonly payload: Descriptor;
  /** The config of the manifest that holds it. */
  readonly config: Descriptor | undefined;
  /** Whether it names the verifier's key, which proves nothing. */
  readonly isNamed: boolean;
  /** The manifest that holds it, by tag or digest. */
  readonly place: string;
  /** What it is called in errors. */
  readonly name: string;
  /** What the key signed; undefined where another did. */
  verify(payload: Uint8Array): SimpleSigning | VerifiedStatement | undefined;
}

/** Referrers whose manifests are read; those that say that they hold a signature come first. */
const MAX_REFERRERS_READ = 1000;

/**
 * All that may be a signature or an attestation of a manifest, in both of cosign's forms.
 *
 * @throws CodedError ERR_EXPORT_MANIFEST_INVALID for a tag that leads to no manifest, ERR_EXPORT_SIGNATURE_INVALID for
 *   a referrer that names the key and is not a sigstore bundle, ERR_EXPORT_CONTENT_MISMATCH for a manifest that is gone
 */
export async function findSignedObjects(context: SearchContext): Promise<SignedCandidate[]> {
  const { digest } = context.subject;
  return [
    ...(await layersOf(context, cosignTagOf(digest, 'sig'), verifySignatureLayer)),
    ...(await layersOf(context, cosignTagOf(digest, 'att'), verifyAttestationLayer)),
    ...(await sigstoreBundlesOf(context)),
  ];
}

type VerifyLayer = (
  layer: TagLayer,
  payload: Uint8Array,
  context: VerifyContext,
) => SimpleSigning | VerifiedStatement | undefined;

async function layersOf(context: SearchContext, tag: string, verify: VerifyLayer): Promise<SignedCandidate[]> {
  const { repository, verifier, options } = context;
  const manifest = await repository.resolve(tag, options);
  if (manifest === undefined) return [];
  const place = `${repository.name}:${tag}`;
  const { layers, config } = parseTagManifest(await readNamed(repository, manifest, place, options), place);
  return layers.map((layer, i) => {
    const { descriptor, keyid } = layer;
    const name = `${place} layer ${i} (${descriptor.digest})`;
    return {
      form: 'tag',
      digest: descriptor.digest,
      payload: descriptor,
      config,
      isNamed: verifier.isNamedBy(keyid),
      place,
      name,
      verify: (payload) => verify(layer, payload, { ...about(context), name }),
    };
  });
}

async function sigstoreBundlesOf(context: SearchContext): Promise<SignedCandidate[]> {
  const { repository, subject, verifier, options } = context;
  const listed: Descriptor[] = [];
  for await (const referrer of repository.referrers(subject.digest, options)) {
    if (referrer.mediaType === mediaTypes.ociManifest) listed.push(referrer);
  }
  const rank = ({ artifactType, annotations }: Descriptor): number => {
    if (verifier.isNamedBy(annotations?.[keyidAnnotation])) return 0;
    return artifactType === mediaTypes.sigstoreBundle ? 1 : 2;
  };
  const found: SignedCandidate[] = [];
  for (const referrer of listed.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_REFERRERS_READ)) {
    const name = `${repository.name}@${referrer.digest}`;
    const manifest = await readBundleManifest(context, referrer, name);
    if (manifest === undefined) continue;
    found.push({
      form: 'sigstoreBundle',
      digest: referrer.digest,
      payload: manifest.layer,
      config: manifest.config,
      isNamed: verifier.isNamedBy(manifest.keyid),
      place: name,
      name,
      verify: (payload) => verifySigstoreBundle(manifest, payload, { ...about(context), name }),
    });
  }
  return found;
}

/** The manifest of a sigstore bundle; undefined for any other, and for one of others that is gone or malformed. */
async function readBundleManifest(
  { repository, verifier, options }: SearchContext,
  referrer: Descriptor,
  name: string,
): Promise<SigstoreBundleManifest | undefined> {
  try {
    return parseSigstoreBundleManifest(await readNamed(repository, referrer, name, options), name);
  } catch (error) {
    const isDamaged = error instanceof CodedError && DAMAGES.includes(error.code);
    if (!isDamaged || verifier.isNamedBy(referrer.annotations?.[keyidAnnotation])) throw error;
    return undefined;
  }
}

/** What may befall content of others without concern to the verifier. */
export const DAMAGES: readonly string[] = [
  'ERR_EXPORT_CONTENT_MISMATCH',
  'ERR_EXPORT_DIGEST_MISMATCH',
  'ERR_EXPORT_MANIFEST_INVALID',
  'ERR_EXPORT_SIGNATURE_INVALID',
  'ERR_EXPORT_SIZE_MISMATCH',
];

function about({ subject, verifier }: SearchContext): { subject: Digest; verifier: Verifier } {
  return { subject: subject.digest, verifier };
}
