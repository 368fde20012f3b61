import type { BucketAccount } from '#artifacts';
import type { Digest, Instant } from '#core';
import type { AddedTarget } from '#tuf';

/** What became of a layer: sent, linked on the other side, found there, or only planned. */
export type LayerState = 'uploaded' | 'mounted' | 'present' | 'planned';

/** One layer of the artifact, as `--output json` shows it. */
export interface LayerReport {
  readonly title: string;
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly state: LayerState;
}

/** A manifest that points at the artifact: signature, provenance, export.json. */
export interface ReferrerReport {
  readonly artifactType: string;
  readonly digest: Digest;
}

/** What happened at one destination. */
export interface Publication {
  /** With the digest; absent where a plan names no destination. */
  readonly reference: string | undefined;
  readonly layers: readonly LayerReport[];
  /** Bytes of blobs and manifests that went over the wire or into files. */
  readonly bytesSent: number;
  readonly referrers: readonly ReferrerReport[];
  /** Whether this run made signatures, or found what it would have made. */
  readonly signed: 'signed' | 'present' | 'unsigned';
  /** What the tag pointed at before this run, where that was another artifact. */
  readonly previousDigest?: Digest | undefined;
}

/** How many records went which way. */
export interface RecordCounts {
  readonly kept: number;
  readonly leftOut: number;
  readonly withheld: number;
}

/** How much the profile could not carry for one reason; export.json lists the records. */
interface LossCounts {
  readonly reason: string;
  readonly scope: 'record' | 'part';
  readonly records: number;
  readonly parts: number;
}

/** A bundle as a target of a TUF repository. */
export interface ListedBundle extends AddedTarget {
  readonly stream: string;
}

/** What became of a database into which records were merged. */
export interface MergeSummary {
  /** Of the base, unpacked. */
  readonly digest: Digest;
  readonly baseBytes: number;
  readonly mergedBytes: number;
  readonly buckets: readonly BucketAccount[];
  readonly conflicts: readonly LossCounts[];
  /** Those of the selector that neither database has a bucket of. */
  readonly ecosystemsNotFound: readonly string[];
}

/** The result of `export` and `plan`: one artifact, and where it went. */
export interface ExportReport {
  readonly digest: Digest;
  readonly profile: string;
  readonly asOf: Instant;
  readonly records: RecordCounts;
  readonly losses: readonly LossCounts[];
  readonly merge?: MergeSummary;
  /** In the order in which the destinations were named; one without a reference where a plan names none. */
  readonly publications: readonly Publication[];
  /** Where a TUF repository lists it. */
  readonly tuf?: ListedBundle;
}
