export { type CanonicalJson, CanonicalReader } from './canonical-bytes.ts';
export { canonicalText, encodeCanonical, type JsonObject, type JsonValue } from './canonical-json.ts';
export {
  addSeconds,
  type Clock,
  compareInstants,
  type Instant,
  instantFrom,
  instantOf,
  parseDuration,
  parseInstant,
  systemClock,
} from './clock.ts';
export type { Descriptor } from './descriptor.ts';
export {
  algorithmOf,
  type Digest,
  type DigestAlgorithm,
  Digester,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
} from './digest.ts';
export { CodedError, type ErrorCode, type ErrorFacts, errorCodes, exitStatusOf, isCoded } from './errors.ts';
export {
  fileError,
  isSystemError,
  makeFolder,
  readPart,
  syncFolder,
  type WriteFileOptions,
  writeFileDurable,
} from './file.ts';
export { FolderGuard, linkRefused } from './folder-guard.ts';
export { compileGlob } from './glob.ts';
export { decodeJsonString } from './json-string.ts';
export { annotationKeys, isArtifactManifestType, isIndexType, isManifestType, mediaTypes } from './media-types.ts';
export { parseKnownJson } from './native-json.ts';
export { compareText } from './order.ts';
export { isAlive, ownerIn, thisOwner } from './owner.ts';
export { pause } from './pause.ts';
export { maskSecrets, noteSecret } from './secrets.ts';
export { type JsonLimits, parseJson, parseJsonObject } from './strict-json.ts';
export { parseTenant } from './tenant.ts';
export { trimEndOf, trimOf } from './trim.ts';
