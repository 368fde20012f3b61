import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BboltEntry, BboltFile, entriesOfWhole, writeBbolt } from '#bbolt';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { content, entriesOf, textOf } from './entries.ts';

async function write(path: string, entries: readonly BboltEntry[]): Promise<string> {
  await writeBbolt(path, [entries]);
  return path;
}

/** Whole buckets opened where `whole`; how many there were. */
async function read(
  path: string,
  whole: boolean,
): Promise<{ readonly texts: readonly string[]; readonly wholes: number }> {
  const texts: string[] = [];
  let wholes = 0;
  await using file = await BboltFile.open(path);
  for await (const batch of file.batches({ whole })) {
    for (const entry of batch) {
      const inside = entry.wholeOf === undefined ? [entry] : entriesOfWhole(entry);
      if (entry.wholeOf !== undefined) expect(inside).toHaveLength(entry.wholeOf);
      wholes += Number(entry.wholeOf !== undefined);
      texts.push(...inside.map(textOf));
    }
  }
  return { texts, wholes };
}

const b = (text: string): Buffer => Buffer.from(text);
const small = ['a', 'b', 'c'].map((key) => ({
  bucket: [b('root'), b('small')],
  key: b(key),
  value: b(`value of ${key}`),
}));

describe('whole buckets', () => {
  it('give the same bytes when they are written again', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (made) => {
        const dir = await makeTempDir();
        const path = await write(join(dir, 'a.db'), [...entriesOf(made)]);
        await using file = await BboltFile.open(path);
        await writeBbolt(join(dir, 'b.db'), file.batches({ whole: true }));
        expect((await readFile(join(dir, 'b.db'))).equals(await readFile(path))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('hold what a reader of each entry finds, whatever byte of the file is another', async () => {
    const dir = await makeTempDir();
    const bytes = await readFile(await write(join(dir, 'a.db'), small));
    expect((await read(join(dir, 'a.db'), true)).wholes).toBe(1);
    const path = join(dir, 'changed.db');
    const outcomeOf = (whole: boolean) => read(path, whole).then(({ texts }) => texts, String);
    for (let at = 3 * 4096; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        if (bytes[at] === 0 && at % 7 !== 0) continue;
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ bit;
        await writeFile(path, changed);
        expect(await outcomeOf(true), `byte ${at}`).toEqual(await outcomeOf(false));
      }
    }
  });

  it('are not taken where they are in the root, are empty or large, or hold a bucket', async () => {
    const dir = await makeTempDir();
    const path = await write(join(dir, 'a.db'), [
      { bucket: [b('a root')], key: b('key'), value: b('value') },
      { bucket: [b('root'), b('empty')] },
      { bucket: [b('root'), b('large')], key: b('key'), value: Buffer.alloc(2000) },
      { bucket: [b('root'), b('nested'), b('inner')], key: b('key'), value: b('value') },
    ]);
    const { texts, wholes } = await read(path, true);
    expect(texts).toEqual((await read(path, false)).texts);
    // The innermost of the nested ones is whole.
    expect(wholes).toBe(1);
  });
});
