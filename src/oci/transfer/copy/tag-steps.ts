import { CodedError } from '#core';
import { bareDescriptor, type Repository } from '#oci/image';
import type { CopyExecutor } from './executor.ts';
import type { CopyRun } from './run.ts';
import type { CopyTag, TagConflict } from './tags.ts';

/**
 * The tags that may be set, as far as can be told before anything is copied; the others are conflicts.
 *
 * @throws CodedError ERR_EXPORT_TAG_CONFLICT where none may be set, or without `keepGoing`
 */
export async function settableTags(run: CopyRun, wanted: readonly CopyTag[]): Promise<readonly CopyTag[]> {
  const conflicts = await Promise.all(wanted.map((tag) => run.semaphore.run(() => run.tags.conflictOf(tag))));
  const found = conflicts.filter((conflict) => conflict !== undefined);
  const first = found[0];
  if (first === undefined) return wanted;
  if (!run.options.keepGoing || found.length === wanted.length) throw tagConflict(run.target, first);
  run.tags.conflicts.push(...found);
  return wanted.filter((_, i) => conflicts[i] === undefined);
}

/** Sets tags: cosign's first, then the others in their order; a layout writes its index once. */
export async function setTags(
  run: CopyRun,
  executor: CopyExecutor,
  cosignTags: readonly CopyTag[],
  others: readonly CopyTag[],
): Promise<void> {
  const all = [...cosignTags, ...others];
  const complete = await Promise.all(all.map((tag) => isComplete(run, executor, tag)));
  const looked = await Promise.all(
    all.map((tag, i) => {
      if (!complete[i]) return undefined;
      const look = async () => ({ tag, before: await run.semaphore.run(() => run.tags.find(tag)) });
      return orFailure(run, tag, look);
    }),
  );
  const set = async (each: (typeof looked)[number]): Promise<void> => {
    if (each === undefined) return;
    await orFailure(run, each.tag, () => run.semaphore.run(() => run.tags.set(each.tag, each.before)));
  };
  await Promise.all(looked.slice(0, cosignTags.length).map(set));
  for (const each of looked.slice(cosignTags.length)) await set(each);
  await run.target.flush?.({ signal: run.options.signal });
}

/** Whether all that a tag names is at the target; the log tells where not. */
async function isComplete({ log }: CopyRun, executor: CopyExecutor, { tag, descriptor }: CopyTag): Promise<boolean> {
  const completion = await executor.completionOf(descriptor.digest);
  if (completion.isComplete) return true;
  log.incomplete.push({ descriptor: bareDescriptor(descriptor), tag, lacks: completion.lacks });
  return false;
}

/** @returns undefined for a failure that concerns the tag alone, which the log tells */
async function orFailure<T>(
  { log }: CopyRun,
  { tag, descriptor }: CopyTag,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    log.note(error, { descriptor: bareDescriptor(descriptor), tag });
    return undefined;
  }
}

function tagConflict(target: Repository, { tag, existing, reason }: TagConflict): CodedError {
  return new CodedError('ERR_EXPORT_TAG_CONFLICT', `${target.name}:${tag}: ${reason}`, {
    hint: `specify the target in full to keep both: ${target.name}:HOST/REPO:${tag}; or delete the tag there first`,
    details: { tag, existing },
  });
}
