import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { fileError } from '#core';
import { withWorkDir } from '../../src/export/work-dir.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

test('a full disk below TMPDIR says to set it elsewhere, another full disk does not', async () => {
  const dir = await makeTempDir();
  vi.stubEnv('TMPDIR', dir);
  const full = (path: string) => fileError(Object.assign(new Error('full'), { code: 'ENOSPC' }), path);
  const here = withWorkDir(async (workDir) => {
    throw full(join(workDir, 'sort', '0'));
  });
  await expect(here).rejects.toMatchObject({
    code: 'ERR_EXPORT_DISK_FULL',
    hint: expect.stringContaining('set TMPDIR'),
  });
  const elsewhere = withWorkDir(async () => {
    throw full('/elsewhere/0');
  });
  await expect(elsewhere).rejects.toMatchObject({ hint: expect.stringContaining('free some space') });
  expect(await readdir(dir)).toEqual([]);
  vi.unstubAllEnvs();
});
