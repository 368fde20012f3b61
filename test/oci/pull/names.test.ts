import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, digestOf } from '#core';
import { contentOf, packManifest, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { pullFiles } from '#oci/transfer';
import { cli, cliJson } from '../../cli/command-line.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { pushBytes } from '../content.ts';

let dir: string;
let repository: Repository;
beforeEach(async () => {
  dir = await makeTempDir();
  repository = await openLayout(join(dir, 'layout'), { create: true, durable: false });
});
afterEach(async () => {
  await repository.close();
});

async function layer(title: string, content: string): Promise<Descriptor> {
  const bytes = Buffer.from(content);
  const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.byteLength };
  await repository.push(descriptor, contentOf(bytes));
  return { ...descriptor, annotations: { [annotationKeys.title]: title } };
}

const layersOf = (titles: readonly string[]) => Promise.all(titles.map((title, i) => layer(title, `content ${i}`)));

test.each<[string, string[]]>([
  ['a device', ['con']],
  ['a device in capitals, with an ending', ['a/NUL.txt']],
  ['a device with endings', ['aux.tar.gz']],
  ['a numbered device', ['COM1']],
  ['a device numbered with a raised digit', ['lpt².log']],
  ['a device, a space and an ending', ['prn .txt']],
  ['the device of the console', ['CONIN$']],
  ['a folder that is a device', ['com9.d/file']],
  ['a dot at the end', ['x.']],
  ['dots at the end of a folder', ['x../y']],
  ['a space at the end', ['x ']],
  ['a space at the end of a folder', ['x /y']],
  ['a stream of another file', ['name:stream']],
  ['a wildcard', ['x*']],
  ['a question mark', ['a/what?']],
  ['quotes', ['"x"']],
  ['angle brackets', ['<x>']],
  ['a pipe', ['x|y']],
  ['a right-to-left override', ['x\u202egnp.exe']],
  ['a right-to-left isolate', ['x\u2067y']],
  ['a right-to-left mark', ['x\u200f']],
  ['a zero-width joiner, which HFS+ passes over', ['.g\u200dit']],
  ['a zero-width space', ['a\u200bb']],
  ['a byte order mark', ['\ufeffx']],
  ['a line separator', ['a\u2028b']],
  ['a filler that shows nothing', ['a\u3164b']],
  ['two names that differ in case', ['A', 'a']],
  ['two names that differ in the case of ß', ['Straße', 'STRASSE']],
  ['two folders that differ in case', ['Dir/one', 'dir/two']],
  ['a file and a folder that differ in case', ['dir', 'Dir/two']],
  ['one name with an accent in two forms', ['\u00e9', 'e\u0301']],
  ['folders with an accent in two forms', ['\u00e9/one', 'e\u0301/two']],
  ['Greek with two forms of sigma', ['\u03c3', '\u03c2']],
  ['the sign for kelvin', ['\u212a', 'k']],
])('refuses %s before anything is written, unless told', async (_, titles) => {
  const layers = await layersOf(titles);
  await expect(pullFiles(repository, layers, join(dir, 'out'))).rejects.toMatchObject({
    code: 'ERR_EXPORT_MANIFEST_INVALID',
    hint: expect.stringContaining('--allow-unportable-names'),
  });
  expect(await readdir(dir)).toEqual(['layout']);
  await pullFiles(repository, layers, join(dir, 'out'), { allowUnportableNames: true });
  const files = await readdir(join(dir, 'out'), { recursive: true });
  expect(files.length).toBeGreaterThanOrEqual(titles.length);
});

test.each([
  'console.txt',
  'nullable',
  'com10',
  'com',
  '.hidden',
  ' leading',
  'a b',
  'naïve.txt',
  'データ/ファイル',
  'auxiliary/x',
  'x..y',
  '...x',
  '😀.txt',
])('takes the name %j', async (title) => {
  await pullFiles(repository, [await layer(title, 'x')], join(dir, 'out'));
});

test('takes names that are only alike', async () => {
  await pullFiles(repository, await layersOf(['a', 'a.b', 'ab/A', 'ab/b', 'b', 'é', 'e']), join(dir, 'out'));
});

test.each(['../x', '/x', 'a\\b', 'x\0', '.git/../../x'])('%j stays refused, whatever is allowed', async (title) => {
  const pulling = pullFiles(repository, [await layer(title, 'x')], join(dir, 'out'), { allowUnportableNames: true });
  await expect(pulling).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
});

test.each([
  ['longer than any path', `${'b'.repeat(250)}/`.repeat(20).concat('x')],
  ['deeper than any tree', `${'a/'.repeat(128)}x`],
  ['of millions of parts', `${'a/'.repeat(1_000_000)}x`],
])('refuses a title %s', async (_, title) => {
  await expect(pullFiles(repository, [await layer(title, 'x')], join(dir, 'out'))).rejects.toMatchObject({
    code: 'ERR_EXPORT_MANIFEST_INVALID',
  });
});

test('pull --allow-unportable-names takes them from the command line', async () => {
  const layers = [await layer('CON', 'x')];
  const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const { descriptor, bytes } = packManifest({ artifactType: 'application/x', config, layers });
  await repository.push(descriptor, contentOf(bytes));
  await repository.tag(descriptor, 'v1');
  const words = ['pull', `oci:${join(dir, 'layout')}:v1`, '-o', join(dir, 'out')];
  expect(await cli(...words)).toMatchObject({ status: 3, err: expect.stringContaining('--allow-unportable-names') });
  expect(await cliJson(...words, '--allow-unportable-names')).toMatchObject({ files: [{ path: 'CON' }] });
});
