import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor } from '#core';
import { packManifest } from '#oci/image';
import { openLayout } from '#oci/layout';
import { cli, cliJson } from '../../cli/command-line.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { inPieces, noise, pushBytes } from '../content.ts';

let dir: string;
let out: string;
beforeEach(async () => {
  dir = await makeTempDir();
  out = join(dir, 'out');
});

/** An artifact with one titled layer, and some without. */
async function artifactWith(untitled: number): Promise<string> {
  const layout = await openLayout(join(dir, 'layout'), { create: true, durable: false });
  const titled = await pushBytes(layout, noise(100, 'titled'));
  const layers: Descriptor[] = [{ ...titled, annotations: { [annotationKeys.title]: 'f.bin' } }];
  for (let i = 0; i < untitled; i++) layers.push(await pushBytes(layout, noise(100, `untitled ${i}`)));
  const config = await pushBytes(layout, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const { descriptor, bytes } = packManifest({ artifactType: 'application/x', config, layers });
  await layout.push(descriptor, inPieces(bytes, 1000));
  await layout.tag(descriptor, 'v1');
  await layout.close();
  return `oci:${join(dir, 'layout')}:v1`;
}

test.each([
  [1, /^note: 1 layer without a title was skipped/],
  [3, /^note: 3 layers without titles were skipped/],
])('pull: says that %d layers without titles are left out', async (untitled, note) => {
  const place = await artifactWith(untitled);
  const text = await cli('pull', place, '-o', out);
  expect(text).toMatchObject({ status: 0, out: expect.stringMatching(/^1 file, 100 B in /) });
  expect(text.err).toMatch(note);
  expect(text.err.split('\n')).toHaveLength(2);
  expect(await readdir(out)).toEqual(['f.bin']);
  const json = await cli('pull', place, '-o', out, '--output', 'json');
  expect(readJson(json.out)).toMatchObject({ files: [{ path: 'f.bin' }], untitled });
  expect(json.err).toMatch(note);
  expect((await cli('pull', place, '-o', out, '--quiet')).err).toBe('');
});

test('pull: says nothing where every layer has a title', async () => {
  expect(await cliJson('pull', await artifactWith(0), '-o', out)).toMatchObject({ untitled: 0 });
});
