// Public entry of service/: mirrors as a server offers them, and what its API says.

export { checkDeltaPlan, type DeltaPlan } from './service/delta-plan.generated.ts';
export { type DeltaRequest, parseDeltaRequest } from './service/delta-request.generated.ts';
export type { MirrorList } from './service/mirror-list.generated.ts';
export {
  checkMirrorSnapshots,
  type ListedSnapshot,
  type MirrorSnapshots,
} from './service/mirror-snapshots.generated.ts';
export type { ServedKit } from './service/served-kit.ts';
export { type MirrorOffer, ServedMirror } from './service/served-mirror.ts';
