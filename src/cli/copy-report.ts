import { CodedError, type Descriptor } from '#core';
import type { CopyReport, Shortfall } from '#oci';
import { formatBytes, plural } from './numbers.ts';
import { asLines } from './one-line.ts';

/** A root of a copy, with the tag that it gets at the target, if it gets one. */
export interface Root {
  readonly descriptor: Descriptor;
  readonly tag: string | undefined;
}

/** What a copy did, and what the source has and the target has not. */
export interface CopyResult {
  readonly target: string;
  readonly roots: readonly Root[];
  readonly report: CopyReport;
  /** Listed at the source, and not there or damaged. */
  readonly missing: readonly Shortfall[];
  /** Not taken by the target, or not there after it took it. */
  readonly refused: readonly Shortfall[];
  /** At the target and not what it should be; undefined where nobody read it back. */
  readonly damaged: readonly Shortfall[] | undefined;
}

/** The result as one object of JSON, with its line end. */
export function copyAsJson({ target, roots, report, missing, refused, damaged }: CopyResult): string {
  const { incomplete, excluded, vouched } = report;
  const complete = [missing, refused, incomplete, damaged ?? []].every((list) => list.length === 0);
  return `${JSON.stringify({
    target,
    artifacts: roots.map(({ tag, descriptor }) => ({ tag: tag ?? null, digest: descriptor.digest })),
    bytesSent: report.bytesSent,
    contents: [...report.outcomes].map(([digest, state]) => ({ digest, state })),
    referrers: report.referrers.map(({ descriptor: { artifactType, digest } }) => ({
      artifactType: artifactType ?? null,
      digest,
    })),
    tagged: report.tagged.map(({ tag, descriptor }) => ({ tag, digest: descriptor.digest })),
    fidelity: {
      complete,
      vouched,
      missing: missing.map(shortfallAsJson),
      refused: refused.map(shortfallAsJson),
      incomplete: incomplete.map(({ tag, descriptor, lacks }) => ({
        tag: tag ?? null,
        digest: descriptor.digest,
        lacks,
      })),
      excluded: excluded.map(({ descriptor, reason }) => ({ digest: descriptor.digest, reason })),
      damaged: damaged?.map(shortfallAsJson) ?? null,
    },
  })}\n`;
}

function shortfallAsJson({ descriptor, tag, namedBy, code, message }: Shortfall): object {
  return { digest: descriptor?.digest ?? null, tag: tag ?? null, namedBy: namedBy ?? null, code, message };
}

/** The result for a person. */
export function copyAsText({ target, roots, report, missing, refused, damaged }: CopyResult): string {
  const states = [...report.outcomes.values()];
  const count = (state: string) => states.filter((outcome) => outcome === state).length;
  const { vouched, incomplete, excluded } = report;
  const told = vouched === 0 ? '' : ` (${vouched} by the word of the registry)`;
  const lines = [
    `copied ${plural(roots.length, 'artifact')} and ${plural(report.referrers.length, 'referrer')} to ${target}`,
    `  ${count('uploaded')} uploaded (${formatBytes(report.bytesSent)}), ${count('mounted')} mounted, ${count('present')} present${told}`,
    ...report.tagged.map(({ tag, descriptor }) => `  tag ${tag} -> ${descriptor.digest}`),
    ...missing.map((shortfall) => `  missing at the source: ${describe(shortfall)}`),
    ...refused.map((shortfall) => `  refused by the target: ${describe(shortfall)}`),
    ...(damaged ?? []).map((shortfall) => `  damaged at the target: ${describe(shortfall)}`),
    ...incomplete.map(({ tag, descriptor, lacks }) =>
      tag === undefined
        ? `  not copied, as it lacks ${lacks}: ${descriptor.digest}`
        : `  tag ${tag} not set, as ${descriptor.digest} lacks ${lacks}`,
    ),
    ...excluded.map(({ descriptor, reason }) => `  left out on purpose: ${descriptor.digest}: ${reason}`),
  ];
  if (damaged?.length === 0)
    lines.push(`  read back: ${plural(report.settled.length, 'content')}, each as it should be`);
  return asLines(lines);
}

function describe({ descriptor, tag, namedBy, code, message }: Shortfall): string {
  const what = [tag === undefined ? '' : `tag ${tag}`, descriptor?.digest ?? ''].filter(Boolean).join(' ');
  return `${what}${namedBy === undefined ? '' : `, named by ${namedBy}`}: ${code}: ${message}`;
}

/** The failure that a copy ends with where not everything is at the target; undefined where all is. */
export function failureOf({ target, missing, refused, damaged = [] }: CopyResult): CodedError | undefined {
  const details = { missing: missing.length, refused: refused.length, damaged: damaged.length };
  if (damaged.length > 0) {
    return new CodedError(
      'ERR_EXPORT_DIGEST_MISMATCH',
      `${target}: ${plural(damaged.length, 'content')} damaged there`,
      {
        hint: 'delete what is damaged there, then copy again; a layout is searched by export-center fsck',
        details,
      },
    );
  }
  const short = [...missing, ...refused];
  if (short.length === 0) return undefined;
  const what = `${target}: not everything is there: ${missing.length} missing at the source, ${refused.length} refused`;
  if (short.some(({ mayPass }) => mayPass)) {
    return new CodedError('ERR_EXPORT_INCOMPLETE', what, { hint: 'run it again: what is there is kept', details });
  }
  if (missing.length > 0) {
    const hint = 'have what is missing pushed to the source again, then copy again: what is there is kept';
    return new CodedError('ERR_EXPORT_NOT_FOUND', what, { hint, details });
  }
  const hint = "the target's own words are in the report; ask who runs it, then copy again: what is there is kept";
  return new CodedError('ERR_EXPORT_REGISTRY_REFUSED', what, { hint, details });
}
