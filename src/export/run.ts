import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { assertCodecs, codecVersions, ecosystemsNotIn } from '#artifacts';
import { type Clock, CodedError, instantOf } from '#core';
import type { IgnoredFile, WithheldFile } from '#evidence';
import type { Reference } from '#oci/image';
import { openLayout } from '#oci/layout';
import { ArtifactSigner, type ExportProvenanceParameters, exportBuild, type Provenance, type Signer } from '#signing';
import type { Loss, WithheldRecord } from './export-manifest.generated.ts';
import { parametersOf } from './export-manifest.ts';
import { type Bundle, packBundle, type Staging, signableOf } from './pack.ts';
import { type Plan, planExport, type WorkOptions } from './plan.ts';
import type { ProgressListener } from './progress.ts';
import { type Destination, deliverBundle, plannedPublication, tagBundle } from './publish.ts';
import type { ExportReport, ListedBundle, Publication, RecordCounts, ReferrerReport } from './report.ts';
import type { ExportRequest } from './request.ts';
import { skippedReportOf } from './skipped-report.ts';
import type { TufListing } from './tuf-listing.ts';
import { withWorkDir } from './work-dir.ts';

/** By what a run may be watched and stopped. */
interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Told of files in the sources that hold no records, the first of each source and how many there are, once all are read. */
  readonly onIgnored?: ((files: readonly IgnoredFile[], count: number) => void) | undefined;
  /** Told of records that are withheld, and of the files of those that the sources told of, once a bundle is built. */
  readonly onWithheld?: ((records: readonly WithheldRecord[], files: readonly WithheldFile[]) => void) | undefined;
  /** Told what the profile cannot carry, as export.json has it, once a bundle is built. */
  readonly onLosses?: ((losses: readonly Loss[]) => void) | undefined;
}

/** One execution: where to, signed by whom, and what only this run knows. */
export interface RunOptions extends WatchOptions {
  readonly destinations: readonly Destination[];
  /** Unsigned if there is none. */
  readonly signer?: Signer | undefined;
  /** The TUF repository that is to list the bundle. */
  readonly tuf?: TufListing | undefined;
  /** Names this instance of Export Center in provenance, with its way of being trusted. */
  readonly builderId: string;
  /** Versions for provenance, by name. */
  readonly builderVersion: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** A run that stops before it sends anything. */
export interface PlanOptions extends WatchOptions {
  /** Where an export would publish; nothing is opened there. */
  readonly references: readonly Reference[];
}

/**
 * Builds a bundle and publishes it at every destination, in the order given. Tags come last, when all of it is
 * everywhere: a destination that fails leaves no tag moved at another.
 *
 * @throws CodedError ERR_EXPORT_INCOMPLETE where the signal came after something was sent; else what planning, building,
 *   signing and sending throw
 */
export async function runExport(request: ExportRequest, options: RunOptions): Promise<ExportReport> {
  const startedOn = instantOf(options.clock.now());
  return withBundle(request, options, async (built) => {
    const { plan, bundle } = built;
    const provenance = {
      ...describeRun(plan, bundle, options),
      run: { invocationId: randomUUID(), startedOn, finishedOn: instantOf(options.clock.now()) },
    };
    const signer =
      options.signer === undefined
        ? undefined
        : new ArtifactSigner(signableOf(bundle), { signer: options.signer, buildType: exportBuild, provenance });
    const { publications, listed } = await publish(built, signer, options);
    return { ...reportOf(built, publications), ...(listed === undefined ? {} : { tuf: listed }) };
  });
}

/** What a run has published. */
interface Published {
  readonly publications: readonly Publication[];
  readonly listed: ListedBundle | undefined;
}

async function publish(
  { bundle, staging }: Built,
  signer: ArtifactSigner<ExportProvenanceParameters> | undefined,
  options: RunOptions,
): Promise<Published> {
  const { destinations, signal, onProgress } = options;
  let sentBytes = 0;
  const watched = {
    signal,
    onProgress,
    onSent: (sizeBytes: number) => {
      sentBytes += sizeBytes;
    },
  };
  try {
    const delivered: [Destination, Publication][] = [];
    for (const destination of destinations) {
      delivered.push([destination, await deliverBundle(bundle, staging, destination, signer, watched)]);
    }
    const tuf = await listIn(options, { bundle, staging });
    const publications: Publication[] = [];
    for (const [destination, publication] of delivered) {
      const previousDigest = await tagBundle(bundle, destination, watched);
      publications.push({ ...withReferrer(publication, tuf?.referrer), previousDigest });
    }
    return { publications, listed: tuf?.listed };
  } catch (error) {
    throw signal?.aborted === true && sentBytes > 0 ? incomplete(sentBytes, error) : error;
  }
}

/** Before the tags: a run that fails here leaves them, and can be repeated. */
async function listIn({ tuf, destinations, clock, signal }: RunOptions, built: Pick<Built, 'bundle' | 'staging'>) {
  if (tuf === undefined) return undefined;
  const repositories = destinations.map(({ repository }) => repository);
  // Most runs have no such repository.
  const { listBundle } = await import('./tuf-listing.ts');
  return listBundle(tuf, { ...built, repositories, at: instantOf(clock.now()), signal });
}

function withReferrer(publication: Publication, referrer: ReferrerReport | undefined): Publication {
  const { referrers } = publication;
  if (referrer === undefined || referrers.some(({ digest }) => digest === referrer.digest)) return publication;
  return { ...publication, referrers: [...referrers, referrer] };
}

function incomplete(sentBytes: number, cause: unknown): CodedError {
  return new CodedError('ERR_EXPORT_INCOMPLETE', `stopped after ${sentBytes} bytes were sent`, {
    hint: 'run the same command again: content that was sent is not sent again',
    details: { sentBytes },
    cause,
  });
}

/** Builds a bundle as runExport would, and publishes nothing. */
export async function runPlan(request: ExportRequest, options: PlanOptions): Promise<ExportReport> {
  return withBundle(request, options, async (built) => {
    const { bundle } = built;
    const references = options.references.length === 0 ? [undefined] : options.references;
    const publications = references.map((reference) => plannedPublication(bundle, reference));
    return reportOf(built, publications);
  });
}

interface Built {
  readonly plan: Plan;
  readonly bundle: Bundle;
  readonly staging: Staging;
}

/** Runs `use` on a bundle in a temporary staging layout, and removes all of it whatever happens. */
async function withBundle<T>(
  request: ExportRequest,
  options: WatchOptions,
  use: (built: Built) => Promise<T>,
): Promise<T> {
  await assertCodecs();
  return withWorkDir(async (workDir) => {
    const work: WorkOptions = { workDir, signal: options.signal, onProgress: options.onProgress };
    const plan = await planExport(request, work);
    try {
      options.onIgnored?.(plan.records.ignored, plan.records.ignoredCount);
      const staging = await openLayout(join(workDir, 'staging'), { create: true, durable: false });
      const bundle = await packBundle(plan, staging, work);
      options.onWithheld?.(bundle.exportManifest.withheld, plan.records.withheldFiles);
      options.onLosses?.(bundle.exportManifest.losses ?? []);
      return await use({ plan, bundle, staging });
    } finally {
      await plan.close();
    }
  });
}

function describeRun(plan: Plan, bundle: Bundle, { builderId, builderVersion }: RunOptions): Omit<Provenance, 'run'> {
  return {
    externalParameters: parametersOf(bundle.exportManifest),
    internalParameters: { codecs: codecVersions },
    resolvedDependencies: plan.sources,
    builder: { id: builderId, version: builderVersion },
    byproducts: [skippedReportOf(plan)],
  };
}

function reportOf({ plan, bundle }: Built, publications: readonly Publication[]): ExportReport {
  const { profile, asOf, records, losses = [], merge } = bundle.exportManifest;
  return {
    digest: bundle.artifact.digest,
    profile: profile.name,
    asOf,
    records: countsOf(records),
    losses: lossCounts(losses),
    ...(merge === undefined || plan.base === undefined
      ? {}
      : {
          merge: {
            digest: plan.base.digest,
            ...merge,
            conflicts: lossCounts(merge.conflicts),
            ...notFound(plan, merge),
          },
        }),
    publications,
  };
}

/** A misspelt ecosystem would pass for one without vulnerabilities. */
function notFound({ selector }: Plan, { buckets }: NonNullable<Bundle['exportManifest']['merge']>) {
  const roots = buckets.map(({ name }) => name);
  return { ecosystemsNotFound: ecosystemsNotIn(roots, selector.ecosystems ?? []) };
}

function lossCounts(losses: NonNullable<Bundle['exportManifest']['losses']>): ExportReport['losses'] {
  return losses.map(({ reason, scope, records, parts }) => ({ reason, scope, records, parts }));
}

function countsOf(records: Bundle['exportManifest']['records']): RecordCounts {
  const leftOut = Object.values(records.leftOut).reduce((total, count) => total + count, 0);
  return { kept: records.kept, leftOut, withheld: records.withheld };
}
