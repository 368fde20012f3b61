import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test, vi } from 'vitest';
import { cli } from '../../cli/command-line.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';

afterEach(() => vi.unstubAllEnvs());

test.each(['oci-archive', 'docker-archive'])('%s: a compressed archive needs a TMPDIR, and says so', async (kind) => {
  const dir = await makeTempDir();
  await writeFile(join(dir, 'a.tar.gz'), gzipSync(Buffer.alloc(1024)));
  vi.stubEnv('TMPDIR', join(dir, 'missing'));
  const { status, err } = await cli('copy', `${kind}:${dir}/a.tar.gz:1`, `oci:${dir}/out:1`);
  expect(status).toBe(1);
  expect(err).toContain('ERR_EXPORT_NOT_FOUND');
  expect(err).toContain('hint: set TMPDIR to a directory');
});
