import type { Command } from 'commander';
import { diffTrivyDbs, type FindingChange, type OpenDatabase } from '#export';
import { type Io, writeText } from '../io.ts';
import { formatCount } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { type TransportOptions, withListOptions, withTransportOptions } from '../options.ts';
import { DATABASE, withNamedDatabases } from './databases.ts';

interface DiffOptions extends TransportOptions {
  readonly output: 'text' | 'json' | 'ndjson';
  readonly quiet: boolean;
}

/** Changes that a text shows; all are in the JSON. */
const SHOWN = 100;

const NOTES = `
Several buckets of an ecosystem count as one, as for Trivy: of several advisories on one package and id the one in the
last bucket counts. The exit status is 0 whether or not something changes; the JSON has the counts.

Examples:
  export-center trivy diff old/db.tar.gz new/db.tar.gz
  export-center trivy diff ghcr.io/aquasecurity/trivy-db:2 oci:feed:2 --output ndjson`;

/** `trivy diff`: what findings change from one database to another. */
export function diffCommand(command: Command, io: Io): void {
  command
    .description('list the findings that appear, disappear or change from one database to another')
    .argument('<old>', DATABASE)
    .argument('<new>', 'the same of the other database')
    .option('--quiet', 'do not write progress to stderr', false)
    .addHelpText('after', NOTES);
  withTransportOptions(withListOptions(command)).action((before: string, after: string, options: DiffOptions) =>
    withNamedDatabases(io, [before, after], options, async ([old, next], progress) => {
      progress.clear();
      await writeDiff(io, [old as OpenDatabase, next as OpenDatabase], options.output);
    }),
  );
}

/** Memory stays flat: each change is written as it is found. */
async function writeDiff(
  io: Io,
  [old, next]: readonly [OpenDatabase, OpenDatabase],
  output: DiffOptions['output'],
): Promise<void> {
  const counts = { appears: 0, disappears: 0, changes: 0 };
  const names = JSON.stringify({ old: old.name, new: next.name }).slice(0, -1);
  if (output === 'json') await writeText(io.stdout, `${names},"findings":[`);
  let total = 0;
  for await (const change of diffTrivyDbs(old, next, io.signal)) {
    counts[change.change]++;
    total++;
    if (output === 'ndjson') await writeText(io.stdout, `${JSON.stringify(change)}\n`);
    else if (output === 'json') await writeText(io.stdout, `${total === 1 ? '' : ','}${JSON.stringify(change)}`);
    else if (total <= SHOWN) await writeText(io.stdout, asLines([describe(change)]));
  }
  if (output === 'json') await writeText(io.stdout, `],"counts":${JSON.stringify(counts)}}\n`);
  if (output !== 'text') return;
  const lines = total > SHOWN ? [`and ${formatCount(total - SHOWN)} more: see --output ndjson`] : [];
  const { appears, disappears, changes } = counts;
  lines.push(`${formatCount(appears)} appear, ${formatCount(disappears)} disappear, ${formatCount(changes)} change`);
  await writeText(io.stdout, asLines(lines));
}

const MARKS: Readonly<Record<FindingChange['change'], string>> = { appears: '+', disappears: '-', changes: '~' };

/** Ranges may be long. */
const MAX_FACT = 120;

function describe({ change, group, package: name, id, before, after, changed }: FindingChange): string {
  const head = `${MARKS[change]} ${group}  ${name}  ${id}`;
  if (before !== undefined && after !== undefined) {
    const facts = (changed ?? []).map((fact) => `${fact} ${shown(before[fact])} -> ${shown(after[fact])}`);
    return `${head}  ${facts.join('; ')}`;
  }
  const facts = before ?? after;
  if (facts === undefined) return head;
  return `${head}  ${facts.severity}, ${facts.fixed === '' ? 'not fixed' : `fixed in ${shown(facts.fixed)}`}`;
}

function shown(fact: string | number): string {
  const text = String(fact);
  if (text === '') return 'none';
  return text.length > MAX_FACT ? `${text.slice(0, MAX_FACT)}…` : text;
}
