import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { cli } from '../command-line.ts';

const EXPORT = ['--profile', 'json:raw', '--source', 'examples', '--unsigned'];

/** Each command, given a reference. */
const COMMANDS: readonly (readonly [string, (reference: string) => string[]])[] = [
  ['export --to', (reference) => ['export', ...EXPORT, '--to', reference]],
  ['export --signed-as', (reference) => ['export', ...EXPORT, '--to', 'oci:nowhere:1', '--signed-as', reference]],
  ['plan --to', (reference) => ['plan', ...EXPORT.slice(0, 4), '--to', reference]],
  ['copy from', (reference) => ['copy', reference, 'oci:nowhere:1']],
  ['copy to', (reference) => ['copy', 'oci:nowhere:1', reference]],
  ['verify', (reference) => ['verify', reference, '--key', 'cosign.pub']],
  ['pull', (reference) => ['pull', reference, '-o', 'nowhere']],
  ['ls', (reference) => ['ls', reference]],
  ['inspect', (reference) => ['inspect', reference]],
  ['discover', (reference) => ['discover', reference]],
  ['tag', (reference) => ['tag', reference, '2']],
  ['delete', (reference) => ['delete', reference]],
  ['fsck', (reference) => ['fsck', reference]],
  ['gc', (reference) => ['gc', reference]],
];

test.each(COMMANDS)('%s refuses the forms of other tools, and makes no folder', async (_, words) => {
  const dir = await makeTempDir();
  for (const reference of [`oci:/${dir}/registry.example.com/team/app:1`, 'docker://h.io/a:1', 'dir:/srv/a']) {
    const { status, err } = await cli(...words(reference));
    expect([reference, status, err]).toEqual([reference, 2, expect.stringContaining('hint: ')]);
  }
  expect(await readdir(dir)).toEqual([]);
});
