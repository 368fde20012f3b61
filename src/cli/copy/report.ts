import { CodedError, type Descriptor, type ErrorCode, isManifestType } from '#core';
import type { CopyReport, Shortfall } from '#oci/transfer';
import { formatBytes, plural } from '../numbers.ts';
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
  readonly gone: readonly Shortfall[];
  /** There, and not what it should be. */
  readonly damaged: readonly Shortfall[];
}

/** What a copy did, and what the source has and the target has not. */
export interface CopyResult {
  readonly target: string;
  readonly roots: readonly Root[];
  readonly report: CopyReport;
  /** Listed at the source, and not there or damaged. */
  readonly missing: readonly Shortfall[];
  /** Of kinds that cannot be copied whole. */
  readonly unsupported: readonly Shortfall[];
  /** Not taken by the target, or not there after it took it. */
  readonly refused: readonly Shortfall[];
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
      vouched: vouchedIn(result),
      missing: missing.map(shortfallAsJson),
      unsupported: unsupported.map(shortfallAsJson),
      refused: refused.map(shortfallAsJson),
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
      gone: readBack?.gone.map(shortfallAsJson) ?? null,
      damaged: readBack?.damaged.map(shortfallAsJson) ?? null,
    },
  })}\n`;
}

function shortfallAsJson({ descriptor, tag, namedBy, code, message }: Shortfall): object {
  return { digest: descriptor?.digest ?? null, tag: tag ?? null, namedBy: namedBy ?? null, code, message };
}

/** Contents that stand by the word of the registry alone: what was read back does not. */
function vouchedIn({ report, readBack }: CopyResult): number {
  return readBack === undefined ? report.vouched : 0;
}

/** The roots that are whole at the target, under their tags. */
function copiedOf({ roots, report, missing, unsupported, refused }: CopyResult): readonly Root[] {
  const lacking = [...missing, ...unsupported, ...refused, ...report.incomplete, ...report.conflicts];
  return roots.filter((root) => {
    const isOf = ({ tag, descriptor }: Pick<Shortfall, 'tag' | 'descriptor'>) =>
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
    ...wordOf(vouchedIn(result)),
    ...report.tagged.map(tagLine),
    ...missing.map((shortfall) => `  ${faultAtSource(shortfall)} at the source: ${describe(shortfall)}`),
    ...unsupported.map((shortfall) => `  not supported: ${describe(shortfall)}`),
    ...refused.map((shortfall) => `  refused by the target: ${describe(shortfall)}`),
    ...(readBack?.gone ?? []).map((shortfall) => `  gone at the target: ${describe(shortfall)}`),
    ...(readBack?.damaged ?? []).map((shortfall) => `  damaged at the target: ${describe(shortfall)}`),
    ...incomplete.map(({ tag, descriptor, lacks }) =>
      tag === undefined
        ? `  not copied, as it lacks ${lacks}: ${descriptor.digest}`
        : `  tag ${tag} not set, as ${descriptor.digest} lacks ${lacks}`,
    ),
    ...conflicts.map(({ tag, existing, reason }) => `  tag ${tag} left as it is (${existing ?? 'several'}): ${reason}`),
    ...excluded.map(({ descriptor, reason }) => `  left out on purpose: ${descriptor.digest}: ${reason}`),
  ];
  if (readBack !== undefined && readBack.gone.length + readBack.damaged.length === 0)
    lines.push(`  read back: ${plural(report.settled.length, 'content')}, each as it should be`);
  return asLines(lines);
}

function tagLine({ tag, repository, inFull, descriptor, before, isMerged }: CopyReport['tagged'][number]): string {
  const was = before === undefined ? '' : ` (was ${before}${isMerged ? '; it leads to both now' : ''})`;
  return `  tag ${inFull ? `${repository}:` : ''}${tag} -> ${descriptor.digest}${was}`;
}

function wordOf(vouched: number): string[] {
  if (vouched === 0) return [];
  const what = `${plural(vouched, 'content')} present by the word of the registry, which holds their manifests`;
  return [`  ${what}: --check-all asks for each, --verify reads each`];
}

function describe({ descriptor, tag, namedBy, code, message }: Shortfall): string {
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
    const what = `${target}: of what manifests there name, ${gone.length} gone and ${damaged.length} damaged`;
    return damaged.length === 0
      ? new CodedError('ERR_EXPORT_CONTENT_MISMATCH', what, {
          hint: 'copy again with --check-all: it asks for each blob, and sends what is gone',
          details,
        })
      : new CodedError('ERR_EXPORT_DIGEST_MISMATCH', what, {
          hint: 'delete what is damaged there, then copy again with --check-all; a layout is searched by export-center fsck',
          details,
        });
  }
  if ([missing, unsupported, refused, conflicts].every((list) => list.length === 0)) return undefined;
  const counts = [
    `${countAtSource(missing)} at the source`,
    ...(unsupported.length === 0 ? [] : [`${unsupported.length} of unsupported types that cannot be copied whole`]),
    `${refused.length} refused`,
    ...(conflicts.length === 0 ? [] : [`${plural(conflicts.length, 'tag')} left as they are`]),
  ];
  const what = `${target}: not everything is there: ${counts.join(', ')}`;
  return new CodedError(codeOf(result), what, { hint: nextStep(result), details });
}

function codeOf({ missing, unsupported, refused }: CopyResult): ErrorCode {
  if ([...missing, ...refused].some(({ mayPass }) => mayPass)) return 'ERR_EXPORT_INCOMPLETE';
  if (missing.length > 0) return 'ERR_EXPORT_NOT_FOUND';
  if (unsupported.length > 0) return 'ERR_EXPORT_UNSUPPORTED';
  return refused.length > 0 ? 'ERR_EXPORT_REGISTRY_REFUSED' : 'ERR_EXPORT_TAG_CONFLICT';
}

function nextStep({ missing, unsupported, refused, report }: CopyResult): string {
  const lasts = (list: readonly Shortfall[]) => list.some(({ mayPass }) => !mayPass);
  const steps: string[] = [];
  const lasting = new Set(missing.filter(({ mayPass }) => !mayPass).map(faultAtSource));
  for (const [fault, step] of Object.entries(AT_SOURCE)) {
    // docker save and nerdctl save write the index of all platforms beside the image of one.
    const isPlatform = fault === 'missing' && missing.some(isMissingChild);
    const whole = isPlatform ? `${step}, or choose a platform that is there with --platform` : step;
    if (lasting.has(fault as FaultAtSource)) steps.push(whole);
  }
  if (lasts(refused)) steps.push('ask who runs the target about what it refused, in its own words in the report');
  if (unsupported.length > 0) steps.push('have what is of an unsupported type pushed again as OCI image manifests');
  if (report.conflicts.length > 0) steps.push('choose for each tag that was left: delete it at the target, or keep it');
  if (steps.length === 0) return 'run it again: what is there is kept';
  return `${steps.join(' and ')}, then copy again: what is there is kept`;
}

/** Whether it is a manifest that an index names. */
function isMissingChild({ descriptor, namedBy, mayPass, code }: Shortfall): boolean {
  if (mayPass || code !== 'ERR_EXPORT_NOT_FOUND' || namedBy === undefined) return false;
  return descriptor !== undefined && isManifestType(descriptor.mediaType);
}

/** What can be wrong with content that the source lists, and the next step for each. */
const AT_SOURCE = {
  missing: 'have what is missing pushed to the source again',
  damaged: 'have what is damaged at the source replaced',
  'of a wrong size':
    'have what is of a wrong size at the source pushed again, or the manifest that names it made again',
  unreadable: 'see in the report why something at the source cannot be read',
} as const;

type FaultAtSource = keyof typeof AT_SOURCE;

function faultAtSource({ code }: Shortfall): FaultAtSource {
  if (code === 'ERR_EXPORT_NOT_FOUND') return 'missing';
  if (code === 'ERR_EXPORT_DIGEST_MISMATCH') return 'damaged';
  return code === 'ERR_EXPORT_SIZE_MISMATCH' ? 'of a wrong size' : 'unreadable';
}

/** `1 missing`, `1 missing, 2 damaged`. */
function countAtSource(missing: readonly Shortfall[]): string {
  const counts = Object.keys(AT_SOURCE).map((fault) => {
    return [fault, missing.filter((shortfall) => faultAtSource(shortfall) === fault).length] as const;
  });
  const told = counts.filter(([fault, count]) => count > 0 || (fault === 'missing' && missing.length === 0));
  return told.map(([fault, count]) => `${count} ${fault}`).join(', ');
}
