import { readdir } from 'node:fs/promises';
import { beforeEach, expect, test } from 'vitest';
import { digestOf } from '#core';
import { LossCollector, maxListed, recordsLeftOut } from '../../src/artifacts/losses.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

let folder: string;
beforeEach(async () => {
  folder = await makeTempDir();
});

const collector = () => new LossCollector(folder, { whole: 'record', part: 'part', unused: 'part' });

test('nothing left out is an empty list', async () => {
  expect(await collector().finish()).toEqual([]);
});

test('groups by reason and record in byte order, whatever order they come in', async () => {
  const losses = collector();
  for (const record of ['b', '\u{1f600}', 'a', '\uffee', 'B']) losses.add('whole', record);
  losses.add('part', 'x', '/affected/2');
  losses.add('part', 'y', '/affected/0');
  losses.add('part', 'x', '/affected/10');
  losses.add('part', 'x', '/affected/11');
  const found = await losses.finish();
  expect(found).toEqual([
    {
      reason: 'part',
      scope: 'part',
      records: 2,
      parts: 4,
      digest: digestOf(Buffer.from('x\x003\0/affected/2\ny\x001\0/affected/0\n')),
      listed: [
        { record: 'x', parts: 3, pointer: '/affected/2' },
        { record: 'y', parts: 1, pointer: '/affected/0' },
      ],
    },
    {
      reason: 'whole',
      scope: 'record',
      records: 5,
      parts: 5,
      digest: digestOf(Buffer.from(['B', 'a', 'b', '\uffee', '\u{1f600}'].map((id) => `${id}\x001\0\n`).join(''))),
      listed: ['B', 'a', 'b', '\uffee', '\u{1f600}'].map((record) => ({ record, parts: 1, pointer: '' })),
    },
  ]);
  expect(recordsLeftOut(found)).toEqual({ whole: 5 });
});

test('a pointer is whole, whatever characters it is made of', async () => {
  const losses = collector();
  losses.add('part', 'x', '/a\0b/\n');
  const [found] = await losses.finish();
  expect(found?.listed).toEqual([{ record: 'x', parts: 1, pointer: '/a\0b/\n' }]);
});

test('lists up to the limit, and the digest covers the rest', async () => {
  const ids = Array.from({ length: maxListed + 2 }, (_, i) => `A-${String(i).padStart(6, '0')}`);
  const summaryOf = async (names: readonly string[]) => {
    const losses = collector();
    for (const name of names) losses.add('whole', name);
    return (await losses.finish())[0];
  };
  const all = await summaryOf(ids.toReversed());
  expect(all).toMatchObject({ records: maxListed + 2, parts: maxListed + 2 });
  expect(all?.listed.map(({ record }) => record)).toEqual(ids.slice(0, maxListed));
  expect(all?.digest).toBe(digestOf(Buffer.from(ids.map((id) => `${id}\x001\0\n`).join(''))));
  const other = await summaryOf([...ids.slice(0, -1), 'Z']);
  expect(other?.listed).toEqual(all?.listed);
  expect(other?.digest).not.toBe(all?.digest);
});

test('many entries go through files and come out the same', async () => {
  const losses = collector();
  const count = 60_000;
  for (let i = 0; i < count; i++) {
    losses.add('part', `A-${(i * 7919) % count}`, `/affected/${i}`);
    if (i % 1000 === 0) await losses.relieve();
  }
  expect(await readdir(folder)).not.toEqual([]);
  const [found] = await losses.finish();
  expect(found).toMatchObject({ records: count, parts: count });
  expect(found?.listed[0]).toEqual({ record: 'A-0', parts: 1, pointer: '/affected/0' });
});
