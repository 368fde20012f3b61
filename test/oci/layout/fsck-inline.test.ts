import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { contentOf, packIndex, packManifest } from '#oci/image';
import { checkLayout, collectLayoutGarbage, type Layout, openLayout } from '#oci/layout';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, listAll, pushBytes } from '../content.ts';

let root: string;
let layout: Layout;
beforeEach(async () => {
  root = await makeTempDir();
  layout = await openLayout(root, { create: true });
});
afterEach(async () => {
  await layout.close();
});

const find = () => listAll(checkLayout(root));
const inline = (bytes: Uint8Array, mediaType?: string): Descriptor => ({
  ...describe(bytes, mediaType),
  data: Buffer.from(bytes).toString('base64'),
});

async function pushManifest(config: Descriptor, layers: readonly Descriptor[]): Promise<Descriptor> {
  const { descriptor, bytes } = packManifest({ artifactType: 'application/x', config, layers });
  await layout.push(descriptor, contentOf(bytes));
  await layout.tag(descriptor, 'v1');
  await layout.flush();
  return descriptor;
}

test('what a manifest carries itself is there', async () => {
  const config = inline(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  await pushManifest(config, [inline(Buffer.from('layer'))]);
  expect(await find()).toEqual([]);
});

test('what one manifest carries and another only names is there, in either order', async () => {
  const config = inline(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const bare = describe(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layer = await pushBytes(layout, Buffer.from('layer'));
  for (const [first, second] of [
    [config, bare],
    [bare, config],
  ] as const) {
    await pushManifest(first, [layer]);
    await pushManifest(second, [layer, layer]);
    expect(await find()).toEqual([]);
  }
});

test('a manifest that an index carries is followed', async () => {
  const config = inline(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const lost = describe(Buffer.from('lost'));
  const child = packManifest({ artifactType: 'application/x', config, layers: [lost] });
  const carried = { ...child.descriptor, data: Buffer.from(child.bytes).toString('base64') };
  const index = packIndex({ manifests: [carried] });
  await layout.push(index.descriptor, contentOf(index.bytes));
  await layout.flush();
  expect(await find()).toEqual([
    { kind: 'missing', object: 'blob', name: lost.digest, namedBy: child.descriptor.digest },
  ]);
  await pushBytes(layout, Buffer.from('lost'));
  expect(await find()).toEqual([]);
  await collectLayoutGarbage(root, { graceSeconds: 0, now: new Date(Date.now() + 60_000) });
  expect(await find()).toEqual([]);
});

test.each([
  ['of another content', Buffer.from('[]').toString('base64')],
  ['that is cut', Buffer.from('{').toString('base64')],
  ['that is empty', ''],
])('data %s does not stand for a blob', async (_, data) => {
  const config = { ...describe(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'), data };
  const layer = await pushBytes(layout, Buffer.from('layer'));
  const manifest = await pushManifest(config, [layer]);
  expect(await find()).toEqual([{ kind: 'missing', object: 'blob', name: config.digest, namedBy: manifest.digest }]);
});

test('a blob that is named with another size than it has', async () => {
  const config = await pushBytes(layout, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layer = await pushBytes(layout, Buffer.from('layer'));
  const manifest = await pushManifest(config, [{ ...layer, size: 7 }]);
  const wrong = { object: 'blob', name: layer.digest, namedBy: manifest.digest };
  expect(await find()).toEqual([{ kind: 'wrongSize', ...wrong }]);
  await writeFile(join(root, 'blobs/sha256', layer.digest.slice(7)), 'lay');
  expect(await find()).toEqual([{ kind: 'damaged', object: 'blob', name: layer.digest }]);
});
