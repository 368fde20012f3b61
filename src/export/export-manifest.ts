import { type BuildReport, recordsLeftOut } from '#artifacts';
import { CodedError, compareText, encodeCanonical, type JsonObject } from '#core';
import { maxWithheld } from '#evidence';
import type { ExportProvenanceParameters } from '#signing';
import { type Content, checkExportManifest, type ExportManifest } from './export-manifest.generated.ts';
import { exportManifestPath } from './forms.ts';
import { inputsHashOf, rerunHashOf } from './hashes.ts';
import type { Plan } from './plan.ts';
import { describeProfile } from './profiles.ts';

const SCHEMA = 'https://stellaops.io/export-center/schemas/export-manifest/v1';
const VERSION = '1.0.0';
/** Of a manifest that lists losses: readers of 1.0.0 do not know the member. */
const VERSION_WITH_LOSSES = '1.1.0';
/** Of a manifest of what was merged into a base. */
const VERSION_WITH_MERGE = '1.2.0';

/** The manifest of a bundle whose contents are built. Its bytes depend on the plan and the contents alone. */
export function makeExportManifest(plan: Plan, contents: readonly Content[], report: BuildReport): ExportManifest {
  const { profile, asOf, records } = plan;
  const { adapter } = profile;
  const head = {
    schema: SCHEMA,
    version: versionOf(report),
    profile: describeProfile(profile),
    tenant: plan.request.tenant,
    selector: plan.selector,
    asOf,
    adapters: [{ name: adapter.name, version: adapter.version }],
    inputs: { classes: records.classes, options: { skipInvalid: plan.request.withholdInvalid, ...plan.options } },
  };
  const withheld = [...records.withheld, ...report.withheld].sort((a, b) => compareText(a.record, b.record));
  if (withheld.length > maxWithheld) throw tooManyWithheld(profile.name, withheld.length);
  const leftOut = recordsLeftOut(report.losses);
  const sorted = [...contents].sort((a, b) => compareText(a.path, b.path));
  const manifest = {
    ...head,
    ...(report.shards === undefined ? {} : { shards: report.shards }),
    inputsHash: inputsHashOf(head),
    contents: sorted,
    rerunHash: rerunHashOf(sorted),
    records: {
      kept: records.kept - report.withheld.length - sum(leftOut),
      leftOut: addCounts(records.leftOut, leftOut),
      unscored: records.unscored,
      withheld: withheld.length,
    },
    withheld,
    ...(report.losses.length === 0 ? {} : { losses: report.losses }),
    ...(report.merge === undefined ? {} : { merge: report.merge }),
  };
  return checkExportManifest(manifest as unknown as JsonObject, exportManifestPath);
}

/** The lowest that has all members. */
function versionOf({ losses, merge }: BuildReport): string {
  if (merge !== undefined) return VERSION_WITH_MERGE;
  return losses.length === 0 ? VERSION : VERSION_WITH_LOSSES;
}

function tooManyWithheld(profile: string, count: number): CodedError {
  return new CodedError(
    'ERR_EXPORT_TOO_LARGE',
    `${profile} would withhold ${count} records, more than ${maxWithheld}`,
    {
      hint: 'check that the sources are what you meant; a bundle lists no more withheld records',
      details: { profile, count },
    },
  );
}

/** Canonical JSON and a line end, so that it prints well and has one spelling. */
export function encodeExportManifest(manifest: ExportManifest): Uint8Array {
  return Buffer.concat([encodeCanonical(manifest as unknown as JsonObject), Buffer.from('\n')]);
}

/**
 * The request as provenance states it: the complete, small input that a verifier can compare with the manifest
 * (manifests-schema/export-provenance-parameters.schema.json).
 */
export function parametersOf(manifest: ExportManifest): ExportProvenanceParameters {
  const { profile, tenant, selector, asOf, inputs } = manifest;
  return { profile, tenant, selector, asOf, options: inputs.options };
}

type Counts = Readonly<Record<string, number>>;

/** A clause of the selector and a rule of the builder may have one name: each leaves out records of its own. */
function addCounts(a: Counts, b: Counts): Counts {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...names].map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]));
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
