import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { annotationKeys, type Descriptor, digestOf, mediaTypes } from '#core';
import type { ExportRequest } from '#export';
import { contentOf, fetchBytes, type ManifestParts, packManifest } from '#oci/image';
import type { Layout } from '#oci/layout';
import { ArtifactSigner, exportBuild, type Provenance, pushSignedObject } from '#signing';
import type { ExportManifest } from '../../src/export/export-manifest.generated.ts';
import { encodeExportManifest, parametersOf } from '../../src/export/export-manifest.ts';
import { encodeChecksums } from '../../src/export/forms/checksums.ts';
import { exportManifestAnnotation } from '../../src/export/forms/contents-only.ts';
import { artifactAnnotations, titled } from '../../src/export/forms/layers.ts';
import { inputsHashOf, rerunHashOf } from '../../src/export/hashes.ts';
import { type Bundle, packBundle, signableOf } from '../../src/export/pack.ts';
import { planExport } from '../../src/export/plan.ts';
import { builderId, type ExportFixture, type SignerFixture } from './fixture.ts';

/** A file of a bundle. */
export interface FileValue {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly records: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
export type Draft = Writable<ExportManifest>;

/** What is done to a valid bundle before it is signed: a signer that was deceived, or that deceives. */
export interface Forgery {
  /** Changes files; export.json and all that follows from it go along. */
  readonly files?: (files: Map<string, FileValue>) => void;
  /** Changes export.json; its hashes go along. */
  readonly manifest?: (manifest: Draft) => void;
  /** Changes export.json, and nothing goes along. */
  readonly manifestAlone?: (manifest: Draft) => void;
  readonly exportBytes?: (bytes: Uint8Array) => Uint8Array;
  readonly checksums?: (text: string) => string;
  readonly layers?: (layers: readonly Descriptor[]) => readonly Descriptor[];
  readonly parts?: (parts: ManifestParts) => ManifestParts;
  /** More annotations of the referrer with export.json. */
  readonly referrerAnnotations?: Readonly<Record<string, string>>;
  readonly provenance?: (provenance: Provenance) => Provenance;
  /** Leaves the referrer with export.json out of the provenance. */
  readonly subjectAlone?: boolean;
  /** No signature at all. */
  readonly unsigned?: boolean;
}

/** Builds what a request asks for, forges it, signs it with valid signatures, and tags it `1`. */
export async function forge(
  fixture: ExportFixture,
  layout: Layout,
  request: ExportRequest,
  keys: SignerFixture,
  forgery: Forgery = {},
): Promise<Bundle> {
  const built = await buildIn(fixture, layout, request);
  const forged = built.exportReferrer === undefined ? forgeRecords : forgeTrivy;
  const bundle = await forged(layout, built, forgery);
  if (forgery.unsigned !== true) await sign(layout, bundle, keys, forgery);
  await layout.tag(bundle.artifact, '1');
  return bundle;
}

async function buildIn(fixture: ExportFixture, layout: Layout, request: ExportRequest): Promise<Bundle> {
  const work = { workDir: fixture.dir };
  const plan = await planExport(request, work);
  try {
    return await packBundle(plan, layout, work);
  } finally {
    await plan.close();
  }
}

async function forgeRecords(layout: Layout, built: Bundle, forgery: Forgery): Promise<Bundle> {
  const { manifest, exportLayer } = await forgeExportManifest(layout, built, forgery);
  const list = encodeChecksums([...manifest.contents, { path: 'export.json', digest: exportLayer.digest }]);
  const checksums = await put(layout, mediaTypes.text, Buffer.from(forgery.checksums?.(list) ?? list));
  const config = titled(exportLayer, 'export.json');
  const layers = [...contentLayers(manifest), titled(checksums, 'checksums.txt'), config];
  const parts = { artifactType: mediaTypes.exportBundle, config, layers, annotations: artifactAnnotations(manifest) };
  return { exportManifest: manifest, ...(await putArtifact(layout, parts, forgery)) };
}

async function forgeTrivy(layout: Layout, built: Bundle, forgery: Forgery): Promise<Bundle> {
  const { manifest, exportLayer } = await forgeExportManifest(layout, built, forgery);
  const annotations = { ...artifactAnnotations(manifest), [exportManifestAnnotation]: exportLayer.digest };
  const parts = { artifactType: mediaTypes.trivyConfig, layers: contentLayers(manifest), annotations };
  const { artifact, layers } = await putArtifact(layout, parts, forgery);
  const referrer = { ...artifactAnnotations(manifest), ...forgery.referrerAnnotations };
  if (forgery.referrerAnnotations !== undefined) await layout.delete(built.exportReferrer as Descriptor);
  const exportReferrer = await putExportReferrer(layout, artifact, exportLayer, referrer);
  return { exportManifest: manifest, artifact, layers, exportReferrer };
}

/** A manifest that hangs an export.json on an artifact. */
export async function putExportReferrer(
  layout: Layout,
  { mediaType, digest, size }: Descriptor,
  exportLayer: Descriptor,
  annotations: Record<string, string> = {},
): Promise<Descriptor> {
  const layers = [titled(exportLayer, 'export.json')];
  const subject = { mediaType, digest, size };
  return putManifest(layout, { artifactType: mediaTypes.exportManifest, layers, subject, annotations });
}

async function forgeExportManifest(layout: Layout, built: Bundle, forgery: Forgery) {
  const manifest = structuredClone(built.exportManifest) as Draft;
  const files = new Map<string, FileValue>();
  for (const { path, mediaType, digest, sizeBytes, records } of manifest.contents) {
    files.set(path, { mediaType, bytes: await fetchBytes(layout, { mediaType, digest, size: sizeBytes }), records });
  }
  forgery.files?.(files);
  const contents = [];
  for (const [path, { mediaType, bytes, records }] of files) {
    const { digest, size } = await put(layout, mediaType, bytes);
    contents.push({ path, mediaType, digest, sizeBytes: size, records });
  }
  manifest.contents = contents;
  forgery.manifest?.(manifest);
  manifest.inputsHash = inputsHashOf(manifest);
  manifest.rerunHash = rerunHashOf(manifest.contents);
  forgery.manifestAlone?.(manifest);
  const bytes = encodeExportManifest(manifest);
  const exportLayer = await put(layout, mediaTypes.exportManifest, forgery.exportBytes?.(bytes) ?? bytes);
  return { manifest, exportLayer };
}

function contentLayers(manifest: ExportManifest): Descriptor[] {
  return manifest.contents.map(({ path, mediaType, digest, sizeBytes }) => ({
    mediaType,
    digest,
    size: sizeBytes,
    annotations: { [annotationKeys.title]: path },
  }));
}

async function putArtifact(layout: Layout, parts: ManifestParts & { layers: Descriptor[] }, forgery: Forgery) {
  const layers = forgery.layers?.(parts.layers) ?? parts.layers;
  const forged = forgery.parts?.({ ...parts, layers }) ?? { ...parts, layers };
  return { artifact: await putManifest(layout, forged), layers };
}

/** Puts bytes into a layout and gives their descriptor. */
export async function put(layout: Layout, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await layout.push(descriptor, contentOf(bytes));
  return descriptor;
}

async function putManifest(layout: Layout, parts: ManifestParts): Promise<Descriptor> {
  await put(layout, mediaTypes.ociEmpty, Buffer.from('{}'));
  const { descriptor, bytes } = packManifest(parts);
  await layout.push(descriptor, contentOf(bytes));
  return descriptor;
}

async function sign(layout: Layout, bundle: Bundle, { signer }: SignerFixture, forgery: Forgery): Promise<void> {
  const valid = provenanceOf(bundle.exportManifest);
  const provenance = forgery.provenance?.(valid) ?? valid;
  const { exportReferrer, ...alone } = bundle;
  const signed = exportReferrer === undefined || forgery.subjectAlone === true ? alone : bundle;
  const place = { repository: layout, dockerReference: 'registry.example/feed' };
  await new ArtifactSigner(signableOf(signed), { signer, buildType: exportBuild, provenance }).sign(
    place,
    async (object) => {
      await pushSignedObject(layout, object, {});
    },
    {},
  );
}

/** What a run would say that built this. */
export function provenanceOf(manifest: ExportManifest): Provenance {
  const now = '2026-03-01T00:00:00Z' as Provenance['run']['startedOn'];
  return {
    externalParameters: parametersOf(manifest),
    resolvedDependencies: [],
    builder: { id: builderId },
    run: { invocationId: 'one', startedOn: now, finishedOn: now },
  };
}

/** Where a blob lies in a fixture's layout. */
export function blobFile(layout: Layout, { digest }: Descriptor): string {
  return join(layout.name.slice('oci:'.length), 'blobs', ...digest.split(':'));
}

/** Takes a blob away, behind the back of the layout. */
export async function lose(layout: Layout, descriptor: Descriptor): Promise<void> {
  await rm(blobFile(layout, descriptor));
}
