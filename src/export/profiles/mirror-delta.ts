import type { BaseRequest, GatheredKit, MirrorSpec } from '#mirror';
import type { OperationOptions, Repository } from '#oci/image';
import type { RunProfile } from './profile.ts';

/** What a delta is planned from. */
export interface DeltaRequest extends OperationOptions {
  readonly spec: MirrorSpec;
  /** The repository of snapshots. */
  readonly snapshots: Repository;
  /** What the zones have: each has one of them. */
  readonly bases: readonly [BaseRequest, ...BaseRequest[]];
}

/** What a zone lacks of the newest snapshot, planned; whoever carries it writes it. */
export const mirrorDelta: RunProfile<DeltaRequest, GatheredKit> = {
  name: 'mirror:delta',
  revision: 'r1',
  summary: 'what a zone lacks of the newest snapshot of a mirror, as a kit',
  command: 'mirror export --base',
  // Whoever builds bundles does without mirrors.
  run: async ({ spec, snapshots, ...options }) => (await import('#mirror')).gatherKit(spec, snapshots, options),
};
