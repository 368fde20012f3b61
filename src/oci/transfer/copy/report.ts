import type { Descriptor, Digest } from '#core';
import type { PushOutcome } from '#oci/image';
import { type CopyFailure, type CopyFailureKind, copyFailureOf, kindOfFailure } from './copy-failure.ts';
import type { CopyTag, MovedTag, TagConflict } from './tags.ts';

/** Content that was left out on purpose. */
export interface Excluded {
  readonly descriptor: Descriptor;
  readonly reason: string;
}

/** A manifest that was not pushed, or a tag that was not set, since something below it is not at the target. */
export interface Incomplete {
  readonly descriptor: Descriptor;
  readonly tag?: string | undefined;
  /** What is not there. */
  readonly lacks: Digest;
}

/** A referrer that was copied too. */
export interface CopiedReferrer {
  readonly subject: Digest;
  /** As the source lists it. */
  readonly descriptor: Descriptor;
}

/** What a copy did. */
export interface CopyReport {
  /** What became of each content, by digest, in the order in which it was found. */
  readonly outcomes: ReadonlyMap<Digest, PushOutcome>;
  /** All that is at the target: what was sent and what was there. */
  readonly completed: readonly Descriptor[];
  /** How many of those nobody asked for, because the target has the manifest that names them. */
  readonly assumed: number;
  /** Bytes of the contents that were uploaded. */
  readonly bytesSent: number;
  readonly referrers: readonly CopiedReferrer[];
  /** Tags that name something else than before. */
  readonly tagged: readonly MovedTag[];
  /** Tags that were left as they are, since to set them would lose what they lead to at the target. */
  readonly conflicts: readonly TagConflict[];
  /** All tags that stand at the target as they were to be, cosign's too. */
  readonly tags: readonly CopyTag[];
  readonly excluded: readonly Excluded[];
  /** Listed at the source, and not there or damaged. Empty unless `keepGoing`, as the next. */
  readonly missing: readonly CopyFailure[];
  /** Manifests of types that cannot be followed, so that what they need is not known. */
  readonly unsupported: readonly CopyFailure[];
  /** Not taken by the target: without `keepGoing` only manifests that it has as blobs. */
  readonly refused: readonly CopyFailure[];
  readonly incomplete: readonly Incomplete[];
}

/** What a copy has left out, assumed or failed at so far. */
export class CopyLog {
  readonly referrers: CopiedReferrer[] = [];
  readonly excluded: Excluded[] = [];
  readonly incomplete: Incomplete[] = [];
  readonly failures: Record<CopyFailureKind, CopyFailure[]> = { missing: [], unsupported: [], refused: [] };
  /** Blobs that the target is assumed to have, and that nobody has asked for. */
  readonly assumed = new Set<Digest>();
  readonly #keepGoing: boolean;

  /** @param keepGoing whether a failure that concerns one content is an entry of the report, not the end of the copy */
  constructor(keepGoing: boolean) {
    this.#keepGoing = keepGoing;
  }

  /** Notes a failure that concerns one content or tag. @throws the error itself where it ends the copy */
  note(error: unknown, about: Pick<CopyFailure, 'descriptor' | 'tag' | 'namedBy'>): void {
    const kind = this.#keepGoing ? kindOfFailure(error) : undefined;
    if (kind === undefined) throw error;
    this.failures[kind].push(copyFailureOf(error, about));
  }

  /** Whether a failure is one that `note` takes. */
  isNotable(error: unknown): boolean {
    return this.#keepGoing && kindOfFailure(error) !== undefined;
  }
}
