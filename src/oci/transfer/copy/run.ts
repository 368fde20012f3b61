import type { Digest } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { CopiedContents, type OnCopyProgress } from './contents.ts';
import { CopyLog } from './report.ts';
import { Semaphore } from './semaphore.ts';
import { type CopyTag, TagSetter } from './tags.ts';
import { Transfer } from './transfer.ts';

/** What a copy takes along and how it may be watched. */
export interface CopyOptions extends OperationOptions {
  /** Copy the referrers of every manifest too, and theirs. */
  readonly referrers?: boolean | undefined;
  /** Copy cosign's tags `sha256-<hex>.sig`, `.att` and `.sbom` of every manifest too. */
  readonly cosignTags?: boolean | undefined;
  /** Tags to set at the target, after all else and in this order. */
  readonly tags?: readonly CopyTag[] | undefined;
  /** Go on where one content is missing at the source or refused by the target, and report it. */
  readonly keepGoing?: boolean | undefined;
  /** Look for each content at the target, also where the target has the manifest that names it. */
  readonly checkAll?: boolean | undefined;
  /** The repository of the target's registry that a blob can be mounted from, where the source is not of that registry. */
  readonly mountFrom?: ((digest: Digest) => string | undefined) | undefined;
  /** Blobs that the target was found to have just now: they are not asked for again. */
  readonly isPresent?: ((digest: Digest) => boolean) | undefined;
  /** Transfers at a time; 8 unless told. */
  readonly concurrency?: number | undefined;
  readonly onProgress?: OnCopyProgress | undefined;
}

/** What planner, executor and tags of one copy share. */
export interface CopyRun {
  readonly source: Repository;
  readonly target: Repository;
  readonly options: CopyOptions;
  readonly concurrency: number;
  /** Whoever asks the source or the target for something holds a permit. */
  readonly semaphore: Semaphore;
  readonly contents: CopiedContents;
  readonly transfer: Transfer;
  readonly tags: TagSetter;
  readonly log: CopyLog;
  /** Ends with the copy, for whatever reason. */
  readonly signal: AbortSignal;
  /** Ends the copy: nothing more is begun. The first failure is that of the copy. @returns the first */
  fail(error: unknown): unknown;
}

/** @throws RangeError for a concurrency below 1 */
export function startRun(source: Repository, target: Repository, options: CopyOptions): CopyRun {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const contents = new CopiedContents(options.onProgress);
  const { concurrency = 8 } = options;
  return {
    source,
    target,
    options,
    concurrency,
    semaphore: new Semaphore(concurrency),
    contents,
    transfer: new Transfer(source, target, contents, { ...options, signal }),
    tags: new TagSetter(source, target, { signal: options.signal }),
    log: new CopyLog(options.keepGoing ?? false),
    signal,
    fail: (error) => {
      if (!stop.signal.aborted) stop.abort(error);
      return stop.signal.reason;
    },
  };
}
