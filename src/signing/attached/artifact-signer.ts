import { CodedError, canonicalText, type Descriptor, type Instant, type JsonObject } from '#core';
import { contentOf, cosignTagOf, fetchBytes, type OperationOptions, type Repository } from '#oci/image';
import type { Envelope } from '../dsse.ts';
import { signStatement } from '../dsse.ts';
import { packAttestationTag, packSignatureTag } from '../pack-tag.ts';
import { type BuildType, type Provenance, parseProvenance, provenanceStatement } from '../provenance.ts';
import type { SignedObject } from '../signed-object.ts';
import { createVerifier, type Signer } from '../signer.ts';
import { packSigstoreBundle } from '../sigstore-bundle.ts';
import { predicateTypes, signatureStatement, subjectOf } from '../statement.ts';
import { type Attestations, collectAttestations, namesAll, type ProvenanceFound } from './attestations.ts';
import type { Form } from './signed-objects.ts';

/** What is signed: an artifact, and what the same run made beside it. */
export interface SignableArtifact {
  /** The manifest. */
  readonly artifact: Descriptor;
  /** Other manifests that the provenance is about too, such as a referrer with export.json. */
  readonly companions: readonly Descriptor[];
  /** The date that the signatures state. */
  readonly created: Instant;
}

/** Who signs, and what a provenance of this run says. */
export interface Signing<P extends object> {
  readonly signer: Signer;
  readonly buildType: BuildType<P>;
  readonly provenance: Provenance<P>;
}

/** Where an artifact is signed. */
export interface SigningPlace {
  readonly repository: Repository;
  /** `host/repository` for the legacy signature's payload. */
  readonly dockerReference: string;
}

/** Whether anything had to be made. */
export type SigningOutcome = 'signed' | 'present';

/**
 * Signs one artifact at as many places as there are; an envelope made for one place serves the others, so that there
 * is one provenance per subject and key.
 */
export class ArtifactSigner<P extends object = object> {
  readonly #signed: SignableArtifact;
  readonly #signing: Signing<P>;
  #signature: Envelope | undefined;
  #provenance: Envelope | undefined;

  constructor(signed: SignableArtifact, signing: Signing<P>) {
    this.#signed = signed;
    this.#signing = signing;
  }

  /**
   * Looks for a signature and a provenance of this key, each in both of cosign's forms, and makes what is missing.
   *
   * @param send puts the bytes of an object there and counts them
   * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID, ERR_EXPORT_PROVENANCE_MISMATCH for invalid objects of this key
   */
  async sign(
    place: SigningPlace,
    send: (object: SignedObject) => Promise<void>,
    options: OperationOptions,
  ): Promise<SigningOutcome> {
    const { repository } = place;
    const verifier = createVerifier(this.#signing.signer.publicKey);
    const found = await collectAttestations(repository, this.#signed.artifact, verifier, options);
    const missing = [
      ...(await this.#missingProvenance(found, repository, options)),
      ...(await this.#missingSignature(found, place, options)),
    ];
    for (const object of missing) await send(object);
    return missing.length === 0 ? 'present' : 'signed';
  }

  async #missingProvenance(
    found: Attestations,
    repository: Repository,
    options: OperationOptions,
  ): Promise<SignedObject[]> {
    const ours = this.#ourProvenances(found);
    const envelope = ours[0]?.envelope ?? (await this.#provenanceEnvelope());
    const objects: SignedObject[] = [];
    if (!hasForm(ours, 'sigstoreBundle')) objects.push(this.#bundled(envelope, predicateTypes.slsaProvenance));
    if (!hasForm(ours, 'tag')) {
      const { digest } = this.#signed.artifact;
      const existing = await existingManifest(repository, cosignTagOf(digest, 'att'), options);
      objects.push(packAttestationTag(digest, envelope, predicateTypes.slsaProvenance, { existing }));
    }
    return objects;
  }

  async #missingSignature(
    found: Attestations,
    place: SigningPlace,
    options: OperationOptions,
  ): Promise<SignedObject[]> {
    const objects: SignedObject[] = [];
    if (!hasForm(found.signatures, 'sigstoreBundle')) {
      objects.push(this.#bundled(await this.#signatureEnvelope(), predicateTypes.cosignSignature));
    }
    if (!hasForm(found.signatures, 'tag')) {
      const { digest } = this.#signed.artifact;
      const existing = await existingManifest(place.repository, cosignTagOf(digest, 'sig'), options);
      objects.push(await packSignatureTag(digest, place.dockerReference, this.#signing.signer, { existing }));
    }
    return objects;
  }

  /** A provenance of this build type must say what this run would say; others are somebody else's business. */
  #ourProvenances(found: Attestations): ProvenanceFound[] {
    return found.provenances.filter((item) => {
      const provenance = parseProvenance(item.statement, item.digest, this.#signing.buildType);
      if (provenance === undefined) return false;
      const same = textOf(provenance.externalParameters) === textOf(this.#signing.provenance.externalParameters);
      if (
        same &&
        namesAll(
          item.statement,
          this.#subjects().map(({ digest }) => digest),
        )
      )
        return true;
      throw new CodedError(
        'ERR_EXPORT_PROVENANCE_MISMATCH',
        `provenance ${item.digest} describes a different run for ${this.#signed.artifact.digest}`,
        {
          hint: 'find out who made it with this key, delete it, and run the same command again',
          details: { digest: item.digest, subject: this.#signed.artifact.digest },
        },
      );
    });
  }

  #subjects(): Descriptor[] {
    return [this.#signed.artifact, ...this.#signed.companions];
  }

  async #signatureEnvelope(): Promise<Envelope> {
    this.#signature ??= await signStatement(signatureStatement(this.#signed.artifact.digest), this.#signing.signer);
    return this.#signature;
  }

  async #provenanceEnvelope(): Promise<Envelope> {
    const { buildType, provenance, signer } = this.#signing;
    const subjects = this.#subjects().map(({ digest }) => subjectOf(digest));
    this.#provenance ??= await signStatement(provenanceStatement(subjects, provenance, buildType), signer);
    return this.#provenance;
  }

  #bundled(envelope: Envelope, predicateType: string): SignedObject {
    const { mediaType, digest, size } = this.#signed.artifact;
    const { created } = this.#signed;
    return packSigstoreBundle({ mediaType, digest, size }, envelope, { predicateType, created });
  }
}

/** Puts a signed object into a repository: blobs, then the manifest, then its tag. */
export async function pushSignedObject(
  repository: Repository,
  object: SignedObject,
  options: OperationOptions,
): Promise<number> {
  let sentBytes = 0;
  for (const { descriptor, bytes } of [...object.blobs, object.manifest]) {
    const outcome = await repository.push(descriptor, contentOf(bytes), options);
    if (outcome === 'uploaded') sentBytes += bytes.byteLength;
  }
  if (object.tag !== undefined) await repository.tag(object.manifest.descriptor, object.tag, options);
  return sentBytes;
}

function hasForm(items: readonly { readonly form: Form }[], form: Form): boolean {
  return items.some((item) => item.form === form);
}

async function existingManifest(
  repository: Repository,
  tag: string,
  options: OperationOptions,
): Promise<Uint8Array | undefined> {
  const descriptor = await repository.resolve(tag, options);
  return descriptor === undefined ? undefined : fetchBytes(repository, descriptor, options);
}

/** Interfaces have no index signature, so the compiler does not see that parameters hold nothing but JSON. */
function textOf(parameters: object): string {
  return canonicalText(parameters as JsonObject);
}
