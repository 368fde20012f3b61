export {
  type BaseRequest,
  baseFormsText,
  DigestSet,
  digestOfList,
  encodeDigestList,
  listBase,
  parseBase,
  readDigestList,
  refuseMistakenBase,
  snapshotBase,
  zoneBase,
} from './delta.ts';
export {
  type CarriageFacts,
  factsOf,
  type GatheredKit,
  gatherKit,
  type KitFacts,
  type KitFiles,
  type KitPlan,
  KitSources,
  kitTarBytes,
  openKit,
  proveKit,
  type SpaceFacts,
  signedFilesOf,
  signPlan,
  splitContents,
  streamKit,
  trustKit,
  writeKitDirectory,
  writeKitParts,
  writeKitTar,
} from './kit.ts';
export { partCount } from './parts.ts';
export { findServedSnapshot, type KitServer, type PullBases, type PulledKit, pullKit } from './pull.ts';
export {
  encodeShortCode,
  parseZoneName,
  type Receipt,
  readReceiptFile,
  recordReceipt,
  signReceipt,
  statusOfZones,
  verifyReceipt,
  ZoneRegister,
  type ZoneStatus,
} from './receipts.ts';
export { type MirrorRequest, type MirrorRun, runMirror } from './run.ts';
export {
  type DeltaPlan,
  type DeltaRequest,
  type MirrorList,
  type MirrorOffer,
  type MirrorSnapshots,
  parseDeltaRequest,
  type ServedKit,
  ServedMirror,
} from './service.ts';
export type { PublishedSnapshot, SnapshotPorts, TakenSnapshot } from './snapshot.ts';
export { type MirrorSpec, parseMirrorSpec } from './spec.ts';
export { type ImportReport, importKit } from './zone/import-kit.ts';
export { placeAt, type ZoneTarget, zoneTargetOf } from './zone/place.ts';

export { type Imported, requireSuccessor, ZoneState } from './zone/state.ts';
