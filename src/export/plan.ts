import { CodedError, compareInstants, compareText, type Instant, type JsonObject } from '#core';
import { collectRecords, describeSource, emptyRecordSet, type RecordSet, type Selector } from '#evidence';
import type { ResourceDescriptor } from '#signing';
import { type OpenDatabase, openDatabase } from './base.ts';
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
  /** The database into which the records are merged. */
  readonly base?: OpenDatabase | undefined;
  /** What the records and the base came from, for provenance. */
  readonly sources: readonly ResourceDescriptor[];
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
  const base = await openBase(request, profile, work);
  const options = optionsOf(request, profile, base);
  const records = await readRecords(request, work, base);
  try {
    const sources = await Promise.all(request.sources.map((path) => describeSource(path)));
    return {
      request,
      profile,
      selector: request.selector,
      options,
      base,
      records,
      asOf: request.asOf ?? asOfFrom(records, base),
      sources: [...sources.sort((a, b) => compareText(a.name, b.name)), ...(base === undefined ? [] : [base.source])],
      close: () => records.close(),
    };
  } catch (error) {
    await records.close();
    throw error;
  }
}

async function readRecords(request: ExportRequest, work: WorkOptions, base?: OpenDatabase): Promise<RecordSet> {
  if (base !== undefined && request.sources.length === 0) return emptyRecordSet(base.metadata?.updatedAt);
  return collectRecords({
    sources: request.sources,
    selector: request.selector,
    withholdInvalid: request.withholdInvalid,
    workDir: work.workDir,
    signal: work.signal,
    onProgress: (done) => work.onProgress?.({ stage: 'read', done, unit: 'records' }),
  });
}

/** @throws CodedError ERR_EXPORT_USAGE where the profile takes none, and what openDatabase throws */
async function openBase(
  { base, selector }: ExportRequest,
  { name, takesBase }: Profile,
  { workDir, signal, onProgress }: WorkOptions,
): Promise<OpenDatabase | undefined> {
  if (base === undefined) return undefined;
  if (takesBase !== true) {
    throw new CodedError('ERR_EXPORT_USAGE', `--base-db can't be used with --profile ${name}`, {
      hint: 'omit it, or use --profile trivy:db',
    });
  }
  if (selector.ids !== undefined) {
    throw new CodedError('ERR_EXPORT_USAGE', "--id can't be used with --base-db, which has no aliases to find it by", {
      hint: 'select with --package, --ecosystem or --min-severity, or put the records into a directory of their own',
    });
  }
  return openDatabase(base, { workDir, mustBePinned: true, signal, onProgress });
}

/** The newest change that went in, of the base what its metadata.json says. */
function asOfFrom(records: RecordSet, base: OpenDatabase | undefined): Instant {
  const times = [records.kept > 0 ? records.newest : undefined, base?.metadata?.updatedAt];
  const newest = times
    .filter((time) => time !== undefined)
    .toSorted(compareInstants)
    .at(-1);
  if (newest !== undefined) return newest;
  throw new CodedError(
    'ERR_EXPORT_USAGE',
    `${base?.name ?? 'base database'}: no metadata.json says when it was built`,
    {
      hint: 'specify the time with --as-of, or the db.tar.gz with metadata.json as --base-db',
    },
  );
}

/** @throws CodedError ERR_EXPORT_SCHEMA */
function optionsOf({ options = {} }: ExportRequest, profile: Profile, base: OpenDatabase | undefined): JsonObject {
  const given = base === undefined ? options : { ...options, base: { digest: base.digest } };
  return profile.options.read({ ...profile.options.defaults, ...given }, `options of ${profile.name}`);
}
