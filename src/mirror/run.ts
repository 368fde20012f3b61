import type { OperationOptions, RegistryReference, Repository } from '#oci/image';
import type { Verifier } from '#signing';
import {
  type PublishedSnapshot,
  publishSnapshot,
  readNewest,
  type SnapshotPorts,
  type SnapshotSigning,
  type TakenSnapshot,
  takeSnapshot,
} from './snapshot.ts';
import type { MirrorSpec } from './spec.ts';

/** One run of a full mirror, up to its snapshot. */
export interface MirrorRequest extends OperationOptions {
  readonly spec: MirrorSpec;
  readonly ports: SnapshotPorts;
  /** Where snapshots are kept, open for writing. */
  readonly snapshots: { readonly repository: Repository; readonly reference: RegistryReference };
  /** By the file of the key, as the spec names it. */
  readonly verifiers: ReadonlyMap<string, Verifier>;
  /** Opens the keys; not called where nothing has changed. */
  prepare(): Promise<SnapshotSigning>;
}

/** What a run took, and what became of it. */
export interface MirrorRun {
  readonly taken: TakenSnapshot;
  readonly published: PublishedSnapshot;
}

/**
 * Takes a snapshot of what a spec means and publishes it, as takeSnapshot and publishSnapshot say. A kit of it is for
 * whoever carries it: gatherKit.
 */
export async function runMirror(request: MirrorRequest): Promise<MirrorRun> {
  const { spec, ports, snapshots, verifiers, signal } = request;
  const previous = (await readNewest(spec, snapshots.repository, { signal }))?.document;
  const taken = await takeSnapshot(spec, ports, { previous, verifiers, signal });
  return { taken, published: await publishSnapshot(spec, taken, snapshots, () => request.prepare(), { signal }) };
}
