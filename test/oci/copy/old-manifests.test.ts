import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { type Layout, openLayout } from '#oci/layout';
import { startServer } from '#server';
import { cli, cliJson } from '../../cli/command-line.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { pushArtifact, pushBytes } from '../content.ts';
import { RegistryDouble } from '../registry-double.ts';

const ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';
const SIGNATURE = 'application/vnd.cncf.notary.signature';

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

type Entry = readonly [descriptor: Descriptor, tag?: string];

/** Writes the index as an old tool left it. */
async function list(...entries: readonly Entry[]): Promise<void> {
  await layout.flush?.();
  const manifests = entries.map(([descriptor, tag]) => ({
    ...descriptor,
    ...(tag === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': tag } }),
  }));
  await writeFile(join(dir, 'l/index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

async function artifactManifest(text: string, subject?: Descriptor): Promise<Descriptor> {
  const blob = await pushBytes(layout, Buffer.from(text), 'application/jose+json');
  const fields = { mediaType: ARTIFACT, artifactType: SIGNATURE, blobs: [blob], subject, annotations: { a: 'b' } };
  return pushBytes(layout, Buffer.from(JSON.stringify(fields)), ARTIFACT);
}

/** Docker's schema 1, whose layers are named by `blobSum`. */
async function schema1(type: string): Promise<Descriptor> {
  const { digest } = await pushBytes(layout, Buffer.from('layer'));
  const fields = {
    schemaVersion: 1,
    name: 'a',
    tag: '1',
    architecture: 'amd64',
    fsLayers: [{ blobSum: digest }],
    history: [{ v1Compatibility: '{}' }],
  };
  return pushBytes(layout, Buffer.from(JSON.stringify(fields)), `application/vnd.docker.distribution.manifest.${type}`);
}

async function invented(subject?: Descriptor): Promise<Descriptor> {
  const needs = await pushBytes(layout, Buffer.from('what it needs'));
  const type = 'application/vnd.example.invented.manifest.v1+json';
  return pushBytes(layout, Buffer.from(JSON.stringify({ mediaType: type, subject, parts: [needs] })), type);
}

async function places(): Promise<Record<string, string>> {
  const [withApi, without] = [await RegistryDouble.start(), await RegistryDouble.start({ referrers: false })];
  const server = await startServer({ dataDir: join(dir, 'data'), port: 0 });
  ends.push(
    () => withApi.close(),
    () => without.close(),
    () => server.close(0),
  );
  return {
    layout: `oci:${dir}/out`,
    archive: `oci-archive:${dir}/out.tar`,
    'registry with the API': `${withApi.host}/a`,
    'registry with fallback tags': `${without.host}/a`,
    server: `${server.address}/a`,
  };
}

test('an OCI artifact manifest is copied with its blobs, as a root and as a referrer, to everywhere and back', async () => {
  const image = await pushArtifact(layout, 'image');
  const signature = await artifactManifest('signature', image);
  const onSignature = await artifactManifest('signature of the signature', signature);
  const root = await artifactManifest('alone');
  await list([image, '1'], [signature], [onSignature], [root, 'root']);
  for (const [name, place] of Object.entries(await places())) {
    for (const [from, to] of [
      [`oci:${dir}/l`, place],
      [place, `oci:${dir}/back-${name}`],
    ]) {
      for (const tag of ['1', 'root']) {
        const { status, out } = await cli('copy', '--verify', '--output=json', `${from}:${tag}`, `${to}:${tag}`);
        const { referrers, fidelity } = readJson(out);
        expect({ name, tag, status, complete: fidelity.complete, referrers }).toEqual({
          name,
          tag,
          status: 0,
          complete: true,
          referrers:
            tag === 'root' ? [] : [signature, onSignature].map(({ digest }) => ({ artifactType: SIGNATURE, digest })),
        });
      }
    }
    expect(await cli('fsck', `oci:${dir}/back-${name}`)).toMatchObject({ status: 0 });
    const found = await cliJson('discover', `oci:${dir}/back-${name}:1`);
    expect(JSON.stringify(found)).toContain(onSignature.digest);
  }
});

test.each([
  ['Docker schema 1, signed', () => schema1('v1+prettyjws')],
  ['Docker schema 1', () => schema1('v1+json')],
  ['an invented type', () => invented()],
])('%s cannot be copied whole, and is not called complete', async (_, make) => {
  const root = await make();
  await list([root, '1']);
  for (const [name, place] of Object.entries(await places())) {
    for (const options of [[], ['--all-tags']]) {
      const [from, to] = options.length > 0 ? [`oci:${dir}/l`, place] : [`oci:${dir}/l:1`, `${place}:1`];
      const { status, out, err } = await cli('copy', '--output=json', ...options, from, to);
      const { fidelity } = readJson(out);
      expect({ name, status, complete: fidelity.complete }).toEqual({ name, status: 1, complete: false });
      expect(fidelity.unsupported).toMatchObject([{ digest: root.digest, code: 'ERR_EXPORT_UNSUPPORTED' }]);
      expect(err).toContain('cannot be copied completely');
      expect(err).not.toContain('run it again');
      expect((await cli('ls', place)).out).toBe('');
    }
  }
});

test('a referrer of an invented type is reported with what it belongs to, and the rest is copied', async () => {
  const image = await pushArtifact(layout, 'image');
  const referrer = await invented(image);
  await list([image, '1'], [referrer]);
  const { status, out } = await cli('copy', '--output=json', `oci:${dir}/l:1`, `oci:${dir}/out:1`);
  const { fidelity } = readJson(out);
  expect({ status, unsupported: fidelity.unsupported, excluded: fidelity.excluded }).toMatchObject({
    status: 1,
    unsupported: [{ digest: referrer.digest }],
    excluded: [],
  });
  expect(await cliJson('ls', '--long', `oci:${dir}/out`)).toMatchObject({ tags: [{ digest: image.digest }] });
});
