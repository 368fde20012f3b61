import { compareText, type Instant, type JsonObject } from '#core';
import { collectRecords, describeSource, type RecordSet, type Selector, type SourceDescription } from '#evidence';
import { type Profile, resolveProfile } from './profiles.ts';
import type { ProgressListener } from './progress.ts';
import type { ExportRequest } from './request.ts';

/** A request with everything resolved that it depends on: the selected records by digest, and the one point in time. */
export interface Plan {
  readonly request: ExportRequest;
  readonly profile: Profile;
  readonly selector: Selector;
  /** Those of the profile, in the one spelling that export.json has. */
  readonly options: JsonObject;
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
 * @throws CodedError for an unknown profile, options that it does not have, unusable sources, invalid or conflicting records, an empty selection
 */
export async function planExport(request: ExportRequest, work: WorkOptions): Promise<Plan> {
  const profile = resolveProfile(request.profile);
  const options = optionsOf(request, profile);
  const records = await collectRecords({
    sources: request.sources,
    selector: request.selector,
    withholdInvalid: request.withholdInvalid,
    workDir: work.workDir,
    signal: work.signal,
    onProgress: (done) => work.onProgress?.({ stage: 'read', done, unit: 'records' }),
  });
  try {
    const sources = await Promise.all(request.sources.map((path) => describeSource(path)));
    return {
      request,
      profile,
      selector: request.selector,
      options,
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

/** @throws CodedError ERR_EXPORT_SCHEMA */
function optionsOf({ options = {} }: ExportRequest, profile: Profile): JsonObject {
  return profile.options.read({ ...profile.options.defaults, ...options }, `options of ${profile.name}`);
}
