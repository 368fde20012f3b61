import type { IgnoredFile, WithheldFile } from '#evidence';
import type { ExportReport, LayerReport, Publication, RunOptions } from '#export';
import type { OutputFormat } from '../failure.ts';
import { formatBytes, formatCount, plural } from '../numbers.ts';
import { asLines, oneLine } from '../one-line.ts';
import { describePublished } from '../tuf.ts';
import { describeMerge } from './merge-output.ts';

/** Layers that a text shows; all are in the JSON. */
const SHOWN = 20;

/** Files passed over that are named: nobody reads more, and the count says how many there are. */
const IGNORED_SHOWN = 1000;

/** Records that are named for each reason of a loss. */
const LOSSES_SHOWN = 5;

/** The result of `export` and `plan`. The first place stands at the top; further ones under `alsoPublished`. */
export function writeExportReport(report: ExportReport, format: OutputFormat): string {
  return format === 'json' ? `${JSON.stringify(asJson(report))}\n` : asText(report);
}

function asJson({ digest, profile, asOf, records, losses, merge, publications, tuf }: ExportReport): object {
  const [first, ...others] = publications;
  return {
    reference: first?.reference ?? null,
    digest,
    profile,
    asOf,
    layers: first?.layers ?? [],
    bytesSent: first?.bytesSent ?? 0,
    records,
    losses,
    ...(merge === undefined ? {} : { merge }),
    referrers: first?.referrers ?? [],
    previousDigest: first?.previousDigest,
    ...(tuf === undefined ? {} : { tuf }),
    ...(others.length === 0 ? {} : { alsoPublished: others.map(placeAsJson) }),
  };
}

function placeAsJson({ reference, layers, bytesSent, referrers, previousDigest }: Publication): object {
  return { reference: reference ?? null, layers, bytesSent, referrers, previousDigest };
}

function asText(report: ExportReport): string {
  const { kept, leftOut, withheld } = report.records;
  const records = `${plural(kept, 'record')}, ${leftOut} left out, ${withheld} withheld`;
  const lines = [`${report.profile}  ${report.digest}`, `  as of ${report.asOf}, ${records}`];
  if (report.merge !== undefined) lines.push(...describeMerge(report.merge).map((line) => `  ${line}`));
  for (const publication of report.publications) lines.push(...placeAsText(publication));
  if (report.tuf !== undefined) lines.push(...targetAsText(report.tuf));
  return asLines(lines);
}

function targetAsText({ target, published, waiting }: NonNullable<ExportReport['tuf']>): string[] {
  if (waiting.length > 0) return [`TUF target ${target}, waits for signatures`];
  if (published.length === 0) return [`TUF target ${target}, listed before`];
  return [`TUF target ${target}`, ...describePublished(published).map((line) => `  ${line}`)];
}

/** What is said of the signature and the provenance. */
const SIGNED: Readonly<Record<Publication['signed'], string>> = {
  signed: 'signed, with provenance',
  present: 'signature and provenance already present',
  unsigned: 'not signed',
};

function placeAsText({ reference, layers, bytesSent, referrers, signed, previousDigest }: Publication): string[] {
  const total = layers.reduce((sum, layer) => sum + layer.size, 0);
  const planned = layers.some((layer) => layer.state === 'planned');
  const sent = planned ? 'nothing sent' : `${formatBytes(bytesSent)} sent`;
  const lines = [
    ...(reference === undefined ? [] : [reference]),
    `  ${plural(layers.length, 'layer')}, ${formatBytes(total)}, ${sent}`,
  ];
  if (!planned) lines.push(`  ${SIGNED[signed]}`);
  if (previousDigest !== undefined) lines.push(`  the tag previously pointed at ${previousDigest}`);
  lines.push(...layersAsText(layers));
  for (const { artifactType, digest } of referrers) lines.push(`  referrer ${digest}  ${artifactType}`);
  return lines;
}

function layersAsText(layers: readonly LayerReport[]): string[] {
  const lines = layers
    .slice(0, SHOWN)
    .map(({ title, size, state }) => `  ${state.padEnd(8)} ${title}  ${formatBytes(size)}`);
  if (layers.length > SHOWN) lines.push(`  and ${layers.length - SHOWN} more: see --output json`);
  return lines;
}

/** What was passed over in the sources, for stderr; empty where nothing was. */
export function describeIgnored(files: readonly IgnoredFile[], count: number): string {
  if (count === 0) return '';
  const lines = [`ignored ${plural(count, 'file')} without records:`];
  lines.push(
    ...files
      .slice(0, IGNORED_SHOWN)
      .map(({ source, name, reason }) => `  ${oneLine(source)}: ${oneLine(name)}: ${reason}`),
  );
  if (count > IGNORED_SHOWN) lines.push(`  and ${count - IGNORED_SHOWN} more`);
  return `${lines.join('\n')}\n`;
}

type Losses = Parameters<NonNullable<RunOptions['onLosses']>>[0];

const RED_HAT =
  'warning: records of Red Hat are left out; Trivy aborts scans of RHEL and CentOS, unless a --base-db has the Red Hat buckets';

/** What the profile cannot carry, for stderr; empty where it carries everything. */
export function describeLosses(losses: Losses): string {
  if (losses.length === 0) return '';
  const lines = losses.map(({ reason, scope, records, parts, listed }) => {
    const what =
      scope === 'record' ? plural(records, 'record') : `${plural(parts, 'part')} of ${plural(records, 'record')}`;
    const names = listed
      .slice(0, LOSSES_SHOWN)
      .map(({ record, pointer }) => (pointer === '' ? record : `${record} at ${pointer}`));
    const more = records > names.length ? [`and ${formatCount(records - names.length)} more`] : [];
    return `  ${reason}: ${what}: ${[...names, ...more].join(', ')}`;
  });
  const isOfRedHat = losses.some(({ reason }) => reason === 'redHatNotCarried');
  return asLines(['left out ("losses" in export.json):', ...lines, ...(isOfRedHat ? [RED_HAT] : [])]);
}

type WithheldRecords = Parameters<NonNullable<RunOptions['onWithheld']>>[0];

/** What is withheld, with the files where they are known, for stderr; empty where nothing is. */
export function describeWithheld(records: WithheldRecords, files: readonly WithheldFile[]): string {
  if (records.length === 0) return '';
  const places = Map.groupBy(files, ({ record }) => record);
  const lines = [`withheld ${plural(records.length, 'invalid record')}:`];
  for (const { record, code, pointer } of records) {
    const found = places.get(record)?.map(({ source, name }) => `${source}: ${name}`) ?? [];
    lines.push(oneLine(`  ${[record, `${code} at ${pointer === '' ? 'the top' : pointer}`, ...found].join(', ')}`));
  }
  return `${lines.join('\n')}\n`;
}
