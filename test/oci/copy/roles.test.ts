import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, packManifest } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { startServer } from '#server';
import { cli } from '../../cli/command-line.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { inPieces, pushArtifact, pushBytes } from '../content.ts';
import { RegistryDouble } from '../registry-double.ts';

let dir: string;
let layout: Layout;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await makeTempDir();
  layout = await openLayout(join(dir, 'l'), { create: true });
  ends.push(() => layout.close());
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** An artifact whose layer is the manifest of another one, as a file. */
async function holderOf(image: Descriptor): Promise<Descriptor> {
  const { descriptor, bytes } = packManifest({
    artifactType: 'application/vnd.example.copy',
    config: await pushBytes(layout, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
    layers: [{ ...image, mediaType: 'application/json' }],
  });
  await layout.push(descriptor, inPieces(bytes, 100));
  return descriptor;
}

async function indexOf(...manifests: Descriptor[]): Promise<Descriptor> {
  const { descriptor, bytes } = packIndex({ manifests });
  await layout.push(descriptor, inPieces(bytes, 100));
  return descriptor;
}

async function places(): Promise<string[]> {
  const double = await RegistryDouble.start();
  const server = await startServer({ dataDir: join(dir, 'data'), port: 0 });
  ends.push(
    () => double.close(),
    () => server.close(0),
  );
  return [`oci:${dir}/out`, `oci-archive:${dir}/out.tar`, `${double.host}/a`, `${server.address}/a`];
}

test.each(['before', 'after'])(
  'an image beside an artifact that has its manifest as a layer, read %s it',
  async (order) => {
    const image = await pushArtifact(layout, 'image');
    const holder = await holderOf(image);
    // What is further down is read later.
    const [near, far] = order === 'before' ? [holder, image] : [image, holder];
    const index = await indexOf(near, await indexOf(await indexOf(await indexOf(far))));
    await layout.tag(index, '1');
    await layout.flush();
    for (const [i, place] of (await places()).entries()) {
      for (const [from, to] of [
        [`oci:${dir}/l`, place],
        [place, `oci:${dir}/back-${i}`],
      ] as const) {
        const { status, out, err } = await cli('copy', '--verify', '--output=json', `${from}:1`, `${to}:1`);
        expect({ place, status, err }).toMatchObject({ status: 0 });
        const { fidelity } = readJson(out);
        expect(fidelity).toMatchObject({ complete: true });
        for (const { digest } of [image, holder]) {
          expect((await cli('inspect', `${to}@${digest}`)).status).toBe(0);
        }
      }
      expect(await cli('fsck', `oci:${dir}/back-${i}`)).toMatchObject({ status: 0 });
    }
  },
);
