import type { Build, LayerDraft } from '#artifacts';
import { type Descriptor, digestOf, mediaTypes } from '#core';
import { contentOf, type PackedManifest, packManifest, type Repository } from '#oci';
import { checksumsPath, encodeChecksums } from './checksums.ts';
import type { Content, ExportManifest } from './export-manifest.generated.ts';
import {
  artifactAnnotations,
  encodeExportManifest,
  exportManifestPath,
  makeExportManifest,
  titled,
} from './export-manifest.ts';
import type { Plan, WorkOptions } from './plan.ts';

/** A repository that takes content whose digest is known only once it is written. */
export interface Staging extends Repository {
  writeBlob(mediaType: string, chunks: AsyncIterable<Uint8Array>): Promise<Descriptor>;
}

/** A bundle that lies whole in a staging repository, ready to be copied. */
export interface Bundle {
  readonly exportManifest: ExportManifest;
  /** The artifact that tags will name. */
  readonly artifact: Descriptor;
  /** Its layers, titled. */
  readonly layers: readonly Descriptor[];
  /** For artifacts that cannot hold export.json themselves: the referrer that does. */
  readonly exportReferrer?: Descriptor;
}

/** The annotation by which an artifact names its export.json, where that is not among its layers. */
export const exportManifestAnnotation = 'io.stellaops.export.manifest-digest';

/** Builds the contents of a plan into a staging repository and puts the manifests over them. */
export async function packBundle(plan: Plan, staging: Staging, work: WorkOptions): Promise<Bundle> {
  const { adapter, records, request, asOf } = plan;
  const options = { asOf, skipInvalid: request.skipInvalid, workDir: work.workDir, signal: work.signal };
  const build = adapter.build({ records, request, options });
  const contents = await stageContents(build, staging, work);
  const exportManifest = makeExportManifest(plan, contents, build.report());
  const bytes = encodeExportManifest(exportManifest);
  const layer = await stageBytes(staging, mediaTypes.exportManifest, bytes);
  return plan.profile.kind === 'trivy'
    ? packTrivy(staging, exportManifest, layer)
    : packRecords(staging, exportManifest, layer);
}

async function stageContents(build: Build, staging: Staging, work: WorkOptions): Promise<Content[]> {
  const contents: Content[] = [];
  for await (const draft of build.drafts) {
    contents.push(await stageDraft(draft, staging));
    work.signal?.throwIfAborted();
    work.onProgress?.({ stage: 'pack', done: contents.length, unit: 'layers' });
  }
  return contents;
}

async function stageDraft({ path, mediaType, records, chunks }: LayerDraft, staging: Staging): Promise<Content> {
  const { digest, size } = await staging.writeBlob(mediaType, chunks);
  return { path, digest, sizeBytes: size, records, mediaType };
}

/** design: the bundle explains itself, so export.json is its config and, under the same digest, one of its files. */
async function packRecords(staging: Staging, manifest: ExportManifest, exportLayer: Descriptor): Promise<Bundle> {
  const list = encodeChecksums([...manifest.contents, { path: exportManifestPath, digest: exportLayer.digest }]);
  const checksums = await stageBytes(staging, mediaTypes.text, Buffer.from(list));
  const config = titled(exportLayer, exportManifestPath);
  const layers = [...contentLayers(manifest), titled(checksums, checksumsPath), config];
  const packed = packManifest({
    artifactType: mediaTypes.exportBundle,
    config,
    layers,
    annotations: artifactAnnotations(manifest),
  });
  return { exportManifest: manifest, artifact: await stageManifest(staging, packed), layers };
}

/** Stock Trivy takes one layer and nothing else; export.json hangs on the artifact, which names it by digest. */
async function packTrivy(staging: Staging, manifest: ExportManifest, exportLayer: Descriptor): Promise<Bundle> {
  const layers = contentLayers(manifest);
  const annotations = { ...artifactAnnotations(manifest), [exportManifestAnnotation]: exportLayer.digest };
  await stageBytes(staging, mediaTypes.ociEmpty, Buffer.from('{}'));
  const packed = packManifest({ artifactType: mediaTypes.trivyConfig, layers, annotations });
  const artifact = await stageManifest(staging, packed);
  const { mediaType, digest, size } = artifact;
  const referrer = packManifest({
    artifactType: mediaTypes.exportManifest,
    layers: [titled(exportLayer, exportManifestPath)],
    subject: { mediaType, digest, size },
    annotations: artifactAnnotations(manifest),
  });
  return { exportManifest: manifest, artifact, layers, exportReferrer: await stageManifest(staging, referrer) };
}

function contentLayers(manifest: ExportManifest): Descriptor[] {
  return manifest.contents.map(({ path, mediaType, digest, sizeBytes }) =>
    titled({ mediaType, digest, size: sizeBytes }, path),
  );
}

async function stageBytes(staging: Staging, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await staging.push(descriptor, contentOf(bytes));
  return descriptor;
}

async function stageManifest(staging: Staging, { descriptor, bytes }: PackedManifest): Promise<Descriptor> {
  await staging.push(descriptor, contentOf(bytes));
  return descriptor;
}
