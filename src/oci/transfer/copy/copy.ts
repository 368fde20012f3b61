import { type Descriptor, isManifestType } from '#core';
import { bareDescriptor, type GraphLink, type Repository, rootLink } from '#oci/image';
import { CopyExecutor } from './executor.ts';
import { CopyPlanner } from './planner.ts';
import type { CopyReport } from './report.ts';
import { type CopyOptions, type CopyRun, startRun } from './run.ts';
import { setTags, settableTags } from './tag-steps.ts';
import type { CopyTag } from './tags.ts';

/**
 * Copies artifacts from one repository to another, the one way by which bytes move: blobs before the manifests that
 * name them, subjects before their referrers, tags last. Everything that a root needs is looked at, also where the
 * root itself is at the target already, so a copy that was broken off is completed by the next. Only a target that
 * can be assumed to have the blobs of its manifests (Repository.assumesBlobs) is not asked for them, unless `checkAll`.
 *
 * After a failure nothing more is begun, what is under way is waited for, and no tag has moved. With `keepGoing`, what
 * concerns one content only is no failure: the rest is copied, and tags of what is not whole stay as they are.
 *
 * @throws CodedError with `side` (`source` or `target`) and `digest` in its details
 */
export async function copy(
  source: Repository,
  target: Repository,
  roots: readonly Descriptor[],
  options: CopyOptions = {},
): Promise<CopyReport> {
  const run = startRun(source, target, options);
  const tags = await settableTags(run, options.tags ?? []);
  const executor = new CopyExecutor(run);
  const cosignTags = await copyContents(run, executor, roots);
  await setTags(run, executor, cosignTags, tags);
  return reportOf(run);
}

/** Copies all but tags. @returns cosign's tags for what was copied */
async function copyContents(run: CopyRun, executor: CopyExecutor, roots: readonly Descriptor[]): Promise<CopyTag[]> {
  const planner = new CopyPlanner(run);
  try {
    const links = roots.map(rootLink);
    // What cannot be copied whole is told before anything is sent.
    await executor.execute(planner.plan(links.filter(({ kind }) => kind === 'unknown')));
    await executor.execute(planner.plan(links.filter(({ kind }) => kind !== 'unknown')));
    return await copyAttached(run, planner, executor);
  } catch (error) {
    const first = run.fail(error);
    await executor.end();
    throw first;
  }
}

/** Copies the referrers and what cosign's tags lead to, of all that was planned, and of these in turn. */
async function copyAttached(run: CopyRun, planner: CopyPlanner, executor: CopyExecutor): Promise<CopyTag[]> {
  const { referrers, cosignTags } = run.options;
  const tags: CopyTag[] = [];
  for (let fresh = planner.takeFresh(); fresh.length > 0; fresh = planner.takeFresh()) {
    const subjects = await takenBy(executor, fresh);
    if (referrers) {
      const listed = await Promise.all(subjects.map((subject) => planner.referrersOf(subject)));
      await executor.execute(planner.plan(listed.flatMap(linksOf)));
      await Promise.all(listed.map((each) => executor.listReferrers(each)));
    }
    if (!cosignTags) continue;
    const found = await planner.cosignTagsOf(subjects);
    await executor.execute(planner.plan(found.links));
    tags.push(...found.tags);
  }
  return tags;
}

/** A manifest of an unknown type that the target refuses is of no use there, and so is what refers to it. */
async function takenBy(executor: CopyExecutor, manifests: readonly Descriptor[]): Promise<Descriptor[]> {
  const taken = await Promise.all(
    manifests.map(async ({ digest, mediaType }) => {
      return isManifestType(mediaType) || (await executor.completionOf(digest)).isComplete;
    }),
  );
  return manifests.filter((_, i) => taken[i]);
}

function linksOf({ subject, referrers }: { subject: Descriptor; referrers: readonly Descriptor[] }): GraphLink[] {
  const reason = { kind: 'referrer', of: subject.digest } as const;
  return referrers.map((referrer) => ({ ...rootLink(bareDescriptor(referrer)), reason }));
}

function reportOf({ contents, tags, log }: CopyRun): CopyReport {
  return {
    outcomes: contents.outcomes(),
    completed: contents.completed(),
    assumed: log.assumed.size,
    bytesSent: contents.bytesSent,
    referrers: log.referrers,
    tagged: tags.moved,
    tags: tags.standing,
    conflicts: tags.conflicts,
    excluded: log.excluded,
    ...log.failures,
    incomplete: log.incomplete,
  };
}
