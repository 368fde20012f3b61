import { mediaTypes } from '#core';
import type { RecordClass, RecordSet } from '#evidence';
import type { Build, BuildOptions, BuildReport, LayerDraft } from '../layer.ts';
import { encodeIndex, encodeRedaction } from './documents.ts';
import type { Shard } from './export-index.generated.ts';
import { classesOf, indexPath, redactionPath, shardPath } from './paths.ts';
import { chooseK, ShardCuts } from './shard-cuts.ts';
import { endsEarly, RecordFeed, ShardWriter } from './shard-writer.ts';

/** Names the builder in export.json. The version rises when, and only when, the same records give other bytes. */
export const jsonRawAdapter: { readonly name: string; readonly version: number } = { name: 'json-raw', version: 1 };

/** Registries and clients handle so many layers well; manifests stay below half a mebibyte. */
const MAX_LAYERS = 1000;
/** redaction.json, and the two that the export adds: export.json and checksums.txt. */
const OTHER_LAYERS = 3;

/**
 * Builds `json:raw`: the records as canonical JSON lines in content-defined shards, an index for each class, and
 * redaction.json, in byte order of path. Reads the set twice: keys to find the cuts, then records to pack.
 */
export function buildJsonRaw(set: RecordSet, options: BuildOptions): Build {
  let report: BuildReport | undefined;
  const drafts = async function* (): AsyncGenerator<LayerDraft> {
    const classes = classesOf(set.classes);
    const cuts = new Map<RecordClass, ShardCuts>();
    for (const name of classes) cuts.set(name, await findCuts(set, name, options.signal));
    const k = chooseK([...cuts.values()], MAX_LAYERS - OTHER_LAYERS - classes.length);
    const indexes = new Map<RecordClass, Shard[]>();
    for (const [name, found] of cuts) {
      const rows: Shard[] = [];
      yield* draftShards(set, name, found.startsFor(k), rows);
      indexes.set(name, rows);
    }
    for (const [name, rows] of indexes) {
      yield draftDocument(indexPath(name), mediaTypes.exportIndex, encodeIndex(name, k, rows));
    }
    yield draftDocument(redactionPath, mediaTypes.exportRedaction, encodeRedaction(set.classes));
    report = { withheld: [], losses: [], shards: { k } };
  };
  return {
    drafts: drafts(),
    report: () => {
      if (report === undefined) throw new TypeError('consume the drafts before asking for the report');
      return report;
    },
  };
}

async function findCuts(set: RecordSet, name: RecordClass, signal: AbortSignal | undefined): Promise<ShardCuts> {
  const cuts = new ShardCuts();
  for await (const batch of set.batches(name)) {
    signal?.throwIfAborted();
    for (const record of batch) cuts.add(record.key);
  }
  return cuts;
}

/** Drafts of the shards that begin at the records of these indexes; `rows` grows as drafts are consumed. */
async function* draftShards(
  set: RecordSet,
  name: RecordClass,
  starts: readonly number[],
  rows: Shard[],
): AsyncGenerator<LayerDraft> {
  const total = set.classes[name]?.count ?? 0;
  const feed = new RecordFeed(set.batches(name));
  try {
    for (const [at, start] of starts.entries()) {
      const count = (starts[at + 1] ?? total) - start;
      const first = await feed.next();
      if (first === undefined) throw endsEarly(indexPath(name), count);
      const shard = new ShardWriter(shardPath(name, first.key), feed, first, count);
      yield { path: shard.path, mediaType: mediaTypes.exportRecords, records: count, chunks: shard.chunks() };
      rows.push(shard.row());
    }
  } finally {
    await feed.close();
  }
}

function draftDocument(path: string, mediaType: string, bytes: Uint8Array): LayerDraft {
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  return { path, mediaType, records: 0, chunks: chunks() };
}
