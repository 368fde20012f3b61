import { CodedError, type Descriptor, type Digest, type ErrorCode, isCoded, mediaTypes } from '#core';
import { fetchBytes, type OperationOptions, type Repository } from '#oci';
import {
  attestationTagOf,
  keyidAnnotation,
  parseSigstoreBundleManifest,
  parseTagManifest,
  predicateTypes,
  type SimpleSigning,
  type Statement,
  signatureTagOf,
  type TagLayer,
  type VerifiedStatement,
  type Verifier,
  verifyAttestationLayer,
  verifySignatureLayer,
  verifySigstoreBundle,
} from '#signing';

/** cosign's two forms of the same thing. */
export type Form = 'tag' | 'bundle';

/** A signature or attestation of one key, in one form. */
interface Attestation {
  readonly form: Form;
  /** The layer of a tag, or the referrer manifest of a sigstore bundle. */
  readonly digest: Digest;
}

/** A provenance and the envelope it came in, from which the other form can be made. */
export interface ProvenanceFound extends Attestation, VerifiedStatement {}

/** All that one key says of one manifest. */
export interface Attestations {
  readonly signatures: readonly Attestation[];
  readonly provenances: readonly ProvenanceFound[];
  /** Objects signed by other keys; nothing is known of them. */
  readonly strangers: number;
}

/**
 * Everything that the verifier's key signed of a manifest, in both of cosign's forms, each object proven.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID for an object of this key that is not sound
 */
export async function collectAttestations(
  repository: Repository,
  subject: Descriptor,
  verifier: Verifier,
  options: OperationOptions = {},
): Promise<Attestations> {
  const found = { signatures: [] as Attestation[], provenances: [] as ProvenanceFound[], strangers: 0 };
  const context = { repository, subject, verifier, options };
  for (const read of [readSignatureTag, readAttestationTag, readSigstoreBundles]) {
    for await (const { digest, form, verified } of read(context)) {
      if (verified === undefined) found.strangers++;
      else if (!('statement' in verified)) found.signatures.push({ form, digest });
      else sortStatement({ form, digest, ...verified }, found);
    }
  }
  return found;
}

function sortStatement(
  item: ProvenanceFound,
  found: { signatures: Attestation[]; provenances: ProvenanceFound[]; strangers: number },
): void {
  const { predicateType } = item.statement;
  if (predicateType === predicateTypes.slsaProvenance) found.provenances.push(item);
  else if (predicateType === predicateTypes.cosignSignature && item.form === 'bundle')
    found.signatures.push({ form: item.form, digest: item.digest });
}

interface ReadContext {
  readonly repository: Repository;
  readonly subject: Descriptor;
  readonly verifier: Verifier;
  readonly options: OperationOptions;
}

interface ReadResult extends Attestation {
  readonly verified: SimpleSigning | VerifiedStatement | undefined;
}

async function* readSignatureTag(context: ReadContext): AsyncIterable<ReadResult> {
  for await (const { layer, payload, name } of readTagLayers(context, signatureTagOf(context.subject.digest))) {
    const verified = payload && verifySignatureLayer(layer, payload, { ...about(context), name });
    yield { form: 'tag', digest: layer.descriptor.digest, verified };
  }
}

async function* readAttestationTag(context: ReadContext): AsyncIterable<ReadResult> {
  for await (const { layer, payload, name } of readTagLayers(context, attestationTagOf(context.subject.digest))) {
    const verified = payload && verifyAttestationLayer(layer, payload, { ...about(context), name });
    yield { form: 'tag', digest: layer.descriptor.digest, verified };
  }
}

interface TagPayload {
  readonly layer: TagLayer;
  /** Absent where another key's layer has lost its blob, or has one that is damaged or huge. */
  readonly payload: Uint8Array | undefined;
  readonly name: string;
}

async function* readTagLayers(context: ReadContext, tag: string): AsyncIterable<TagPayload> {
  const { repository, options } = context;
  const manifest = await repository.resolve(tag, options);
  if (manifest === undefined) return;
  const place = `${repository.name}:${tag}`;
  const bytes = await fetchBytes(repository, manifest, options);
  for (const [i, layer] of parseTagManifest(bytes, place).layers.entries()) {
    const payload = await fetchPayload(context, layer.descriptor, layer.keyid, place);
    yield { layer, payload, name: `${place} layer ${i} (${layer.descriptor.digest})` };
  }
}

async function* readSigstoreBundles(context: ReadContext): AsyncIterable<ReadResult> {
  const { repository, subject, options } = context;
  for await (const referrer of repository.referrers(subject.digest, options)) {
    if (referrer.mediaType !== mediaTypes.ociManifest) continue;
    const name = `${repository.name}@${referrer.digest}`;
    const bytes = await fetchPayload(context, referrer, referrer.annotations?.[keyidAnnotation], name);
    const manifest = bytes && parseSigstoreBundleManifest(bytes, name);
    if (manifest === undefined) continue;
    const blob = await fetchPayload(context, manifest.layer, manifest.keyid, name);
    const verified = blob && verifySigstoreBundle(manifest, blob, { ...about(context), name });
    yield { form: 'bundle', digest: referrer.digest, verified };
  }
}

/** As large as a JSON text may be here; strangers attest documents of any size. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

/** What may befall a stranger's content without being any business of ours. */
const UNUSABLE: readonly ErrorCode[] = [
  'ERR_EXPORT_NOT_FOUND',
  'ERR_EXPORT_TOO_LARGE',
  'ERR_EXPORT_DIGEST_MISMATCH',
  'ERR_EXPORT_SIZE_MISMATCH',
];

/**
 * Content that is gone, damaged or huge can be nobody's signature; that is an error only where it names our key.
 *
 * @param within the manifest that it belongs to, for an error
 */
async function fetchPayload(
  { repository, verifier, options }: ReadContext,
  descriptor: Descriptor,
  keyid: string | undefined,
  within: string,
): Promise<Uint8Array | undefined> {
  try {
    return await fetchBytes(repository, descriptor, { signal: options.signal, maxBytes: MAX_PAYLOAD_BYTES });
  } catch (error) {
    if (!isCoded(error, ...UNUSABLE)) throw error;
    if (!verifier.isNamedBy(keyid)) return undefined;
    throw new CodedError(error.code, `${within}, which this key signed, cannot be read: ${error.message}`, {
      hint: `delete ${within} and run the export again: it signs anew what is not there`,
      details: { ...error.details, digest: descriptor.digest },
      cause: error,
    });
  }
}

function about({ subject, verifier }: ReadContext): { subject: Digest; verifier: Verifier } {
  return { subject: subject.digest, verifier };
}

/** Whether a statement is about all of these digests. */
export function namesAll(statement: Statement, digests: readonly Digest[]): boolean {
  const named = new Set(statement.subject.map(({ digest }) => `sha256:${digest['sha256']}`));
  return digests.every((digest) => named.has(digest));
}
