import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forgeFile } from '../archive/tar-forge.ts';
import { forgeZip } from '../archive/zip-forge.ts';
import { advisory } from '../fixtures/records.ts';
import type { Failure } from './failures.ts';
import { Standing } from './standing.ts';

const gibibyte = 1024 ** 3;
const most = 16 * 1024 * 1024;
/** What the program needs for itself, and room for a record or two; far below what it would take to hold one of these. */
const maxPeakBytes = 256 * 1024 * 1024;

let standing: Standing;
beforeAll(async () => {
  standing = await Standing.open();
});
afterAll(() => standing[Symbol.asyncDispose]());

const tooLarge = (says: RegExp): Failure => ({ code: 'ERR_EXPORT_RECORD_TOO_LARGE', says, hint: /split the record/ });

/** A file whose bytes are those of `before`, a gibibyte of zeros that takes no room on the disk, and `after`. */
async function sparse(name: string, before: Uint8Array = Buffer.alloc(0), after: Uint8Array = Buffer.alloc(0)) {
  const folder = join(standing.fixture.path, `sparse-${name}`);
  await mkdir(folder);
  await using file = await open(join(folder, name), 'w');
  await file.write(before, 0, before.byteLength, 0);
  await file.truncate(before.byteLength + gibibyte);
  await file.write(after, 0, after.byteLength, before.byteLength + gibibyte);
  return join(folder, name);
}

async function refusesInLittleMemory(source: string, failure: Failure): Promise<void> {
  const peakFile = join(standing.fixture.path, 'peak');
  await standing.refuses([source], failure, [], {
    preload: [join(import.meta.dirname, 'peak-memory.process.ts')],
    env: { PEAK_MEMORY_FILE: peakFile },
  });
  expect(Number(await readFile(peakFile, 'utf8')) * 1024).toBeLessThan(maxPeakBytes);
}

test('a file', async () => {
  await refusesInLittleMemory(await sparse('big.json', Buffer.from('{')), tooLarge(/big\.json: 1073741825 bytes/));
});

test('a file in a folder', async () => {
  const file = await sparse('Big.JSON');
  await refusesInLittleMemory(join(file, '..'), tooLarge(/Big\.JSON: 1073741824 bytes/));
});

test('a line', async () => {
  await refusesInLittleMemory(
    await sparse('records.jsonl', Buffer.from(`${JSON.stringify(advisory('A-1'))}\n\n{`)),
    tooLarge(/line 3/),
  );
});

test('an entry of a zip that is as large as it says', async () => {
  const lie = { packed: gibibyte, size: gibibyte };
  const whole = forgeZip([{ name: 'big.json', content: '', stored: true, lie }]);
  const headerBytes = 30 + 'big.json'.length;
  const after = Buffer.from(whole.subarray(headerBytes));
  // The directory begins behind the content.
  after.writeUInt32LE(headerBytes + gibibyte, after.length - 6);
  await refusesInLittleMemory(
    await sparse('big.zip', whole.subarray(0, headerBytes), after),
    tooLarge(/big\.json: 1073741824 bytes/),
  );
});

test('an entry of a tar', async () => {
  const [header = Buffer.alloc(0)] = forgeFile({
    name: 'big.json',
    size: `${gibibyte.toString(8).padStart(11, '0')}\0`,
  });
  await refusesInLittleMemory(
    await sparse('big.tar', header, Buffer.alloc(1024)),
    tooLarge(/big\.json: 1073741824 bytes/),
  );
});

test('what is no JSON by its name may be as large as it likes', async () => {
  const folder = await standing.fixture.folder({ 'a.json': advisory('A-1') });
  await using file = await open(join(folder, 'movie.bin'), 'w');
  await file.truncate(gibibyte);
  const { exit, stderr } = await standing.fixture.run(['plan', '--profile', 'json:raw', '--source', folder]);
  expect(exit).toBe(0);
  expect(stderr).toMatch(/movie\.bin: not JSON/);
});

test('16 MiB to the byte is taken, and one byte more is not', async () => {
  const fill = (size: number) => {
    const text = JSON.stringify(advisory('A-1', { details: '' }));
    return text.replace('"details":""', `"details":"${'x'.repeat(size - text.length)}"`);
  };
  const source = await standing.fixture.folder({ 'a.json': fill(most) });
  const { exit, stderr } = await standing.fixture.run(['plan', '--profile', 'json:raw', '--source', source]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  const larger = await standing.fixture.folder({ 'a.json': fill(most + 1) });
  await standing.refuses([larger], tooLarge(/a\.json: 16777217 bytes, more than the limit of 16777216 bytes/));
});
