import { CodedError, type Descriptor, type ErrorCode, isManifestType } from '#core';
import type { CopyFailure, CopyReport } from '#oci/transfer';
import { formatBytes, formatCount, plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';

/** A root of a copy, with the tag that it gets at the target, if it gets one. */
export interface Root {
  readonly descriptor: Descriptor;
  readonly tag: string | undefined;
  /** The repository that the tag is of, and whether it is written in full. */
  readonly repository?: string | undefined;
  readonly inFull?: boolean | undefined;
}

/** What is wrong at the target, although a manifest there names it. */
export interface ReadBack {
  readonly gone: readonly CopyFailure[];
  /** There, and not what it should be. */
  readonly damaged: readonly CopyFailure[];
}

/** What a copy did, and what the source has and the target has not. */
export interface CopyResult {
  readonly target: string;
  readonly roots: readonly Root[];
  readonly report: CopyReport;
  /** Listed at the source, and not there or damaged. */
  readonly missing: readonly CopyFailure[];
  /** Of kinds that cannot be copied whole. */
  readonly unsupported: readonly CopyFailure[];
  /** Not taken by the target, or not there after it took it. */
  readonly refused: readonly CopyFailure[];
  /** What was found when everything at the target was read back; undefined where nobody did. */
  readonly readBack: ReadBack | undefined;
}

/** The result as one object of JSON, with its line end. */
export function copyAsJson(result: CopyResult): string {
  const { target, roots, report, missing, unsupported, refused, readBack } = result;
  const { incomplete, conflicts, excluded } = report;
  const { gone, damaged } = readBack ?? { gone: [], damaged: [] };
  const complete = [missing, unsupported, refused, incomplete, conflicts, gone, damaged].every(
    (list) => list.length === 0,
  );
  return `${JSON.stringify({
    target,
    artifacts: roots.map(({ tag, descriptor }) => ({ tag: tag ?? null, digest: descriptor.digest })),
    bytesSent: report.bytesSent,
    contents: [...report.outcomes].map(([digest, state]) => ({ digest, state })),
    referrers: report.referrers.map(({ descriptor: { artifactType, digest } }) => ({
      artifactType: artifactType ?? null,
      digest,
    })),
    tagged: report.tagged.map(({ tag, descriptor, before, isMerged }) => ({
      tag,
      digest: descriptor.digest,
      before: before ?? null,
      merged: isMerged,
    })),
    fidelity: {
      complete,
      assumed: assumedIn(result),
      missing: missing.map(failureAsJson),
      unsupported: unsupported.map(failureAsJson),
      refused: refused.map(failureAsJson),
      incomplete: incomplete.map(({ tag, descriptor, lacks }) => ({
        tag: tag ?? null,
        digest: descriptor.digest,
        lacks,
      })),
      conflicts: conflicts.map(({ tag, descriptor, existing, reason }) => ({
        tag,
        digest: descriptor.digest,
        existing: existing ?? null,
        reason,
      })),
      excluded: excluded.map(({ descriptor, reason }) => ({ digest: descriptor.digest, reason })),
      gone: readBack?.gone.map(failureAsJson) ?? null,
      damaged: readBack?.damaged.map(failureAsJson) ?? null,
    },
  })}\n`;
}

function failureAsJson({ descriptor, tag, namedBy, code, message }: CopyFailure): object {
  return { digest: descriptor?.digest ?? null, tag: tag ?? null, namedBy: namedBy ?? null, code, message };
}

/** Contents that stand by the word of the registry alone: what was read back does not. */
function assumedIn({ report, readBack }: CopyResult): number {
  return readBack === undefined ? report.assumed : 0;
}

/** The roots that are whole at the target, under their tags. */
function copiedOf({ roots, report, missing, unsupported, refused }: CopyResult): readonly Root[] {
  const lacking = [...missing, ...unsupported, ...refused, ...report.incomplete, ...report.conflicts];
  return roots.filter((root) => {
    const isOf = ({ tag, descriptor }: Pick<CopyFailure, 'tag' | 'descriptor'>) =>
      tag === undefined ? descriptor?.digest === root.descriptor.digest : tag === root.tag;
    return !lacking.some(isOf);
  });
}

/** The result for a person. */
export function copyAsText(result: CopyResult): string {
  const { target, roots, report, missing, unsupported, refused, readBack } = result;
  const states = [...report.outcomes.values()];
  const count = (state: string) => states.filter((outcome) => outcome === state).length;
  const { incomplete, conflicts, excluded } = report;
  const copied = copiedOf(result).length;
  const of = copied === roots.length ? '' : `${copied} of `;
  const lines = [
    `copied ${of}${plural(roots.length, 'artifact')} and ${plural(report.referrers.length, 'referrer')} to ${target}`,
    `  ${count('uploaded')} uploaded (${formatBytes(report.bytesSent)}), ${count('mounted')} mounted, ${count('present')} present`,
    ...assumedLine(assumedIn(result)),
    ...report.tagged.map(tagLine),
    ...missing.map((failure) => `  ${faultAtSource(failure)} at the source: ${describe(failure)}`),
    ...unsupported.map((failure) => `  not supported: ${describe(failure)}`),
    ...refused.map((failure) => `  refused by the target: ${describe(failure)}`),
    ...(readBack?.gone ?? []).map((failure) => `  missing at the target: ${describe(failure)}`),
    ...(readBack?.damaged ?? []).map((failure) => `  damaged at the target: ${describe(failure)}`),
    ...incomplete.map(({ tag, descriptor, lacks }) =>
      tag === undefined
        ? `  not copied: ${descriptor.digest} lacks ${lacks}`
        : `  tag ${tag} not set: ${descriptor.digest} lacks ${lacks}`,
    ),
    ...conflicts.map(({ tag, existing, reason }) => `  tag ${tag} kept (${existing ?? 'several'}): ${reason}`),
    ...excluded.map(({ descriptor, reason }) => `  excluded: ${descriptor.digest}: ${reason}`),
  ];
  if (readBack !== undefined && readBack.gone.length + readBack.damaged.length === 0)
    lines.push(`  read back: ${formatCount(report.completed.length)} blobs and manifests, all digests match`);
  return asLines(lines);
}

function tagLine({ tag, repository, inFull, descriptor, before, isMerged }: CopyReport['tagged'][number]): string {
  const was = before === undefined ? '' : ` (was ${before}${isMerged ? '; merged, it points at both now' : ''})`;
  return `  tag ${inFull ? `${repository}:` : ''}${tag} -> ${descriptor.digest}${was}`;
}

function assumedLine(assumed: number): string[] {
  if (assumed === 0) return [];
  const what = `${plural(assumed, 'blob')} assumed present, because the registry has their manifests`;
  return [`  ${what}: --check-all asks for each, --verify reads each`];
}

function describe({ descriptor, tag, namedBy, code, message }: CopyFailure): string {
  const what = [tag === undefined ? '' : `tag ${tag}`, descriptor?.digest ?? ''].filter(Boolean).join(' ');
  return `${what}${namedBy === undefined ? '' : `, named by ${namedBy}`}: ${code}: ${message}`;
}

/** The failure that a copy ends with where not everything is at the target; undefined where all is. */
export function failureOf(result: CopyResult): CodedError | undefined {
  const { target, missing, unsupported, refused, readBack } = result;
  const { conflicts } = result.report;
  const { gone, damaged } = readBack ?? { gone: [], damaged: [] };
  const lists = { missing, unsupported, refused, conflicts, gone, damaged };
  const details = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.length]));
  if (gone.length + damaged.length > 0) {
    const what = `${target}: of the content that its manifests name, ${gone.length} missing and ${damaged.length} damaged`;
    return damaged.length === 0
      ? new CodedError('ERR_EXPORT_CONTENT_MISMATCH', what, {
          hint: 'copy again with --check-all, which sends missing blobs',
          details,
        })
      : new CodedError('ERR_EXPORT_DIGEST_MISMATCH', what, {
          hint: 'delete the damaged content there, then copy again with --check-all; in a layout, export-center fsck finds it',
          details,
        });
  }
  if ([missing, unsupported, refused, conflicts].every((list) => list.length === 0)) return undefined;
  const counts = [
    `${countAtSource(missing)} at the source`,
    ...(unsupported.length === 0
      ? []
      : [`${unsupported.length} of unsupported types that cannot be copied completely`]),
    `${refused.length} refused`,
    ...(conflicts.length === 0 ? [] : [`${plural(conflicts.length, 'tag')} kept`]),
  ];
  const what = `${target}: the copy is incomplete: ${counts.join(', ')}`;
  return new CodedError(codeOf(result), what, { hint: nextStep(result), details });
}

function codeOf({ missing, unsupported, refused }: CopyResult): ErrorCode {
  if ([...missing, ...refused].some(({ mayPass }) => mayPass)) return 'ERR_EXPORT_INCOMPLETE';
  if (missing.length > 0) return 'ERR_EXPORT_NOT_FOUND';
  if (unsupported.length > 0) return 'ERR_EXPORT_UNSUPPORTED';
  return refused.length > 0 ? 'ERR_EXPORT_REGISTRY_REFUSED' : 'ERR_EXPORT_TAG_CONFLICT';
}

function nextStep({ missing, unsupported, refused, report }: CopyResult): string {
  const lasts = (list: readonly CopyFailure[]) => list.some(({ mayPass }) => !mayPass);
  const steps: string[] = [];
  const lasting = new Set(missing.filter(({ mayPass }) => !mayPass).map(faultAtSource));
  for (const [fault, step] of Object.entries(AT_SOURCE)) {
    // docker save and nerdctl save write the index of all platforms beside the image of one.
    const isPlatform = fault === 'missing' && missing.some(isMissingChild);
    const whole = isPlatform ? `${step}, or choose an existing platform with --platform` : step;
    if (lasting.has(fault as FaultAtSource)) steps.push(whole);
  }
  if (lasts(refused))
    steps.push('ask the operator of the target about refused content; the report quotes its messages');
  if (unsupported.length > 0) steps.push('push content of unsupported types again as OCI image manifests');
  if (report.conflicts.length > 0) steps.push('delete each tag that was kept at the target, or leave it');
  if (steps.length === 0) return 'run the same command again: existing content is kept';
  return `${steps.join(' and ')}, then copy again: existing content is kept`;
}

/** Whether it is a manifest that an index names. */
function isMissingChild({ descriptor, namedBy, mayPass, code }: CopyFailure): boolean {
  if (mayPass || code !== 'ERR_EXPORT_NOT_FOUND' || namedBy === undefined) return false;
  return descriptor !== undefined && isManifestType(descriptor.mediaType);
}

/** What can be wrong with content that the source lists, and the next step for each. */
const AT_SOURCE = {
  missing: 'push missing content to the source again',
  damaged: 'replace damaged content at the source',
  'of a wrong size': 'push content of a wrong size to the source again, or rebuild the manifest that names it',
  unreadable: 'see in the report why content at the source cannot be read',
} as const;

type FaultAtSource = keyof typeof AT_SOURCE;

function faultAtSource({ code }: CopyFailure): FaultAtSource {
  if (code === 'ERR_EXPORT_NOT_FOUND') return 'missing';
  if (code === 'ERR_EXPORT_DIGEST_MISMATCH') return 'damaged';
  return code === 'ERR_EXPORT_SIZE_MISMATCH' ? 'of a wrong size' : 'unreadable';
}

/** `1 missing`, `1 missing, 2 damaged`. */
function countAtSource(missing: readonly CopyFailure[]): string {
  const counts = Object.keys(AT_SOURCE).map((fault) => {
    return [fault, missing.filter((failure) => faultAtSource(failure) === fault).length] as const;
  });
  const told = counts.filter(([fault, count]) => count > 0 || (fault === 'missing' && missing.length === 0));
  return told.map(([fault, count]) => `${count} ${fault}`).join(', ');
}
