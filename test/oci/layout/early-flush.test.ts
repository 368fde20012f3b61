import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EarlyFlush } from '../../../src/oci/layout/file-io/early-flush.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';

const MiB = 1024 * 1024;

test('what the system says of an early flush is kept for whoever asks at the end', async () => {
  // A device has no disk to be flushed to (fsync(2): EINVAL).
  const file = openSync('/dev/null', 'w');
  try {
    const flush = new EarlyFlush(file);
    flush.add(17 * MiB);
    flush.add(17 * MiB);
    await expect(flush.end()).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(flush.end()).rejects.toMatchObject({ code: 'EINVAL' });
  } finally {
    closeSync(file);
  }
});

test('a file is flushed as often as it is worth it', async () => {
  const file = openSync(join(await makeTempDir(), 'f'), 'w');
  try {
    const flush = new EarlyFlush(file);
    for (let i = 0; i < 40; i++) flush.add(MiB);
    await flush.end();
  } finally {
    closeSync(file);
  }
});
