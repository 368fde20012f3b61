import { digestOf, encodeCanonical, type JsonObject } from '#core';
import type { ClassSummary, RecordClass } from '#evidence';
import { checkExportIndex, type Shard } from './export-index.generated.ts';
import { classesOf, indexPath } from './paths.ts';

const SCHEMAS = 'https://stellaops.io/export-center/schemas';

/** The index of a class: canonical JSON and a line end. */
export function encodeIndex(recordClass: RecordClass, k: number, shards: readonly Shard[]): Uint8Array {
  const index = {
    schema: `${SCHEMAS}/export-index/v1`,
    version: '1.0.0',
    view: 'raw',
    class: recordClass,
    k,
    records: shards.reduce((sum, shard) => sum + shard.records, 0),
    shards: shards.map((shard) => ({ ...shard })),
  };
  checkExportIndex(index, indexPath(recordClass));
  return encodeLine(index);
}

/**
 * redaction.json of a raw view: no rule was applied, so no record was redacted. Records that were withheld are listed
 * in export.json.
 */
export function encodeRedaction(classes: Readonly<Partial<Record<RecordClass, ClassSummary>>>): Uint8Array {
  const rules: JsonObject[] = [];
  return encodeLine({
    schema: `${SCHEMAS}/export-redaction/v1`,
    version: '1.0.0',
    view: 'raw',
    rules,
    rulesDigest: digestOf(encodeCanonical(rules)),
    classes: classesOf(classes).map((name) => ({ class: name, records: classes[name]?.count ?? 0, redacted: 0 })),
  });
}

function encodeLine(value: JsonObject): Uint8Array {
  return Buffer.concat([encodeCanonical(value), Buffer.from('\n')]);
}
