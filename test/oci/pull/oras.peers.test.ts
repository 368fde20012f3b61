import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { digestOf } from '#core';
import { cli } from '../../cli/command-line.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describePeers, runPeer } from '../../peers/peers.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
  await mkdir(join(dir, 'src/cfg/sub/empty'), { recursive: true });
  await writeFile(join(dir, 'src/cfg/a.txt'), 'a');
  await writeFile(join(dir, 'src/cfg/sub/run.sh'), '#!/bin/sh\n');
  await chmod(join(dir, 'src/cfg/sub/run.sh'), 0o755);
  await writeFile(join(dir, 'src/c.txt'), 'c');
});

async function oras(cwd: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await runPeer('oras', args, { cwd: join(dir, cwd) });
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
}

/** Paths, with what is in the files and who may run them. */
async function treeOf(folder: string): Promise<string[]> {
  const paths = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    paths.map(async (path) => {
      const found = await stat(join(folder, path));
      if (found.isDirectory()) return `${path}/`;
      const runs = (found.mode & 0o100) === 0 ? '' : ' may be run';
      return `${path} ${digestOf(await readFile(join(folder, path)))}${runs}`;
    }),
  );
}

describePeers(['oras'], 'a folder packed by oras', () => {
  test.each([
    ['a folder beside a file', ['cfg', 'c.txt']],
    ['a folder and a file below it', ['cfg', 'cfg/a.txt']],
    ['a folder below a folder', ['cfg/sub']],
    ['all that there is', ['.']],
  ])('%s comes down as oras pull lays it down', async (_, paths) => {
    const layout = join(dir, 'layout');
    await oras('src', 'push', '--oci-layout', `${layout}:v1`, ...paths);
    await oras('.', 'pull', '--oci-layout', `${layout}:v1`, '-o', 'theirs');
    const { status, err } = await cli('pull', `oci:${layout}:v1`, '-o', join(dir, 'ours'));
    expect([status, err]).toEqual([0, '']);
    expect(await treeOf(join(dir, 'ours'))).toEqual(await treeOf(join(dir, 'theirs')));
  });

  test('a folder with a link in it is refused, and --no-unpack gives the packed file', async () => {
    const layout = join(dir, 'layout');
    await symlink('a.txt', join(dir, 'src/cfg/link'));
    await oras('src', 'push', '--oci-layout', `${layout}:v1`, 'cfg');
    const words = ['pull', `oci:${layout}:v1`, '-o', join(dir, 'ours')];
    expect(await cli(...words)).toMatchObject({ status: 2, err: expect.stringContaining('--no-unpack') });
    expect(await cli(...words, '--no-unpack')).toMatchObject({ status: 0 });
    expect((await stat(join(dir, 'ours/cfg'))).isFile()).toBe(true);
  });
});
