export {
  ArtifactSigner,
  pushSignedObject,
  type SignableArtifact,
  type SigningPlace,
} from './attached/artifact-signer.ts';
export { type Attestations, collectAttestations, namesAll } from './attached/attestations.ts';
export type { Form } from './attached/signed-objects.ts';
export {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  isSignedByEd25519,
  signStatement,
} from './dsse.ts';
export type { ExportProvenanceParameters } from './export-provenance-parameters.generated.ts';
export {
  emptyTrustedRoot,
  type KeyFiles,
  keyFilesIn,
  writeKeyPair,
} from './key-files.ts';
export {
  encodePublicKey,
  generateKeyPair,
  type KeyKind,
  type KeyPair,
  keyidOf,
  kindOf,
  parsePublicKey,
  tufKeyKinds,
} from './keys.ts';
export { packAttestationTag, packSignatureTag, type TagOptions } from './pack-tag.ts';
export { decodePkcs8Key, decodePrivateKey, encodePrivateKey, isPlainPkcs8 } from './private-key.ts';
export {
  type BuildType,
  exportBuild,
  type Provenance,
  type ProvenanceBuilder,
  type ProvenanceRun,
  parseProvenance,
  provenanceStatement,
} from './provenance.ts';
export { type BlobValue, keyidAnnotation, type SignedObject } from './signed-object.ts';
export { createSigner, createVerifier, type Signer, type Verifier } from './signer.ts';
export {
  encodeSigstoreBundle,
  packSigstoreBundle,
  parseSigstoreBundleManifest,
  type SigstoreBundleManifest,
  type SigstoreBundleOptions,
} from './sigstore-bundle.ts';
export type { SimpleSigning } from './simple-signing.ts';
export {
  type DigestSet,
  encodeStatement,
  makeStatement,
  parseStatement,
  predicateTypes,
  type ResourceDescriptor,
  type Statement,
  type StatementSubject,
  signatureStatement,
  subjectOf,
} from './statement.ts';
export {
  parseTagManifest,
  type TagLayer,
  type TagManifest,
} from './tag-manifest.ts';
export {
  type VerifiedStatement,
  type VerifyContext,
  verifyAttestationLayer,
  verifySignatureLayer,
  verifySigstoreBundle,
} from './verify.ts';
