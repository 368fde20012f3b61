// Public entry of metadata/: the documents of TUF, their schema, and how signatures, expiry and hashes of them are checked.

export { encodeOlpc } from './metadata/canonical.ts';
export { type Envelope, parseAnyDocument, type Signed, specVersion } from './metadata/envelope.ts';
export { encodeTufKey, hasTufKeySigned, type TufKey, tufKeyidOf } from './metadata/keys.ts';
export {
  maxSnapshotBytes,
  maxTimestampBytes,
  parseSnapshot,
  parseTimestamp,
  type Snapshot,
  type Timestamp,
} from './metadata/listing.ts';
export {
  isStreamName,
  isTopLevelRole,
  streamPattern,
  streamTargetName,
  type TopLevelRole,
  topLevelRoles,
} from './metadata/names.ts';
export { JsonNode } from './metadata/node.ts';
export type { RoleKeys } from './metadata/roles.ts';
export { maxRootBytes, parseRoot, type Root } from './metadata/root.ts';
export {
  type Delegation,
  type FileFacts,
  maxTargetsBytes,
  parseTargets,
  type TargetFacts,
  type Targets,
} from './metadata/targets.ts';
export { requireCurrent, requireFile, requireThreshold, signersOf } from './metadata/verify.ts';
