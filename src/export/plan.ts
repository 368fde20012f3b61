import { compareText, type Instant } from '#core';
import { collectRecords, describeSource, type RecordSet, type Selector, type SourceDescription } from '#evidence';
import { type Adapter, adapterFor } from './adapters.ts';
import type { Options } from './export-manifest.generated.ts';
import { type Profile, resolveProfile } from './profile.ts';
import type { ProgressListener } from './progress.ts';
import type { ExportRequest } from './request.ts';

/** A request with everything resolved that it depends on: the selected records by digest, and the one point in time. */
export interface Plan {
  readonly request: ExportRequest;
  readonly profile: Profile;
  readonly adapter: Adapter;
  readonly selector: Selector;
  readonly options: Options;
  readonly records: RecordSet;
  readonly asOf: Instant;
  /** What the records came from, for provenance. */
  readonly sources: readonly SourceDescription[];
  /** Removes temporary files. */
  close(): Promise<void>;
}

/** Where and how to work. */
export interface WorkOptions {
  /** An existing folder for temporary files. */
  readonly workDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/**
 * Reads the sources, selects and sorts records, and fixes what a run will build.
 *
 * @throws CodedError for an unknown profile, unusable sources, invalid or conflicting records, an empty selection
 */
export async function planExport(request: ExportRequest, work: WorkOptions): Promise<Plan> {
  const profile = resolveProfile(request.profile);
  const adapter = adapterFor(profile);
  const records = await collectRecords({
    sources: request.sources,
    selector: request.selector,
    skipInvalid: request.skipInvalid,
    workDir: work.workDir,
    signal: work.signal,
    onProgress: (done) => work.onProgress?.({ stage: 'read', done, unit: 'records' }),
  });
  try {
    const sources = await Promise.all(request.sources.map((path) => describeSource(path)));
    return {
      request,
      profile,
      adapter,
      selector: request.selector,
      options: optionsOf(request, profile),
      records,
      asOf: request.asOf ?? records.newest,
      sources: sources.sort((a, b) => compareText(a.name, b.name)),
      close: () => records.close(),
    };
  } catch (error) {
    await records.close();
    throw error;
  }
}

/** Only options that reach this profile's contents: others would make equal bundles differ. */
function optionsOf(request: ExportRequest, profile: Profile): Options {
  const { skipInvalid, validForSeconds, dataSources } = request;
  if (profile.kind !== 'trivy') return { skipInvalid };
  const sorted = dataSources.toSorted((a, b) => compareText(a.prefix, b.prefix));
  return { skipInvalid, validForSeconds, ...(sorted.length === 0 ? {} : { dataSources: sorted }) };
}
