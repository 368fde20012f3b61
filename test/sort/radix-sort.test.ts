import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readItems, Sorter } from '#sort';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'radix-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The keys in order, each with its place among those that were added. */
async function sorted(keys: readonly string[]): Promise<string[]> {
  const sorter = new Sorter(folder);
  for (const [index, key] of keys.entries()) sorter.add(key, String(index));
  const found: string[] = [];
  for await (const batch of readItems(sorter)) for (const { key, value } of batch) found.push(`${key} ${value}`);
  return found;
}

function expected(keys: readonly string[]): string[] {
  const items = keys.map((key, index) => ({ key, index }));
  items.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index));
  return items.map(({ key, index }) => `${key} ${index}`);
}

const byte = fc.constantFrom('\0', '\x01', 'a', 'b', '\x7f', '\x80', '\xff');
const key = fc.string({ unit: byte, maxLength: 6 }).map((text) => text.replace(/^a/, 'shared prefix'));

test('sorts hundreds of keys with shared beginnings, empty and equal ones as comparing them does', async () => {
  const property = fc.asyncProperty(fc.array(key, { minLength: 100, maxLength: 400 }), async (keys) => {
    expect(await sorted(keys)).toEqual(expected(keys));
  });
  await fc.assert(property, { numRuns: 50 });
});

test('sorts keys of which each begins with all others, and many that are one', async () => {
  const nested = Array.from({ length: 300 }, (_, n) => 'x'.repeat((n * 7) % 300));
  expect(await sorted(nested)).toEqual(expected(nested));
  const same = Array.from({ length: 3000 }, () => 'y'.repeat(5000));
  expect(await sorted(['z', ...same, 'a'])).toEqual(expected(['z', ...same, 'a']));
});
