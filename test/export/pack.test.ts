import { beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, mediaTypes } from '#core';
import { fetchBytes } from '#oci/image';
import type { Layout } from '#oci/layout';
import { type Bundle, packBundle } from '../../src/export/pack.ts';
import { planExport } from '../../src/export/plan.ts';
import { readJson } from '../core/read-json.ts';
import { goAdvisory } from '../fixtures/records.ts';
import { type ExportFixture, openFixture, requestFor } from './fixture.ts';

let fixture: ExportFixture;
let layout: Layout;
beforeEach(async () => {
  fixture = await openFixture();
  layout = await fixture.layout();
});

async function pack(profile: string): Promise<Bundle> {
  const request = requestFor(await fixture.source([goAdvisory('GO-2026-0001')]), { profile });
  const plan = await planExport(request, { workDir: fixture.dir });
  try {
    return await packBundle(plan, layout, { workDir: fixture.dir });
  } finally {
    await plan.close();
  }
}

async function textOf(descriptor: Descriptor): Promise<string> {
  return Buffer.from(await fetchBytes(layout, descriptor)).toString();
}

/** A layer as it stands in a manifest, digest and size those of what lies there. */
function layerText({ layers }: Pick<Bundle, 'layers'>, title: string, mediaType: string): string {
  const layer = layers.find(({ annotations }) => annotations?.[annotationKeys.title] === title);
  if (layer === undefined) throw new Error(`no layer ${title}`);
  return (
    `{"annotations":{"org.opencontainers.image.title":"${title}"},"digest":"${layer.digest}",` +
    `"mediaType":"${mediaType}","size":${layer.size}}`
  );
}

const ANNOTATIONS =
  '"org.opencontainers.image.created":"2026-02-01T00:00:00Z",' +
  '"org.opencontainers.image.source":"urn:export-center:profile:PROFILE:r1",' +
  '"org.opencontainers.image.version":"2026-02-01T00:00:00Z"';
const EMPTY =
  '{"data":"e30=","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",' +
  '"mediaType":"application/vnd.oci.empty.v1+json","size":2}';

test('json:raw: the manifest, byte for byte', async () => {
  const bundle = await pack('json:raw');
  const own = layerText(bundle, 'export.json', 'application/vnd.stellaops.export.manifest.v1+json');
  const layers = [
    layerText(
      bundle,
      'data/raw/advisories/474f2d323032362d30303031.jsonl.zst',
      'application/vnd.stellaops.export.records.v1.jsonl+zstd',
    ),
    layerText(bundle, 'indexes/advisories.index.json', 'application/vnd.stellaops.export.index.v1+json'),
    layerText(bundle, 'redaction.json', 'application/vnd.stellaops.export.redaction.v1+json'),
    layerText(bundle, 'checksums.txt', 'text/plain'),
    own,
  ];
  expect(bundle.exportReferrer).toBeUndefined();
  expect(await textOf(bundle.artifact)).toBe(
    `{"annotations":{${ANNOTATIONS.replace('PROFILE', 'json:raw')}},` +
      `"artifactType":"application/vnd.stellaops.export.bundle.v1+json","config":${own},"layers":[${layers.join(',')}],` +
      '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}',
  );
});

test('json:raw: export.json lists the files, checksums.txt lists it too, and neither lists checksums.txt', async () => {
  const { exportManifest, layers } = await pack('json:raw');
  const titled = new Map(layers.map((layer) => [layer.annotations?.[annotationKeys.title] ?? '', layer]));
  const contents = [...titled.keys()].filter((title) => !['export.json', 'checksums.txt'].includes(title));
  expect(exportManifest.contents.map(({ path }) => path)).toEqual(contents);
  const lines = [...titled].filter(([title]) => title !== 'checksums.txt').sort(([a], [b]) => (a < b ? -1 : 1));
  expect(await textOf(titled.get('checksums.txt') as Descriptor)).toBe(
    lines.map(([title, { digest }]) => `${digest.slice('sha256:'.length)}  ${title}\n`).join(''),
  );
});

test('trivy:db: one layer, and export.json on a referrer, byte for byte', async () => {
  const { artifact, layers, exportReferrer, exportManifest } = await pack('trivy:db');
  const annotations = ANNOTATIONS.replace('PROFILE', 'trivy:db');
  const manifest = readJson(await textOf(artifact));
  const named = manifest.annotations['io.stellaops.export.manifest-digest'];
  const layer = layerText({ layers }, 'db.tar.gz', 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip');
  expect(await textOf(artifact)).toBe(
    `{"annotations":{"io.stellaops.export.manifest-digest":"${named}",${annotations}},` +
      `"artifactType":"application/vnd.aquasec.trivy.config.v1+json","config":${EMPTY},"layers":[${layer}],` +
      '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}',
  );
  const text = await textOf(exportReferrer as Descriptor);
  const { size } = readJson(text).layers[0];
  expect(text).toBe(
    `{"annotations":{${annotations}},"artifactType":"application/vnd.stellaops.export.manifest.v1+json",` +
      `"config":${EMPTY},"layers":[{"annotations":{"org.opencontainers.image.title":"export.json"},` +
      `"digest":"${named}","mediaType":"application/vnd.stellaops.export.manifest.v1+json","size":${size}}],` +
      '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2,' +
      `"subject":{"digest":"${artifact.digest}","mediaType":"application/vnd.oci.image.manifest.v1+json",` +
      `"size":${artifact.size}}}`,
  );
  const stored = await textOf({ mediaType: mediaTypes.exportManifest, digest: named, size });
  expect(readJson(stored)).toEqual(exportManifest);
});
