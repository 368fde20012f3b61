import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertCodecs, codecVersions } from '#artifacts';
import { type Clock, fileError, instantOf } from '#core';
import type { IgnoredFile } from '#evidence';
import { openLayout } from '#oci';
import type { Provenance, Signer } from '#signing';
import { parametersOf } from './export-manifest.ts';
import { type Bundle, packBundle, type Staging } from './pack.ts';
import { type Plan, planExport, type WorkOptions } from './plan.ts';
import type { ProgressListener } from './progress.ts';
import { type Destination, plannedPublication, publishBundle } from './publish.ts';
import type { ExportReport, Publication, RecordCounts } from './report.ts';
import type { ExportRequest } from './request.ts';
import { BundleSigner } from './sign.ts';

/** One execution: where to, signed by whom, and what only this run knows. */
export interface RunOptions {
  readonly destinations: readonly Destination[];
  /** Unsigned where there is none. */
  readonly signer?: Signer | undefined;
  /** Names this instance of Export Center in provenance, with its way of being trusted. */
  readonly builderId: string;
  /** Versions for provenance, by name. */
  readonly builderVersion: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Told of files in the sources that hold no records, once they are read. */
  readonly onIgnored?: ((files: readonly IgnoredFile[]) => void) | undefined;
}

/** Builds a bundle and publishes it at every destination, in the order given. */
export async function runExport(request: ExportRequest, options: RunOptions): Promise<ExportReport> {
  const startedOn = instantOf(options.clock.now());
  return withBundle(request, options, async ({ plan, bundle, staging }) => {
    const provenance = {
      ...describeRun(plan, bundle, options),
      run: { invocationId: randomUUID(), startedOn, finishedOn: instantOf(options.clock.now()) },
    };
    const signer =
      options.signer === undefined ? undefined : new BundleSigner(bundle, { signer: options.signer, provenance });
    const publications: Publication[] = [];
    for (const destination of options.destinations) {
      publications.push(await publishBundle(bundle, staging, destination, signer, options));
    }
    return reportOf(bundle, publications);
  });
}

/** Builds a bundle as runExport would, and publishes nothing. */
export async function runPlan(request: ExportRequest, options: RunOptions): Promise<ExportReport> {
  return withBundle(request, options, async ({ bundle }) => {
    const publications = options.destinations.map((destination) => plannedPublication(bundle, destination));
    return reportOf(bundle, publications);
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
  options: RunOptions,
  use: (built: Built) => Promise<T>,
): Promise<T> {
  await assertCodecs();
  const workDir = await makeWorkDir();
  try {
    const work: WorkOptions = { workDir, signal: options.signal, onProgress: options.onProgress };
    const plan = await planExport(request, work);
    try {
      options.onIgnored?.(plan.records.ignored);
      const staging = await openLayout(join(workDir, 'staging'), { create: true, durable: false });
      const bundle = await packBundle(plan, staging, work);
      return await use({ plan, bundle, staging });
    } finally {
      await plan.close();
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function makeWorkDir(): Promise<string> {
  const parent = tmpdir();
  try {
    return await mkdtemp(join(parent, 'export-center-'));
  } catch (error) {
    throw fileError(error, parent);
  }
}

function describeRun(plan: Plan, bundle: Bundle, { builderId, builderVersion }: RunOptions): Omit<Provenance, 'run'> {
  return {
    externalParameters: parametersOf(bundle.exportManifest),
    internalParameters: { codecs: codecVersions },
    resolvedDependencies: plan.sources,
    builder: { id: builderId, version: builderVersion },
  };
}

function reportOf(bundle: Bundle, publications: readonly Publication[]): ExportReport {
  const { profile, asOf, records } = bundle.exportManifest;
  return { digest: bundle.artifact.digest, profile: profile.name, asOf, records: countsOf(records), publications };
}

function countsOf(records: Bundle['exportManifest']['records']): RecordCounts {
  const leftOut = Object.values(records.leftOut).reduce((total, count) => total + count, 0);
  return { kept: records.kept, leftOut, withheld: records.withheld };
}
