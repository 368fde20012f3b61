import { readFile, truncate, writeFile } from 'node:fs/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, type Digest, mediaTypes } from '#core';
import { type VerifyReport, verifyArtifact } from '#export';
import type { Layout } from '#oci/layout';
import type { Bundle } from '../../src/export/pack.ts';
import { goAdvisory, vexDocument } from '../fixtures/records.ts';
import { destinationIn, type ExportFixture, openVerifyFixture, requestFor, type SignerFixture } from './fixture.ts';
import { blobFile, type Draft, type FileValue, type Forgery, forge, lose } from './forge.ts';

let fixture: ExportFixture;
let layout: Layout;
let keys: SignerFixture;
beforeEach(async () => {
  ({ fixture, layout, keys } = await openVerifyFixture());
});

const SHARD = 'data/raw/advisories/474f2d323032362d30303031.jsonl.zst';
const records = [
  goAdvisory('GO-2026-0001'),
  goAdvisory('GO-2026-0002'),
  vexDocument('https://example.test/vex', { timestamp: '2026-01-15T00:00:00Z' }),
];

async function forged(profile: string, forgery: Forgery = {}): Promise<Bundle> {
  return forge(fixture, layout, requestFor(await fixture.source(records), { profile }), keys, forgery);
}

function verify(): Promise<VerifyReport> {
  return verifyArtifact(destinationIn(layout).reference, layout, keys.verifier);
}

function titleOf(layer: Descriptor): string | undefined {
  return layer.annotations?.[annotationKeys.title];
}

/** The same layers, that of one title changed. */
function changing(title: string, change: (layer: Descriptor) => Descriptor) {
  return (layers: readonly Descriptor[]) => layers.map((layer) => (titleOf(layer) === title ? change(layer) : layer));
}

function fileOf(files: Map<string, FileValue>, path: string): FileValue {
  const file = files.get(path);
  if (file === undefined) throw new Error(`no file ${path} among ${[...files.keys()].join(', ')}`);
  return file;
}

const entry = ({ contents }: Draft, path: string) =>
  contents.find((content) => content.path === path) as Draft['contents'][0];

test.each(['json:raw', 'trivy:db'])(
  '%s: what is valid is accepted, and the report says what was read',
  async (profile) => {
    const bundle = await forged(profile);
    const report = await verify();
    expect(report).toMatchObject({
      reference: `${layout.name}:1@${bundle.artifact.digest}`,
      digest: bundle.artifact.digest,
      profile,
      tenant: 'default',
      asOf: '2026-02-01T00:00:00Z',
      keyid: keys.verifier.keyid,
      records: { kept: profile === 'json:raw' ? 3 : 2, withheld: 0 },
    });
    expect(new Set(report.layers.map((layer) => layer.title))).toEqual(new Set(bundle.layers.map(titleOf)));
    expect(report.layers.map((layer) => layer.title)).toEqual(report.layers.map((layer) => layer.title).sort());
  },
);

test.each(['json:raw', 'trivy:db'])('%s: a layer that is damaged, cut off or lost on its way', async (profile) => {
  const { layers } = await forged(profile);
  for (const layer of layers) {
    const file = blobFile(layout, layer);
    const bytes = await readFile(file);
    const damaged = Buffer.from(bytes);
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] as number) ^ 0x01;
    await writeFile(file, damaged);
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_EXPORT_DIGEST_MISMATCH',
      message: expect.stringContaining(layer.digest),
    });
    await truncate(file, bytes.length - 1);
    await expect(verify()).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_EXPORT_(?:SIZE|DIGEST)_MISMATCH$/),
      message: expect.stringContaining(layer.digest),
    });
    await lose(layout, layer);
    await expect(verify()).rejects.toMatchObject({
      code: 'ERR_EXPORT_CONTENT_MISMATCH',
      message: expect.stringContaining(layer.digest),
    });
    await writeFile(file, bytes);
  }
  await expect(verify()).resolves.toMatchObject({ profile });
});

const mismatches: [name: string, forgery: Forgery, message: string][] = [
  [
    'a layer is missing',
    { layers: (layers) => layers.filter((layer) => titleOf(layer) !== SHARD) },
    `${SHARD} is listed in export.json but is not a layer`,
  ],
  [
    'a layer is more',
    {
      layers: (layers) => [
        ...layers,
        { ...layers[0], annotations: { [annotationKeys.title]: 'more.txt' } } as Descriptor,
      ],
    },
    '"more.txt" is not listed',
  ],
  [
    'checksums.txt is missing',
    { layers: (layers) => layers.filter((layer) => titleOf(layer) !== 'checksums.txt') },
    'checksums.txt is not a layer',
  ],
  [
    'export.json is not a layer',
    { layers: (layers) => layers.filter((layer) => titleOf(layer) !== 'export.json') },
    'export.json is not a layer',
  ],
  [
    'another file stands in the place of a layer',
    {
      layers: (layers) =>
        changing(SHARD, (layer) => ({ ...(layers[1] as Descriptor), annotations: layer.annotations ?? {} }))(layers),
    },
    SHARD,
  ],
  [
    'two layers change places',
    {
      layers: (layers) => {
        const titles = ['indexes/advisories.index.json', 'indexes/vex.index.json'];
        const [a, b] = titles.map((title) => layers.find((layer) => titleOf(layer) === title) as Descriptor) as [
          Descriptor,
          Descriptor,
        ];
        const swapped = (layer: Descriptor, other: Descriptor) => ({ ...other, annotations: layer.annotations ?? {} });
        return layers.map((layer) => (layer === a ? swapped(a, b) : layer === b ? swapped(b, a) : layer));
      },
    },
    'indexes/advisories.index.json',
  ],
  [
    'a layer has another media type',
    { layers: changing(SHARD, (layer) => ({ ...layer, mediaType: 'text/plain' })) },
    SHARD,
  ],
  [
    'export.json as a layer is not the one in the config',
    {
      layers: (layers) =>
        changing('export.json', (layer) => ({ ...(layers[0] as Descriptor), annotations: layer.annotations ?? {} }))(
          layers,
        ),
    },
    'does not match export.json',
  ],
  [
    'checksums.txt gives a file another digest',
    { checksums: (text) => text.replace(/^[0-9a-f]{64}/, '0'.repeat(64)) },
    'checksums.txt',
  ],
  ['checksums.txt leaves a file out', { checksums: (text) => text.replace(/^.*\n/, '') }, 'checksums.txt'],
  [
    'checksums.txt lists a file that is not there',
    { checksums: (text) => `${text}${'0'.repeat(64)}  zz\n` },
    'checksums.txt',
  ],
  ['checksums.txt is cut off', { checksums: (text) => text.slice(0, -1) }, 'checksums.txt'],
  [
    'inputsHash is wrong',
    {
      manifestAlone: (manifest) => {
        manifest.inputsHash = manifest.rerunHash;
      },
    },
    'inputsHash',
  ],
  [
    'rerunHash is wrong',
    {
      manifestAlone: (manifest) => {
        manifest.rerunHash = manifest.inputsHash;
      },
    },
    'rerunHash',
  ],
  ['export.json is not canonical', { exportBytes: (bytes) => Buffer.concat([bytes, Buffer.from('\n')]) }, 'canonical'],
  [
    'contents are out of order',
    {
      manifest: (manifest) => {
        manifest.contents = manifest.contents.toReversed();
      },
    },
    'out of order',
  ],
  [
    'contents list a file twice',
    {
      manifest: (manifest) => {
        manifest.contents = [entry(manifest, SHARD), ...manifest.contents];
      },
    },
    `${SHARD} twice`,
  ],
  [
    'more records are kept than the files hold',
    {
      manifest: (manifest) => {
        manifest.records = { ...manifest.records, kept: 4 };
      },
    },
    'counts 4 records',
  ],
  [
    'a withheld record is counted and not listed',
    {
      manifest: (manifest) => {
        manifest.records = { ...manifest.records, withheld: 1 };
      },
    },
    'counts 1 withheld',
  ],
  [
    'the class digest is that of other records',
    {
      manifest: (manifest) => {
        const { advisories, ...others } = manifest.inputs.classes;
        const digest = `sha256:${'0'.repeat(64)}` as Digest;
        manifest.inputs = {
          ...manifest.inputs,
          classes: { ...others, advisories: { count: advisories?.count ?? 0, digest } },
        };
      },
    },
    'data/raw/advisories',
  ],
  [
    'a record in a shard is another',
    {
      files: (files) => {
        const { bytes, ...rest } = fileOf(files, SHARD);
        const text = zstdDecompressSync(bytes).toString().replace('what GO-2026-0001', 'what GO-2026-0009');
        files.set(SHARD, { ...rest, bytes: zstdCompressSync(text) });
      },
    },
    'data/raw/advisories',
  ],
  [
    'a shard holds no records',
    {
      files: (files) => {
        files.set(SHARD, { ...fileOf(files, SHARD), bytes: Buffer.from('no zstd at all') });
      },
    },
    SHARD,
  ],
  [
    'the artifact says that it is something else',
    { parts: (parts) => ({ ...parts, artifactType: mediaTypes.trivyConfig }) },
    'its artifact type is',
  ],
];

test.each(mismatches)('json:raw, signed: %s', async (_, forgery, message) => {
  await forged('json:raw', forgery);
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_CONTENT_MISMATCH',
    message: expect.stringContaining(message),
  });
});

const titles: [name: string, forgery: Forgery, message: string][] = [
  ['two layers have one title', { layers: (layers) => [...layers, layers[0] as Descriptor] }, 'two layers'],
  [
    'a layer has no title',
    { layers: (layers) => [...layers, { ...(layers[0] as Descriptor), annotations: {} }] },
    'no title',
  ],
];

test.each(titles)('json:raw, signed: %s', async (_, forgery, message) => {
  await forged('json:raw', forgery);
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_MANIFEST_INVALID',
    message: expect.stringContaining(message),
  });
});

test('an export.json of a version to come is refused, with the advice to verify with that version', async () => {
  await forged('json:raw', {
    exportBytes: (bytes) =>
      Buffer.from(Buffer.from(bytes).toString().replace('"version":"1.0.0"', '"version":"2.0.0"')),
  });
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_CONTENT_MISMATCH',
    hint: expect.stringContaining('newer'),
  });
});

const databases: [name: string, forgery: Forgery, message: string][] = [
  [
    'the layer has another name',
    {
      files: (files) => {
        const file = fileOf(files, 'db.tar.gz');
        files.delete('db.tar.gz');
        files.set('db2.tar.gz', file);
      },
    },
    'db2.tar.gz',
  ],
  [
    'the layer is no gzip',
    {
      files: (files) => {
        files.set('db.tar.gz', { ...fileOf(files, 'db.tar.gz'), bytes: Buffer.from('no gzip') });
      },
    },
    'db.tar.gz',
  ],
  [
    'the database is of another day',
    {
      manifest: (manifest) => {
        manifest.asOf = '2026-02-02T00:00:00Z' as Draft['asOf'];
      },
    },
    'metadata.json',
  ],
  [
    'an option that the profile does not have',
    {
      manifest: (manifest) => {
        manifest.inputs = { ...manifest.inputs, options: { ...manifest.inputs.options, note: 1 } };
      },
    },
    'not supported by this version',
  ],
  [
    'an option out of its range',
    {
      manifest: (manifest) => {
        manifest.inputs = { ...manifest.inputs, options: { ...manifest.inputs.options, validForSeconds: 0 } };
      },
    },
    'not supported by this version',
  ],
  [
    'a revision of the profile that is to come',
    {
      manifest: (manifest) => {
        manifest.profile = { ...manifest.profile, revision: 'r2' };
      },
    },
    'not supported by this version',
  ],
  [
    'the database is valid for longer',
    {
      manifest: (manifest) => {
        manifest.inputs = { ...manifest.inputs, options: { ...manifest.inputs.options, validForSeconds: 1 } };
      },
    },
    'metadata.json',
  ],
  [
    'there are more records',
    {
      manifest: (manifest) => {
        manifest.records = { ...manifest.records, kept: 3 };
      },
    },
    'counts 3 records',
  ],
  [
    'another record is listed as left out',
    {
      manifest: (manifest) => {
        const [loss] = manifest.losses ?? [];
        if (loss === undefined) throw new Error('nothing was left out');
        manifest.losses = [{ ...loss, listed: [{ record: 'GO-2026-0002', parts: 1, pointer: '' }] }];
      },
    },
    'a digest that does not match its list',
  ],
  [
    'losses in a version that has none',
    {
      manifest: (manifest) => {
        manifest.version = '1.0.0';
      },
    },
    'version 1.0.0 has losses',
  ],
  [
    'the artifact says that it is something else',
    { parts: (parts) => ({ ...parts, artifactType: mediaTypes.exportBundle }) },
    'its artifact type is',
  ],
];

test.each(databases)('trivy:db, signed: %s', async (_, forgery, message) => {
  await forged('trivy:db', forgery);
  await expect(verify()).rejects.toMatchObject({
    code: 'ERR_EXPORT_CONTENT_MISMATCH',
    message: expect.stringContaining(message),
  });
});
