import type { Instant } from '#core';
import type { WithheldRecord } from '#evidence';
import type { Loss } from './losses.ts';
import type { MergeReport } from './trivy-merge.ts';

/** A content file of a bundle on its way to becoming a layer. Drafts are consumed in order, each stream once. */
export interface LayerDraft {
  /** Relative path in the bundle, forward slashes; becomes the layer's title. */
  readonly path: string;
  readonly mediaType: string;
  /** How many records it holds; 0 for indexes and metadata. */
  readonly records: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What a builder found out while it built; complete once all drafts are consumed. */
export interface BuildReport {
  /** Records withheld by the builder, in addition to those that the sources withheld. */
  readonly withheld: readonly WithheldRecord[];
  /** What this profile leaves out by rule, records and parts of records, in byte order of reason. */
  readonly losses: readonly Loss[];
  /** How records were cut into shards, where they were: a shard begins at a key whose SHA-256 ends in `k` zero bits. */
  readonly shards?: { readonly k: number } | undefined;
  /** What became of a database that others have built, where there is one. */
  readonly merge?: BaseMerge | undefined;
}

/** What became of the keys of a base, and how large it was and is, in bytes. */
export interface BaseMerge extends MergeReport {
  readonly baseBytes: number;
  readonly mergedBytes: number;
}

/** What every builder is told. */
export interface BuildOptions {
  /** The bundle's one point in time. */
  readonly asOf: Instant;
  /** A folder for temporary files; the builder removes what it put there. */
  readonly workDir: string;
  readonly signal?: AbortSignal | undefined;
}

/** A build under way: its drafts, then its report. */
export interface Build {
  readonly drafts: AsyncIterable<LayerDraft>;
  /** Throws until the drafts are consumed. */
  report(): BuildReport;
}
