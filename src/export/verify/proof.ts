import { CodedError, canonicalText, type Descriptor, type Digest, type ErrorCode, type JsonObject } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import {
  collectAttestations,
  exportBuild,
  type Form,
  namesAll,
  type Provenance,
  parseProvenance,
  type Statement,
  type Verifier,
} from '#signing';
import type { ExportManifest } from '../export-manifest.generated.ts';
import { parametersOf } from '../export-manifest.ts';

/** A provenance that the key signed. */
interface ProvenProvenance {
  readonly digest: Digest;
  readonly statement: Statement;
  readonly provenance: Provenance;
}

/** What one key proves of an artifact, before anything of the artifact is read. */
export interface Proof {
  readonly artifact: Descriptor;
  /** The forms in which the signature is there. */
  readonly signatureForms: readonly Form[];
  /** The forms in which the provenance is there. */
  readonly provenanceForms: readonly Form[];
  /** At least one. Two runs at the same time may have left one each. */
  readonly provenances: readonly ProvenProvenance[];
  /** Signatures and attestations by other keys. */
  readonly otherSigners: number;
}

/**
 * Demands a signature proper and a provenance of ours, both by the verifier's key; every object of that key must be
 * valid, whichever of them another tool would have been content with.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_MISSING, ERR_EXPORT_SIGNATURE_INVALID, ERR_EXPORT_PROVENANCE_MISSING
 */
export async function proveArtifact(
  repository: Repository,
  artifact: Descriptor,
  verifier: Verifier,
  options: OperationOptions,
): Promise<Proof> {
  const found = await collectAttestations(repository, artifact, verifier, options);
  const { signatures, provenances, otherSigners, unread } = found;
  const place = `${repository.name}@${artifact.digest}`;
  if (signatures.length === 0) {
    const more = unread === 0 ? '' : `, ${unread} of them beyond the read limit`;
    const others = otherSigners === 0 ? '' : `; ${otherSigners} signatures and attestations by other keys${more}`;
    throw missing('ERR_EXPORT_SIGNATURE_MISSING', `${place}: no signature by this key${others}`, artifact);
  }
  const ours = provenances.flatMap((item) => {
    const provenance = parseProvenance(item.statement, item.digest, exportBuild);
    return provenance === undefined ? [] : [{ ...item, provenance }];
  });
  if (ours.length === 0) {
    throw missing('ERR_EXPORT_PROVENANCE_MISSING', `${place}: no provenance of an export by this key`, artifact);
  }
  return {
    artifact,
    signatureForms: formsOf(signatures),
    provenanceForms: formsOf(ours),
    provenances: ours,
    otherSigners,
  };
}

/**
 * Holds what each provenance says against export.json: the same request, and every subject of the build.
 *
 * @throws CodedError ERR_EXPORT_PROVENANCE_MISMATCH
 */
export function matchProvenance(proof: Proof, manifest: ExportManifest, subjects: readonly Descriptor[]): void {
  for (const provenance of proof.provenances) matchOne(provenance, proof.artifact, manifest, subjects);
}

function matchOne(
  { digest, statement, provenance }: ProvenProvenance,
  artifact: Descriptor,
  manifest: ExportManifest,
  subjects: readonly Descriptor[],
): void {
  const unnamed = subjects.find((subject) => !namesAll(statement, [subject.digest]));
  if (unnamed !== undefined) throw mismatch(`provenance ${digest} does not name ${unnamed.digest}`, artifact);
  if (textOf(provenance.externalParameters) !== textOf(parametersOf(manifest)))
    throw mismatch(`the parameters in provenance ${digest} do not match export.json`, artifact);
}

/** Interfaces have no index signature, so the compiler does not see that parameters hold nothing but JSON. */
function textOf(parameters: object): string {
  return canonicalText(parameters as JsonObject);
}

function formsOf(items: readonly { readonly form: Form }[]): Form[] {
  return (['tag', 'sigstoreBundle'] as const).filter((form) => items.some((item) => item.form === form));
}

function missing(code: ErrorCode, message: string, { digest }: Descriptor): CodedError {
  return new CodedError(code, message, {
    hint: 'check that this is the right key, and that signatures were copied too (oras cp -r does not copy .sig and .att tags)',
    details: { digest },
  });
}

function mismatch(message: string, { digest }: Descriptor): CodedError {
  return new CodedError('ERR_EXPORT_PROVENANCE_MISMATCH', message, {
    hint: 'do not use this artifact: it does not match its provenance',
    details: { digest },
  });
}
