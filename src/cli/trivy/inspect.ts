import type { Command } from 'commander';
import { type DatabaseSurvey, type OpenDatabase, surveyTrivyDb } from '#export';
import { type Io, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { type CommonOptions, type TransportOptions, withCommonOptions, withTransportOptions } from '../options.ts';
import { DATABASE, withNamedDatabases } from './databases.ts';

type InspectOptions = CommonOptions & TransportOptions;

/** `trivy inspect`: what a database holds. */
export function inspectCommand(command: Command, io: Io): void {
  command
    .description('show the buckets of a database with counts and sizes, its sources and its dates')
    .argument('<database>', DATABASE)
    .addHelpText('after', '\nExample:\n  export-center trivy inspect db.tar.gz --output json');
  withTransportOptions(withCommonOptions(command)).action((text: string, options: InspectOptions) =>
    withNamedDatabases(io, [text], options, async ([database], progress) => {
      const survey = await surveyTrivyDb(database as OpenDatabase, io.signal);
      progress.clear();
      await writeText(io.stdout, write(database as OpenDatabase, survey, options.output));
    }),
  );
}

function write(database: OpenDatabase, survey: DatabaseSurvey, output: InspectOptions['output']): string {
  const { name, artifact, digest, sizeBytes, metadata } = database;
  if (output === 'json') {
    const place = { database: name, ...(artifact === undefined ? {} : { artifact: artifact.digest }) };
    return `${JSON.stringify({ ...place, digest, sizeBytes, metadata: metadata ?? null, ...survey })}\n`;
  }
  const { keys, buckets, vulnerabilities, published, modified } = survey;
  const described = plural(vulnerabilities, 'vulnerability', 'vulnerabilities');
  const lines = [
    `${name}${artifact === undefined ? '' : `  ${artifact.digest}`}`,
    `  trivy.db     ${digest}, ${formatBytes(sizeBytes)}`,
    ...(metadata === undefined
      ? []
      : [`  metadata     updated ${metadata.updatedAt ?? '?'}, next update ${metadata.nextUpdate ?? '?'}`]),
    `  content      ${plural(buckets.length, 'bucket')}, ${plural(keys, 'key')}, ${described}`,
    ...(published === undefined ? [] : [`  published    ${published.oldest} to ${published.newest}`]),
    ...(modified === undefined ? [] : [`  modified     ${modified.oldest} to ${modified.newest}`]),
    ...buckets.map(describeBucket),
  ];
  return asLines(lines);
}

function describeBucket({ name, keys, bytes, packages, source }: DatabaseSurvey['buckets'][number]): string {
  const inner = packages === 0 ? '' : `, ${plural(packages, 'sub-bucket')}`;
  const from = source === undefined ? '' : `, source ${source.id}`;
  return `  ${name}: ${plural(keys, 'key')}${inner}, ${formatBytes(bytes)}${from}`;
}
