import type { BboltEntry } from '#bbolt';
import type { EntryBatches } from './cursor.ts';
import type { DropCursor } from './drops.ts';
import { kindOf, rootNames, textOfName } from './names.ts';
import type { MergeSubject } from './rules.ts';

/**
 * The own entries that are merged into a base. What a source of the base takes precedence over is dropped, and what is
 * about Red Hat where the base is too: its advisories name products by their numbers in one list, and two lists are not
 * one.
 */
export async function* keepOwn(merge: MergeSubject, drops: DropCursor): EntryBatches {
  const hasRedHat = merge.base.roots.some((root) => kindOf(root) === 'redHat');
  const isKept = (entry: BboltEntry): boolean =>
    hasRedHat && isRedHat(entry) ? leave(merge, entry) : !drops.takes(entry);
  try {
    for await (const batch of merge.own.batches()) yield batch.filter(isKept);
  } finally {
    await drops.close();
  }
}

function isRedHat({ bucket: [root] }: BboltEntry): boolean {
  return root !== undefined && kindOf(textOfName(root)) === 'redHat';
}

function leave({ conflicts }: MergeSubject, { bucket: [root, name], key }: BboltEntry): false {
  if (root === undefined || name === undefined || key === undefined) return false;
  if (textOfName(root) === rootNames.redHat) {
    conflicts.add('outranked', { root: rootNames.redHat, package: name, id: key });
  }
  return false;
}
