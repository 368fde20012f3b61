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
  makeTempFolder,
  readPart,
  requireFilePlace,
  type SeekableFile,
  syncFolder,
  syncIfSupported,
  tempFileError,
  type WriteFileOptions,
  writeFileDurable,
} from './file.ts';
export { FolderGuard, linkRefused } from './folder-guard.ts';
export { compileGlob } from './glob.ts';
export { type CanonicalJson, CanonicalReader } from './json/canonical-bytes.ts';
export { canonicalText, encodeCanonical, type JsonObject, type JsonValue } from './json/canonical-json.ts';
export { decodeJsonString } from './json/json-string.ts';
export { parseKnownJson } from './json/native-json.ts';
export { type JsonLimits, parseJson, parseJsonObject } from './json/strict-json.ts';
export { withLock } from './lock.ts';
export { annotationKeys, isArtifactManifestType, isIndexType, isManifestType, mediaTypes } from './media-types.ts';
export { MinRate, minBytesPerSecond } from './min-rate.ts';
export { compareAscii, compareBytes, compareText } from './order.ts';
export { isAlive, ownerIn, thisOwner } from './owner.ts';
export { pause } from './pause.ts';
export { maskSecrets, noteSecret } from './secrets.ts';
export { parseTenant } from './tenant.ts';
export { runThreadTask, ThreadTask, type ThreadTaskOptions } from './thread-task.ts';
export { trimEndOf, trimOf } from './trim.ts';
