import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '#oci/store';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, noise } from '../content.ts';
import { streamOf } from './stream-of.ts';

const bytes = noise(300_000);
const { digest } = describe(bytes);

test('a wrong digest leaves no file', async () => {
  const root = await makeTempDir();
  const { uploads, paths } = (await openStore(root, { tenant: 'default' })).repository('a');
  await expect(uploads.put(digest, streamOf(bytes.subarray(1), 7_000))).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
  });
  expect(await readdir(paths.uploads)).toEqual([]);
  expect(await readdir(join(root, 'default'))).not.toContain('blobs');
});

test('uploads of one blob into several repositories at once make one file', async () => {
  const store = await openStore(await makeTempDir(), { tenant: 'default' });
  const put = (name: string) => store.repository(name).uploads.put(digest, streamOf(bytes, 7_000));
  await Promise.all(['a', 'b', 'a', 'c', 'b'].map(put));
  expect(Buffer.compare(await readFile(store.paths.blob(digest)), bytes)).toBe(0);
});
