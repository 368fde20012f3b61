import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inspectHouse } from '../../scripts/house.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'export-center-house-'));
  await build('src/core/index.ts', 'src/core/digest.ts', 'src/oci/index.ts', 'src/oci/layout/files.ts');
});

afterEach(() => rm(root, { recursive: true }));

async function build(...files: string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), '');
  }
}

const series = (folder: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${folder}/file-${i}.ts`);

test('a sound house has no faults', async () => {
  await build('src/cli/main.ts', 'test/core/digest.test.ts', 'scripts/check.ts');
  expect(await inspectHouse(root)).toEqual([]);
});

test.each(['src/core', 'src/oci/layout', 'test/core', 'scripts'])('%s may hold 20 files, not 21', async (folder) => {
  const there = folder === 'src/core' ? 2 : folder === 'src/oci/layout' ? 1 : 0;
  await build(...series(folder, 20 - there));
  expect(await inspectHouse(root)).toEqual([]);
  await build(`${folder}/one-more.ts`);
  expect(await inspectHouse(root)).toEqual([`${folder}: 21 files, more than 20`]);
});

test('test data are not counted', async () => {
  await build(...series('test/core/vectors', 50), ...series('test/core/golden', 50));
  expect(await inspectHouse(root)).toEqual([]);
});

test.each([
  ['src/loose.ts', ['src: loose.ts must lie in a room']],
  ['src/mirror/plan.ts', ['src/mirror: a room needs a door, index.ts']],
  ['src/cli/index.ts', ['src/cli: a room needs a door, main.ts']],
  ['src/oci/layout/index.ts', ['src/oci/layout: only a room has a door, index.ts']],
  ['src/oci/layout/deep/file.ts', ['src/oci/layout/deep: more than one level below a room']],
  ['src/core/utils.ts', ['src/core/utils.ts: the name says nothing of what is inside']],
  ['src/core/types.ts', ['src/core/types.ts: the name says nothing of what is inside']],
  ['test/helpers/wait.ts', ['test/helpers: the name says nothing of what is inside']],
])('%s is seen', async (file, faults) => {
  await build(file);
  expect(await inspectHouse(root)).toEqual(faults);
});

test('an empty room is seen', async () => {
  await mkdir(join(root, 'src/tuf'));
  expect(await inspectHouse(root)).toEqual(['src/tuf: a room needs a door, index.ts', 'src/tuf: an empty shell']);
});
