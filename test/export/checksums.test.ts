import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, test } from 'vitest';
import { digestOf } from '#core';
import { encodeChecksums } from '../../src/export/forms/checksums.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

const run = promisify(execFile);
let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

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
