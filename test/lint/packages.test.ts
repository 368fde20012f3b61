import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { inspectPackages } from '../../scripts/packages.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

let root: string;

beforeEach(async () => {
  root = await makeTempDir();
  await build('src/core/index.ts', 'src/core/digest.ts', 'src/oci/layout/index.ts', 'src/oci/layout/tar/files.ts');
});

async function build(...files: string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), '');
  }
}

const series = (folder: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${folder}/file-${i}.ts`);

test('a checkout in order has no faults', async () => {
  await build('src/cli/main.ts', 'test/core/digest.test.ts', 'scripts/check.ts');
  expect(await inspectPackages(root)).toEqual([]);
});

test.each(['src/core', 'src/oci/layout/tar', 'test/core', 'scripts'])(
  '%s may hold 20 files, not 21',
  async (folder) => {
    const there = folder === 'src/core' ? 2 : folder === 'src/oci/layout/tar' ? 1 : 0;
    await build(...series(folder, 20 - there));
    expect(await inspectPackages(root)).toEqual([]);
    await build(`${folder}/one-more.ts`);
    expect(await inspectPackages(root)).toEqual([`${folder}: 21 files, more than 20`]);
  },
);

test('test data are not counted', async () => {
  await build(...series('test/core/vectors', 50), ...series('test/core/golden', 50));
  expect(await inspectPackages(root)).toEqual([]);
});

test.each([
  ['src/loose.ts', ['src: loose.ts must be in a package']],
  ['src/oci/loose.ts', ['src/oci: loose.ts must be in a package']],
  ['src/mirror/plan.ts', ['src/mirror: a package needs a public entry, index.ts']],
  ['src/oci/image/pack.ts', ['src/oci/image: a package needs a public entry, index.ts']],
  ['src/cli/index.ts', ['src/cli: a package needs a public entry, main.ts']],
  ['src/core/deep/index.ts', ['src/core/deep: only a package has a public entry, index.ts']],
  ['src/oci/layout/tar/index.ts', ['src/oci/layout/tar: only a package has a public entry, index.ts']],
  ['src/core/deep/er/file.ts', ['src/core/deep/er: more than one level below a package']],
  ['src/oci/layout/tar/deep/file.ts', ['src/oci/layout/tar/deep: more than one level below a package']],
  ['src/core/utils.ts', ['src/core/utils.ts: the name says nothing of what is inside']],
  ['src/core/types.ts', ['src/core/types.ts: the name says nothing of what is inside']],
  ['test/helpers/wait.ts', ['test/helpers: the name says nothing of what is inside']],
])('%s is seen', async (file, faults) => {
  await build(file);
  expect(await inspectPackages(root)).toEqual(faults);
});

test('an empty folder is seen', async () => {
  await mkdir(join(root, 'src/tuf'));
  expect(await inspectPackages(root)).toEqual([
    'src/tuf: a package needs a public entry, index.ts',
    'src/tuf: an empty folder',
  ]);
});
