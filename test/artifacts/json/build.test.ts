import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildJsonRaw, jsonRawAdapter } from '#artifacts';
import { compareText, digestOf, type Instant, mediaTypes } from '#core';
import { parseExportIndex } from '../../../src/artifacts/json/export-index.generated.ts';
import { readJson } from '../../core/read-json.ts';
import { runPeer, testPeers } from '../../peers/peers.ts';
import { buildAll } from './building.ts';
import { advisory, recordSetOf, vexDocument } from './record-set.ts';

const advisories = Array.from({ length: 700 }, (_, i) => advisory(`GO-2026-${String(i).padStart(4, '0')}`));
const documents = Array.from({ length: 90 }, (_, i) => vexDocument(`vendor ${i}`));
const all = [...documents, ...advisories];
const options = { asOf: '2026-01-01T00:00:00Z' as Instant, workDir: '/nowhere' };

test('files come in byte order of path, with their media types', async () => {
  const { files } = await buildAll(recordSetOf(all));
  const paths = files.map(({ path }) => path);
  expect(paths.toSorted(compareText)).toEqual(paths);
  expect(paths.slice(-3)).toEqual(['indexes/advisories.index.json', 'indexes/vex.index.json', 'redaction.json']);
  const types = new Set(files.map(({ path, mediaType }) => `${path.split('/')[0]} ${mediaType}`));
  expect([...types]).toEqual([
    `data ${mediaTypes.exportRecords}`,
    `indexes ${mediaTypes.exportIndex}`,
    `redaction.json ${mediaTypes.exportRedaction}`,
  ]);
});

test('the shards of a class, one after the other, are its records in order, a line each', async () => {
  const { files } = await buildAll(recordSetOf(all));
  for (const name of ['advisories', 'vex']) {
    const shards = files.filter(({ path }) => path.startsWith(`data/raw/${name}/`));
    expect(shards.length).toBeGreaterThan(3);
    const text = shards.map(({ bytes }) => zstdDecompressSync(bytes).toString()).join('');
    const records = all.filter((record) => record.class === name).toSorted((a, b) => compareText(a.key, b.key));
    expect(text).toBe(records.map(({ bytes }) => `${Buffer.from(bytes)}\n`).join(''));
    expect(shards.reduce((sum, shard) => sum + shard.records, 0)).toBe(records.length);
  }
});

test('an index leads to the shard of each record', async () => {
  const { files, k } = await buildAll(recordSetOf(all));
  const byPath = new Map(files.map((file) => [file.path, file]));
  const file = byPath.get('indexes/advisories.index.json');
  const index = parseExportIndex(file?.bytes ?? Buffer.alloc(0), 'index');
  expect(index).toMatchObject({ class: 'advisories', view: 'raw', k, records: advisories.length });
  expect(file?.bytes.at(-1)).toBe(0x0a);
  for (const { key, bytes } of advisories) {
    const shard = index.shards.findLast(({ firstKey }) => compareText(firstKey, key) <= 0);
    expect(compareText(key, shard?.lastKey ?? '')).toBeLessThanOrEqual(0);
    const found = byPath.get(shard?.path ?? '');
    expect(found).toMatchObject({ digest: shard?.digest, sizeBytes: shard?.sizeBytes, records: shard?.records });
    expect(zstdDecompressSync(found?.bytes ?? Buffer.alloc(0)).toString()).toContain(`${Buffer.from(bytes)}\n`);
  }
});

test('redaction.json says that nothing was taken out, and of how many records', async () => {
  const { files } = await buildAll(recordSetOf(all));
  expect(readJson(String(files.at(-1)?.bytes))).toEqual({
    schema: 'https://stellaops.io/export-center/schemas/export-redaction/v1',
    version: '1.0.0',
    view: 'raw',
    rules: [],
    rulesDigest: digestOf('[]'),
    classes: [
      { class: 'advisories', records: advisories.length, redacted: 0 },
      { class: 'vex', records: documents.length, redacted: 0 },
    ],
  });
});

test('the same bytes, of a known digest, whatever the batches', async () => {
  const digestsWith = async (sizes: readonly number[]) => {
    const { files } = await buildAll(recordSetOf(all, sizes));
    return digestOf(files.map(({ path, digest }) => `${path} ${digest}\n`).join(''));
  };
  // Raise the adapter's version where this moves, and only there.
  expect(jsonRawAdapter).toEqual({ name: 'json-raw', version: 1 });
  expect(await digestsWith([100])).toBe('sha256:d79939c5e6faf2ea185598c74afa32f7aa21fa312bc6e33c76d1128e8c2cc5e7');
  const expected = await digestsWith([100]);
  const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(sizes, async (some) => {
      expect(await digestsWith(some)).toBe(expected);
    }),
    { numRuns: 10 },
  );
});

test('a record that changes changes one shard, the index, and nothing else', async () => {
  const before = await buildAll(recordSetOf(all));
  const changed = all.map((record) => (record.key === 'GO-2026-0333' ? advisory(record.key, 'new text') : record));
  const after = await buildAll(recordSetOf(changed));
  const digests = new Set(before.files.map(({ path, digest }) => `${path} ${digest}`));
  const moved = after.files.filter(({ path, digest }) => !digests.has(`${path} ${digest}`));
  expect(moved.map(({ path }) => path.split('/')[0])).toEqual(['data', 'indexes']);
});

test('60,000 records stay below a thousand layers, export.json and checksums.txt included', async () => {
  const many = Array.from({ length: 60_000 }, (_, i) => advisory(`MAL-${i}`, ''));
  const { files, k } = await buildAll(recordSetOf(many, [4096]));
  expect(k).toBeGreaterThan(5);
  expect(files.length + 2).toBeLessThanOrEqual(1000);
  expect(files.length).toBeGreaterThan(400);
});

test('a single record, and a record of eight mebibytes and more, are built', async () => {
  const one = await buildAll(recordSetOf([advisory('A')]));
  expect(one.files.map(({ records }) => records)).toEqual([1, 0, 0]);
  const large = advisory('B', 'x'.repeat(9 * 1024 * 1024));
  const { files } = await buildAll(recordSetOf([advisory('A'), large]));
  expect(zstdDecompressSync(files[0]?.bytes ?? Buffer.alloc(0)).length).toBeGreaterThan(large.bytes.length);
});

describe('misuse and failure', () => {
  test('the report waits for the drafts', () => {
    expect(() => buildJsonRaw(recordSetOf(all), options).report()).toThrow(TypeError);
  });

  test('a draft that was not consumed is noticed', async () => {
    const drafts = buildJsonRaw(recordSetOf(all), options).drafts[Symbol.asyncIterator]();
    await drafts.next();
    await expect(drafts.next()).rejects.toThrow('consume a draft before asking for the next one');
  });

  test('a set that shrinks between two readings is a failure, not a smaller bundle', async () => {
    const set = recordSetOf(all, [50]);
    let readings = 0;
    const batches: typeof set.batches = async function* (name) {
      readings++;
      for await (const batch of set.batches(name)) yield readings > 2 ? batch.slice(1) : batch;
    };
    await expect(buildAll({ ...set, batches })).rejects.toMatchObject({ code: 'ERR_EXPORT_INTERNAL' });
  });

  test('an aborted run ends before it packs', async () => {
    const build = buildJsonRaw(recordSetOf(all), { ...options, signal: AbortSignal.abort() });
    await expect(build.drafts[Symbol.asyncIterator]().next()).rejects.toMatchObject({ name: 'AbortError' });
  });
});

testPeers(['zstd'], 'stock zstd unpacks a shard, and refuses it damaged', async () => {
  const { files } = await buildAll(recordSetOf(all));
  const shard = files[0]?.bytes ?? Buffer.alloc(0);
  const { stdout, code } = await runPeer('zstd', ['-q', '-d', '-c'], { input: shard });
  expect([code, stdout]).toEqual([0, zstdDecompressSync(shard).toString()]);
  const damaged = Buffer.from(shard);
  damaged[shard.length >> 1] = (damaged[shard.length >> 1] ?? 0) ^ 0x10;
  expect((await runPeer('zstd', ['-q', '-t'], { input: damaged })).code).not.toBe(0);
});
