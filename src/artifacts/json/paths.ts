import { compareText } from '#core';
import type { RecordClass } from '#evidence';
import { shardName } from './shard-cuts.ts';

/** The file that says what was taken out of records. */
export const redactionPath = 'redaction.json';

/** The file of the shard that begins at `firstKey`. */
export function shardPath(recordClass: RecordClass, firstKey: string): string {
  return `data/raw/${recordClass}/${shardName(firstKey)}.jsonl.zst`;
}

/** The file that lists the shards of a class. */
export function indexPath(recordClass: RecordClass): string {
  return `indexes/${recordClass}.index.json`;
}

/** What kind of file a path names, and of which class; undefined for any other. */
export function parsePath(path: string): { readonly kind: 'shard' | 'index'; readonly class: RecordClass } | undefined {
  const match =
    /^(?:data\/raw\/(advisories|vex)\/[0-9a-f]{2,80}\.jsonl\.zst|indexes\/(advisories|vex)\.index\.json)$/.exec(path);
  if (match === null) return undefined;
  const kind = match[1] === undefined ? 'index' : 'shard';
  return { kind, class: (match[1] ?? match[2]) as RecordClass };
}

/** The classes that a map has, in byte order. */
export function classesOf(classes: Readonly<Partial<Record<RecordClass, unknown>>>): RecordClass[] {
  return (Object.keys(classes) as RecordClass[]).sort(compareText);
}
