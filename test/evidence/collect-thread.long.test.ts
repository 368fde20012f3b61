import { availableParallelism } from 'node:os';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { CollectOptions, RecordClass, RecordSet } from '#evidence';
import { type ForgedEntry, forgeZip } from '../archive/zip-forge.ts';
import { EvidenceFixture } from './fixture.ts';

const COUNT = 9000;

const nameOf = (n: number): string => `${String((n * 7) % COUNT).padStart(4, '0')}.json`;

/** An archive of which two threads read two blocks and one; the changed entries lie in the second one's. */
function entries(changed: Readonly<Record<number, string>> = {}): ForgedEntry[] {
  return Array.from({ length: COUNT }, (_, n) => {
    const day = String(1 + (n % 28)).padStart(2, '0');
    const record = { id: `A-${(n * 31) % COUNT}`, modified: `2026-01-${day}T00:00:00Z`, details: `number ${n}` };
    return { name: nameOf(n), content: changed[n] ?? JSON.stringify(record), stored: true };
  });
}

async function contentsOf(set: RecordSet) {
  const records = [];
  for (const recordClass of ['advisories', 'vex'] satisfies RecordClass[]) {
    for await (const batch of set.batches(recordClass)) {
      for (const { key, digest, bytes } of batch) records.push(`${key} ${digest} ${Buffer.from(bytes)}`);
    }
  }
  const { kept, leftOut, unscored, withheld, newest, newestRecord, classes } = set;
  const files = [...set.withheldFiles, ...set.ignored].map(({ name }) => name).sort();
  return { records, kept, leftOut, unscored, withheld, newest, newestRecord, classes, files };
}

async function collected(fixture: EvidenceFixture, archive: string, options: Partial<CollectOptions>) {
  const set = await fixture.collect([archive], options);
  try {
    return await contentsOf(set);
  } finally {
    await set.close();
  }
}

const parts = { partsFrom: 1 };

test('two threads collect what one does', async () => {
  expect(availableParallelism()).toBeGreaterThan(1);
  await using fixture = await EvidenceFixture.make();
  const archive = await fixture.file('all.zip', forgeZip(entries()));
  const selector = { modifiedSince: '2026-01-03T00:00:00Z' } as CollectOptions['selector'];
  for (const options of [{}, { selector }]) {
    const alone = await collected(fixture, archive, options);
    expect(await collected(fixture, archive, { ...options, ...parts })).toEqual(alone);
    expect(alone.records.length).toBeGreaterThan(8000);
    expect(await fixture.leftovers()).toEqual([]);
  }
});

test('what one of them leaves is read and named as ever', async () => {
  await using fixture = await EvidenceFixture.make();
  const changed = {
    5000: '{"id": "A-bad", "modified": "never"}',
    5001: '{"some": "JSON"}',
    6000: '[{"id":"B-1","modified":"2026-03-01T00:00:00Z"},{"id":"B-2","modified":"2026-02-01T00:00:00Z"}]',
    100: '{"id": "A-bad-too", "modified": "never"}',
  };
  const archive = await fixture.file('all.zip', forgeZip(entries(changed)));
  const alone = await collected(fixture, archive, { withholdInvalid: true });
  expect(await collected(fixture, archive, { withholdInvalid: true, ...parts })).toEqual(alone);
  expect(alone.files).toEqual([nameOf(5000), nameOf(5001), nameOf(100)].sort());
  expect(alone.newestRecord).toBe('B-1');

  const one = await fixture.file('one.zip', forgeZip(entries({ 5000: changed[5000] })));
  const failure = { code: 'ERR_EXPORT_RECORD_INVALID', message: expect.stringContaining(nameOf(5000)) };
  await expect(collected(fixture, one, parts)).rejects.toMatchObject(failure);
  expect(await fixture.leftovers()).toEqual([]);
});

test('a conflict between the two is found, and damage in the second part is named', async () => {
  await using fixture = await EvidenceFixture.make();
  const other = '{"id":"A-31","modified":"2026-01-01T00:00:00Z","details":"another"}';
  const conflict = await fixture.file('conflict.zip', forgeZip(entries({ 5000: other })));
  await expect(collected(fixture, conflict, parts)).rejects.toMatchObject({ code: 'ERR_EXPORT_RECORD_CONFLICT' });

  const damaged = entries().map((entry, n) => (n === 5000 ? { ...entry, lie: { crc: 1 } } : entry));
  const archive = await fixture.file('damaged.zip', forgeZip(damaged));
  await expect(collected(fixture, archive, parts)).rejects.toMatchObject({
    code: 'ERR_EXPORT_ARCHIVE_INVALID',
    message: expect.stringContaining(nameOf(5000)),
  });
  expect(await fixture.leftovers()).toEqual([]);
});

test('records that a thread alone has read count, also where it stops after them', async () => {
  await using fixture = await EvidenceFixture.make();
  const record = '{"id":"A-1","modified":"2026-01-01T00:00:00Z"}';
  const names = Array.from({ length: 4100 }, (_, n) => `${n}.json`);
  const other = '{"some":"JSON"}';
  const forged = names.map((name, n) => ({ name, content: n === 4096 ? record : other, stored: true }));
  const archive = await fixture.file('few.zip', forgeZip(forged));
  const alone = await collected(fixture, archive, {});
  expect(await collected(fixture, archive, parts)).toEqual(alone);
  expect(alone.kept).toBe(1);
});

test('progress counts a file that both threads read once', async () => {
  await using fixture = await EvidenceFixture.make();
  const record = (n: number) => `{"id":"A-${n}","modified":"2026-01-01T00:00:00Z"}`;
  const list = `[${record(9001)},${record(9002)},{"not":"one"},${record(9003)}]`;
  const names = Array.from({ length: 4100 }, (_, n) => `${n}.json`);
  const forged = names.map((name, n) => ({ name, content: n === 4098 ? list : record(n), stored: true }));
  const archive = await fixture.file('list.zip', forgeZip(forged));
  const told = async (options: Partial<CollectOptions>) => {
    let last: unknown;
    const onProgress = (...counts: number[]) => {
      last = counts;
    };
    await collected(fixture, archive, { ...options, onProgress });
    return last;
  };
  expect(await told(parts)).toEqual(await told({}));
});

test('what both threads unpack counts against one limit', async () => {
  await using fixture = await EvidenceFixture.make();
  const packed = (id: string) =>
    gzipSync(`{"id":"${id}","modified":"2026-01-01T00:00:00Z"}${' '.repeat(15 * 1024 * 1024)}`);
  const forged = Array.from({ length: 4110 }, (_, n) => {
    const isPacked = n < 5 || (n >= 4096 && n < 4101);
    return isPacked
      ? { name: `${n}.json.gz`, content: packed(`A-${n}`), stored: true }
      : { name: `${n}.txt`, content: '', stored: true };
  });
  const failure = { code: 'ERR_EXPORT_ARCHIVE_LIMIT', message: expect.stringContaining('more than 200 times') };
  const archive = await fixture.file('packed.zip', forgeZip(forged));
  await expect(collected(fixture, archive, {})).rejects.toMatchObject(failure);
  await expect(collected(fixture, archive, parts)).rejects.toMatchObject(failure);

  const records = forged.map((entry, n) =>
    entry.content === ''
      ? { ...entry, name: `${n}.json`, content: `{"id":"B-${n}","modified":"2026-01-01T00:00:00Z"}` }
      : entry,
  );
  const other = await fixture.file('records.zip', forgeZip(records.filter((_, n) => n < 4096 || n % 2 === 0)));
  const alone = await collected(fixture, other, {});
  expect(await collected(fixture, other, parts)).toEqual(alone);
  expect(await fixture.leftovers()).toEqual([]);
});
