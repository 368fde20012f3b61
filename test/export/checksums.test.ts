import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '#core';
import { encodeChecksums, parseChecksums } from '../../src/export/checksums.ts';

const run = promisify(execFile);
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'checksums-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('encodeChecksums: sha256sum accepts the list strictly, and refuses a damaged file', async () => {
  await writeFile(join(dir, 'b.txt'), 'b');
  await writeFile(join(dir, 'a.txt'), 'a');
  const list = encodeChecksums([
    { path: 'b.txt', digest: digestOf('b') },
    { path: 'a.txt', digest: digestOf('a') },
  ]);
  await writeFile(join(dir, 'checksums.txt'), list);
  const check = () => run('sha256sum', ['--check', '--strict', 'checksums.txt'], { cwd: dir });
  expect((await check()).stdout).toBe('a.txt: OK\nb.txt: OK\n');
  await writeFile(join(dir, 'a.txt'), 'A');
  await expect(check()).rejects.toMatchObject({ code: 1 });
});

test('parseChecksums: reads back what was written', () => {
  const files = [
    { path: 'data/raw/advisories/0.jsonl.zst', digest: digestOf('x') },
    { path: 'export.json', digest: digestOf('y') },
  ];
  expect(parseChecksums(encodeChecksums(files))).toEqual(files);
});

test.each([
  'abc',
  `${'0'.repeat(64)}  a`,
  `${'0'.repeat(64)} *a\n`,
  `${'0'.repeat(63)}  a\n`,
  `\\${'0'.repeat(64)}  a\\nb\n`,
])('parseChecksums: refuses %j', (text) => {
  expect(() => parseChecksums(text)).toThrowError(expect.objectContaining({ code: 'ERR_EXPORT_CONTENT_MISMATCH' }));
});
