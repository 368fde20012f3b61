import { createHash } from 'node:crypto';
import { compareText, type Digest, digestOf, encodeCanonical, type Instant, type JsonObject } from '#core';
import type { EvidenceRecord, RecordClass, RecordSet } from '#evidence';

/** An advisory with this id and some text, as the evidence package returns it. */
export function advisory(id: string, text = `about ${id}`): EvidenceRecord {
  return recordOf('advisories', { id, details: text, modified: '2026-01-01T00:00:00Z' });
}

/** A VEX document whose key follows from its content. */
export function vexDocument(text: string): EvidenceRecord {
  return recordOf('vex', { '@context': 'https://openvex.dev/ns/v0.2.0', author: text, statements: [] });
}

function recordOf(recordClass: RecordClass, value: JsonObject): EvidenceRecord {
  const bytes = encodeCanonical(value);
  const digest = digestOf(bytes);
  const key = recordClass === 'advisories' ? String(value['id']) : `openvex/${digest.slice('sha256:'.length)}`;
  const format = recordClass === 'advisories' ? 'osv' : 'openvex';
  return { class: recordClass, format, key, bytes, digest, departs: false };
}

/** A record set in memory that hands out batches of these sizes, over and over. */
export function recordSetOf(records: readonly EvidenceRecord[], batchSizes: readonly number[] = [100]): RecordSet {
  const classes: Partial<Record<RecordClass, { count: number; digest: Digest }>> = {};
  const byClass = Map.groupBy(
    records.toSorted((a, b) => compareText(a.key, b.key)),
    (record) => record.class,
  );
  for (const [name, items] of byClass) {
    const hash = createHash('sha256');
    for (const { key, digest } of items) hash.update(`${key}\0${digest.slice('sha256:'.length)}\n`);
    classes[name] = { count: items.length, digest: `sha256:${hash.digest('hex')}` as Digest };
  }
  return {
    kept: records.length,
    leftOut: {},
    unscored: 0,
    withheld: [],
    withheldFiles: [],
    withheldFilesCount: 0,
    ignored: [],
    ignoredCount: 0,
    newest: '2026-01-01T00:00:00Z' as Instant,
    newestRecord: '',
    classes,
    async *batches(name) {
      const items = byClass.get(name) ?? [];
      for (let at = 0, turn = 0; at < items.length; turn++) {
        const size = batchSizes[turn % batchSizes.length] as number;
        yield items.slice(at, at + size);
        at += size;
      }
    },
    close: async () => undefined,
  };
}
