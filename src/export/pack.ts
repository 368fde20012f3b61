import { type Build, hasAdvisories, type LayerDraft } from '#artifacts';
import { CodedError, type Descriptor, digestOf, mediaTypes, parseInstant } from '#core';
import { describeLeftOut, explainWithheld, titlesOf } from '#evidence';
import { contentOf, type OperationOptions, type PackedManifest, type Repository } from '#oci/image';
import type { SignableArtifact } from '#signing';
import type { Content, ExportManifest } from './export-manifest.generated.ts';
import { encodeExportManifest, makeExportManifest } from './export-manifest.ts';
import type { Plan, WorkOptions } from './plan.ts';
import type { Profile } from './profiles.ts';
import { trackProgress } from './record-progress.ts';

/** A repository that takes content whose digest is known only once it is written. */
export interface Staging extends Repository {
  writeBlob(mediaType: string, chunks: AsyncIterable<Uint8Array>, options?: OperationOptions): Promise<Descriptor>;
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

/** A bundle as it is signed: the provenance is also about the referrer with export.json, where there is one. */
export function signableOf({ artifact, exportReferrer, exportManifest }: Bundle): SignableArtifact {
  return {
    artifact,
    companions: exportReferrer === undefined ? [] : [exportReferrer],
    created: parseInstant(exportManifest.asOf),
  };
}

/**
 * Builds the contents of a plan into a staging repository and puts the manifests over them.
 *
 * @throws CodedError ERR_EXPORT_SELECTION_EMPTY where the profile can use none of the records, and what builders throw
 */
export async function packBundle(plan: Plan, staging: Staging, work: WorkOptions): Promise<Bundle> {
  const { profile, selector, options, base, asOf } = plan;
  const records = work.onProgress ? trackProgress(plan.records, profile.passes, work.onProgress) : plan.records;
  const build = profile.build({
    records,
    selector,
    options,
    base,
    build: { asOf, workDir: work.workDir, signal: work.signal },
  });
  const contents = await stageContents(build, staging, work);
  await base?.assertUnchanged();
  const exportManifest = makeExportManifest(plan, contents, build.report());
  const { records: counts, merge } = exportManifest;
  if (counts.kept === 0 && base === undefined) throw nothingToPublish(exportManifest, profile);
  if (base !== undefined && merge !== undefined && !hasAdvisories(merge.buckets)) throw nothingMerged(base.name);
  const bytes = encodeExportManifest(exportManifest);
  const layer = await stageBytes(staging, mediaTypes.exportManifest, bytes);
  const { artifact, layers, blobs, exportReferrer } = profile.form.manifestsOf(
    exportManifest,
    layer,
    profile.artifactType,
  );
  for (const { mediaType, bytes } of blobs) await stageBytes(staging, mediaType, bytes);
  return {
    exportManifest,
    artifact: await stageManifest(staging, artifact),
    layers,
    ...(exportReferrer === undefined ? {} : { exportReferrer: await stageManifest(staging, exportReferrer) }),
  };
}

async function stageContents(build: Build, staging: Staging, work: WorkOptions): Promise<Content[]> {
  const contents: Content[] = [];
  for await (const draft of build.drafts) {
    contents.push(await stageDraft(draft, staging, work));
  }
  return contents;
}

async function stageDraft(draft: LayerDraft, staging: Staging, { signal }: WorkOptions): Promise<Content> {
  const { path, mediaType, records, chunks } = draft;
  const { digest, size } = await staging.writeBlob(mediaType, chunks, { signal });
  return { path, digest, sizeBytes: size, records, mediaType };
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

function nothingMerged(base: string): CodedError {
  return new CodedError('ERR_EXPORT_SELECTION_EMPTY', `no advisories left: none of ${base} match the selector`, {
    hint: 'widen the selector, or check its spelling; export-center trivy inspect lists the buckets of the database',
    details: { base },
  });
}

/** A database without records would pass for good news. */
function nothingToPublish({ records, withheld }: ExportManifest, profile: Profile): CodedError {
  const explained = explainWithheld(withheld);
  const reasons = [...describeLeftOut(records.leftOut), ...explained.reasons];
  return new CodedError('ERR_EXPORT_SELECTION_EMPTY', `no records left for ${profile.name}: ${reasons.join(', ')}`, {
    hint: `widen the selector, or add sources with ${titlesOf(profile.formats)} records`,
    details: { profile: profile.name, leftOut: records.leftOut, ...explained.details },
  });
}
