import { CodedError, type Digest, type Instant, isIndexType } from '#core';
import { formatReference, nameOf, type Reference, type Repository } from '#oci/image';
import type { Form, Verifier } from '#signing';
import type { ExportManifest } from '../export-manifest.generated.ts';
import type { ProgressListener } from '../progress.ts';
import { withWorkDir } from '../work-dir.ts';
import { readArtifact } from './artifact.ts';
import { type CheckedLayer, checkContents } from './contents.ts';
import { checkExpectation, type Expectation } from './expectation.ts';
import { matchProvenance, proveArtifact } from './proof.ts';

/** What has been proven of an artifact. */
export interface VerifyReport {
  readonly reference: string;
  readonly digest: Digest;
  readonly profile: string;
  readonly tenant: string;
  readonly asOf: Instant;
  /** The fingerprint of the key that proved it. */
  readonly keyid: string;
  readonly signatureForms: readonly Form[];
  readonly provenanceForms: readonly Form[];
  /** Signatures and attestations by other keys, of which nothing is known. */
  readonly otherSigners: number;
  /** The builders that the provenance names. */
  readonly builders: readonly string[];
  readonly layers: readonly CheckedLayer[];
  readonly records: { readonly kept: number; readonly withheld: number };
  /** The trivy.db of others into which the records were merged. */
  readonly merge?: { readonly digest: string };
}

/** Which bundle is wanted, and what a verification may be watched and stopped by. */
export interface VerifyOptions {
  readonly expected?: Expectation | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/**
 * Proves an artifact with a public key alone: signature before parse, schema before use, then every byte.
 *
 * @throws CodedError with exit status 3 for whatever is not as it was signed
 */
export async function verifyArtifact(
  reference: Reference,
  repository: Repository,
  verifier: Verifier,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const artifact = await repository.resolve(nameOf(reference), options);
  if (artifact === undefined) throw notFound(reference);
  if (isIndexType(artifact.mediaType)) throw isIndex(reference);
  const proof = await proveArtifact(repository, artifact, verifier, options);
  const read = await readArtifact(repository, artifact, options);
  matchProvenance(proof, read.exportManifest, read.subjects);
  checkExpectation(options.expected ?? {}, read.exportManifest, `${repository.name}@${artifact.digest}`);
  const layers = await withWorkDir((workDir) => checkContents(repository, read, { ...options, workDir }));
  const { profile, tenant, asOf, records, inputs } = read.exportManifest;
  return {
    reference: formatReference({ ...reference, digest: artifact.digest }),
    digest: artifact.digest,
    profile: profile.name,
    tenant,
    asOf,
    keyid: verifier.keyid,
    signatureForms: proof.signatureForms,
    provenanceForms: proof.provenanceForms,
    otherSigners: proof.otherSigners,
    builders: [...new Set(proof.provenances.map(({ provenance }) => provenance.builder.id))],
    layers,
    records: { kept: records.kept, withheld: records.withheld },
    ...mergeOf(inputs.options),
  };
}

/** As its schema has it, which was checked with the content. */
function mergeOf({ base }: ExportManifest['inputs']['options']): Pick<VerifyReport, 'merge'> {
  const { digest } = (base ?? {}) as { readonly digest?: string };
  return digest === undefined ? {} : { merge: { digest } };
}

function notFound(reference: Reference): CodedError {
  return new CodedError('ERR_EXPORT_NOT_FOUND', `${formatReference(reference)}: artifact not found`, {
    hint: 'check the reference; export-center ls REPOSITORY lists the tags',
    details: { reference: formatReference(reference) },
  });
}

function isIndex(reference: Reference): CodedError {
  return new CodedError('ERR_EXPORT_MANIFEST_INVALID', `${formatReference(reference)}: an index, not a bundle`, {
    hint: 'specify the bundle itself, by tag or digest',
    details: { reference: formatReference(reference) },
  });
}
