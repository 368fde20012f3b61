import { link, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, CodedError, type Descriptor, digestOf, hexOf, thisOwner } from '#core';
import { type ByteRange, contentOf, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { pullFiles } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';

const CONTENT = '0123456789';

let dir: string;
let out: string;
let repository: Repository;
let wanted: Descriptor;
beforeEach(async () => {
  dir = await makeTempDir();
  out = join(dir, 'out');
  repository = await openLayout(join(dir, 'layout'), { create: true, durable: false });
  const bytes = Buffer.from(CONTENT);
  const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.byteLength };
  await repository.push(descriptor, contentOf(bytes));
  wanted = { ...descriptor, annotations: { [annotationKeys.title]: 'f.bin' } };
  await pullFiles(repository, [wanted], out);
  await rm(join(out, 'f.bin'));
});
afterEach(async () => {
  await repository.close();
});

type Feed = (range: ByteRange | undefined) => AsyncIterable<Uint8Array>;

/** The repository with another way to give bytes. */
function feeding(feed: Feed): Repository {
  return Object.create(repository, {
    fetch: { value: async (_: Descriptor, options?: { range?: ByteRange }) => feed(options?.range) },
  });
}

const partialOf = (owner?: string) =>
  join(out, `.${hexOf(wanted.digest)}.${owner === undefined ? '' : `${owner}.0123456789abcdef01.`}partial`);

/** A process of this machine that is none: beyond the largest id that Linux gives. */
const deadOwner = () => thisOwner().replace(/^\d+/, '4194305');

async function expectWhole(): Promise<void> {
  expect(await readdir(out)).toEqual(['f.bin']);
  expect(await readFile(join(out, 'f.bin'), 'utf8')).toBe(CONTENT);
}

/** Gives a byte at a time, and lets each of those that fetch at once have its turn. */
async function* slowly(range: ByteRange | undefined): AsyncGenerator<Uint8Array> {
  for (const char of CONTENT.slice(range?.start ?? 0)) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    yield Buffer.from(char);
  }
}

test.each([0, 4])(
  'two pulls into one folder at once, %d bytes left by an earlier one: both end right',
  async (left) => {
    if (left > 0) await writeFile(partialOf(), CONTENT.slice(0, left));
    let second: Promise<unknown> | undefined;
    const first = feeding(async function* (range) {
      for await (const chunk of slowly(range)) {
        // Not before this one has begun its file.
        second ??= pullFiles(feeding(slowly), [wanted], out);
        yield chunk;
      }
    });
    await pullFiles(first, [wanted], out);
    await second;
    await expectWhole();
  },
);

test('many pulls that find one rest: one goes on with it, all end right', async () => {
  await writeFile(partialOf(), CONTENT.slice(0, 4));
  const pulls = Array.from({ length: 8 }, () => pullFiles(feeding(slowly), [wanted], out));
  const states = (await Promise.all(pulls)).map(([file]) => file?.state);
  expect(states.filter((state) => state === 'resumed').length).toBeLessThanOrEqual(1);
  await expectWhole();
});

test('what a killed process was writing is gone on with, the longest first, and no other is left', async () => {
  await writeFile(partialOf(), CONTENT.slice(0, 3));
  await writeFile(partialOf(deadOwner()), CONTENT.slice(0, 6));
  const ranges: (ByteRange | undefined)[] = [];
  const watched = feeding((range) => {
    ranges.push(range);
    return slowly(range);
  });
  expect((await pullFiles(watched, [wanted], out))[0]?.state).toBe('resumed');
  expect(ranges).toEqual([{ start: 6, end: 9 }]);
  await expectWhole();
});

test('what a live process is writing is left to it', async () => {
  await writeFile(partialOf(thisOwner()), CONTENT.slice(0, 6));
  expect((await pullFiles(repository, [wanted], out))[0]?.state).toBe('fetched');
  expect(await readFile(partialOf(thisOwner()), 'utf8')).toBe(CONTENT.slice(0, 6));
});

test('what another machine was writing, or this one before a power cut, is gone on with in a copy', async () => {
  const elsewhere = '1.1.0000000000000000';
  await writeFile(partialOf(elsewhere), CONTENT.slice(0, 6));
  expect((await pullFiles(repository, [wanted], out))[0]?.state).toBe('resumed');
  expect(await readFile(join(out, 'f.bin'), 'utf8')).toBe(CONTENT);
  expect(await readFile(partialOf(elsewhere), 'utf8')).toBe(CONTENT.slice(0, 6));
  const anHourAgo = Date.now() / 1000 - 3601;
  await utimes(partialOf(elsewhere), anHourAgo, anHourAgo);
  expect((await pullFiles(repository, [wanted], out))[0]?.state).toBe('present');
  await expectWhole();
});

test.each([
  ['symbolic', symlink],
  ['hard', link],
])('a %s link in the place of a rest is taken away, and what it leads to is not touched', async (_, makeLink) => {
  const victim = join(dir, 'victim');
  await writeFile(victim, CONTENT.slice(0, 4));
  await makeLink(victim, partialOf());
  expect((await pullFiles(repository, [wanted], out))[0]?.state).toBe('fetched');
  expect(await readFile(victim, 'utf8')).toBe(CONTENT.slice(0, 4));
  await expectWhole();
});

test.each([
  ['zeros', Buffer.alloc(7)],
  ['zeros to the end', Buffer.alloc(10)],
  ['more than the whole', Buffer.from(`${CONTENT}x`)],
  ['nothing', Buffer.alloc(0)],
])('a rest of %s is thrown away, and the file fetched anew at once', async (_, rest) => {
  await writeFile(partialOf(), rest);
  let bytes = 0;
  const add = (sizeBytes: number) => {
    bytes += sizeBytes;
  };
  const options = { onBytes: add, onFound: add, onDropped: (sizeBytes: number) => add(-sizeBytes) };
  expect((await pullFiles(repository, [wanted], out, options))[0]?.state).toBe('fetched');
  expect(bytes).toBe(CONTENT.length);
  await expectWhole();
});

test('a registry that gives other bytes is told of, after a rest too, and nothing of them is kept', async () => {
  await writeFile(partialOf(), CONTENT.slice(0, 4));
  const lying = feeding(async function* (range) {
    yield Buffer.alloc(CONTENT.length - (range?.start ?? 0));
  });
  await expect(pullFiles(lying, [wanted], out)).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
  expect(await readdir(out)).toEqual([]);
});

test.each([0, 3])('a pull that breaks after %d bytes leaves these, and no empty file', async (sizeBytes) => {
  const breaking = feeding(async function* () {
    if (sizeBytes > 0) yield Buffer.from(CONTENT.slice(0, sizeBytes));
    throw new CodedError('ERR_EXPORT_NETWORK', 'cut', { hint: 'again' });
  });
  await expect(pullFiles(breaking, [wanted], out)).rejects.toMatchObject({ code: 'ERR_EXPORT_NETWORK' });
  expect((await readdir(out)).map((name) => join(out, name))).toEqual(sizeBytes > 0 ? [partialOf()] : []);
});
