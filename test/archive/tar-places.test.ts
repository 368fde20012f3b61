import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { findTarFiles } from '../../src/archive/tar/places.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { type ForgedFile, forgePax, forgeTar } from './tar-forge.ts';

let scratch: string;

beforeAll(async () => {
  scratch = await makeTempDir();
});

function member(type: string, name: string, content = ''): ForgedFile {
  return { type, name, content };
}

async function index(...files: readonly ForgedFile[]): Promise<[string, number][]> {
  const path = join(scratch, 'a.tar');
  await writeFile(path, forgeTar(files));
  await using file = await open(path);
  return [...(await findTarFiles(file, 'a.tar'))].map(([name, { size }]) => [name, size]);
}

/** The time of this thread that an action takes, in microseconds: the least of three runs. */
async function cost(action: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const before = process.threadCpuUsage();
    await action();
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, user + system);
  }
  return least;
}

const LONG = 'x'.repeat(200);

test.each([
  ['a long name with NULs behind it', [member('L', '././@LongLink', `${LONG}\0\0\0`)], LONG],
  ['a pax header', [forgePax({ mtime: '1', path: `é=${LONG}` })], `é=${LONG}`],
  ['a global header before a pax header', [forgePax({ comment: 'c' }, 'g'), forgePax({ path: 'b' })], 'b'],
  ['a long name and a pax header', [member('L', 'l', 'no'), forgePax({ path: 'yes' })], 'yes'],
  ['a pax header and a long name', [forgePax({ path: 'yes' }), member('L', 'l', 'no')], 'yes'],
])('reads %s', async (_what, extended, name) => {
  expect(await index(...extended, member('0', 'short', '12345'), member('0', 'other', ''))).toEqual([
    [name, 5],
    ['other', 0],
  ]);
});

test.each([
  ['no length', 'path=a\n'],
  ['a length that is too large', '99 path=a\n'],
  ['a length that is too small', '5 path=a\n'],
  ['a length of nothing', '0 path=a\n'],
  ['no equals sign', '8 pathx\n'],
  ['an equals sign in the next record only', '9 pathab\n9 path=b\n'],
  ['no line feed', '9 path=ab'],
  ['no key', '4 =\n'],
])('refuses a pax record with %s', async (_what, text) => {
  await expect(index(member('x', 'p', text), member('0', 'a'))).rejects.toMatchObject({
    code: 'ERR_EXPORT_ARCHIVE_INVALID',
    message: expect.stringContaining('damaged extended header'),
  });
});

test('refuses more than 16 extended headers before one file, and takes any number in all', async () => {
  const long = (name: string) => member('L', 'l', name);
  const some = Array.from({ length: 8 }, (_, i) => [long('no'), long(`n${i}`), member('0', 'a')]).flat();
  expect(await index(...some)).toHaveLength(8);
  for (const type of ['L', 'x', 'g', 'K']) {
    const many = Array.from({ length: 17 }, () => ({
      ...forgePax(type === 'g' ? { comment: 'b' } : { path: 'b' }),
      type,
    }));
    await expect(index(...many, member('0', 'a'))).rejects.toMatchObject({
      code: 'ERR_EXPORT_ARCHIVE_INVALID',
      message: expect.stringContaining('more than 16 extended headers before one entry'),
    });
  }
});

test.each([
  ['a long name full of NULs', (size: number) => member('L', 'l', `${'\0'.repeat(size - 1)}x`)],
  ['a pax header full of records', (size: number) => member('x', 'p', '5 a=\n'.repeat(size / 5))],
  ['a pax record with a long value', (size: number) => forgePax({ a: '='.repeat(size - 20) })],
])('takes time linear in the size of %s', async (_what, extended) => {
  const reading = (size: number) => async () => {
    const some = Array.from({ length: 15 }, () => extended(size));
    await index(...some, member('0', 'a')).catch(() => undefined);
  };
  await reading(64 * 1024)();
  const [less, more] = [await cost(reading(16 * 1024)), await cost(reading(64 * 1024))];
  expect(more / less).toBeLessThan(8);
});
