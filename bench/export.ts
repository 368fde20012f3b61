import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peerPath } from '../test/peers/peers.ts';
import { type CommandCost, measure, measureAll, median, type Timed } from './measure.ts';
import { type RealSource, realSources, writeCopies } from './records.ts';

interface Inputs {
  readonly records: number;
  /** One zip for each source, for us. */
  readonly archives: readonly string[];
  /** One folder for each source, for the reference. */
  readonly folders: readonly { readonly source: RealSource; readonly folder: string }[];
}

/**
 * Compares our build of a Trivy database, from zip to gzip, with trivy-db's own builder followed by `bbolt compact`,
 * tar and gzip, in pairs; then takes the pace of `json:raw`.
 */
export async function benchExport(args: readonly string[], data: string): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { copies: { type: 'string', default: '1' }, rounds: { type: 'string', default: '3' } },
  });
  await withCopies(data, Number(values.copies), async (inputs, work) => {
    await compare(inputs, work, Number(values.rounds));
    await pace('json:raw', inputs, work, Number(values.rounds));
  });
}

/** Compares our build of a Trivy database with the reference builder; without it, takes our pace alone. */
export async function benchRecords(data: string, copies: number, rounds: number, alone: boolean): Promise<void> {
  await withCopies(data, copies, (inputs, work) =>
    alone ? pace('trivy:db', inputs, work, rounds) : compare(inputs, work, rounds),
  );
}

async function withCopies(
  data: string,
  copies: number,
  run: (inputs: Inputs, work: string) => Promise<void>,
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'bench-export-'));
  try {
    await run(await prepare(data, work, copies), work);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function prepare(data: string, work: string, copies: number): Promise<Inputs> {
  const folders = [];
  const archives = [];
  let records = 0;
  for (const source of realSources) {
    const folder = join(work, source.ecosystem);
    const archive = join(data, source.archive);
    records += await writeCopies(archive, folder, copies);
    folders.push({ source, folder });
    archives.push(copies === 1 ? archive : await zipFolder(folder));
  }
  return { records, archives, folders };
}

async function zipFolder(folder: string): Promise<string> {
  const archive = `${folder}.zip`;
  const script = [
    'import os, sys, zipfile',
    'with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:',
    '  for n in sorted(os.listdir(sys.argv[2])): z.write(os.path.join(sys.argv[2], n), n)',
  ].join('\n');
  await measure({ argv: ['python3', '-c', script, archive, folder] });
  return archive;
}

async function compare({ records, archives, folders }: Inputs, work: string, rounds: number): Promise<void> {
  const [builder, bbolt] = [peerPath('trivydb-ref'), peerPath('bbolt')];
  if (builder === undefined || bbolt === undefined) throw new Error('trivydb-ref and bbolt: run test/peers/install');
  const ours = ourExport('trivy:db', archives, work);
  const out = join(work, 'reference');
  const theirs: Timed[] = [
    {
      argv: [
        builder,
        out,
        ...folders.flatMap(({ source, folder }) => [source.ecosystem, source.id, source.name, source.url, folder]),
      ],
    },
    { argv: [bbolt, 'compact', '-o', join(out, 'small.db'), join(out, 'trivy.db')] },
    { argv: ['tar', '-C', out, '-czf', join(out, 'db.tar.gz'), 'small.db'] },
  ];
  console.log(`trivy:db from ${records} records, ${rounds} pairs after one warm-up of ours`);
  console.log(`load before: ${loadavg()[0]?.toFixed(1)} (a load above the number of cores makes times say little)`);
  console.log(`| | ${HEADERS.join(' | ')} |`);
  console.log(`|---|${HEADERS.map(() => '--:|').join('')}`);
  const pairs: { a: CommandCost; b: CommandCost }[] = [];
  await fresh(work, () => measure(ours));
  for (let round = 1; round <= rounds; round++) {
    const a = await fresh(work, () => measure(ours));
    await rm(out, { recursive: true, force: true });
    const b = await measureAll(theirs);
    pairs.push({ a, b });
    console.log(row(String(round), records, a, b, a.wallSeconds / b.wallSeconds));
  }
  const middle = (of: (pair: { a: CommandCost; b: CommandCost }) => number) => median(pairs.map(of));
  const medians = (of: (pair: { a: CommandCost; b: CommandCost }) => CommandCost): CommandCost => ({
    wallSeconds: middle((pair) => of(pair).wallSeconds),
    cpuSeconds: middle((pair) => of(pair).cpuSeconds),
    peakMiB: middle((pair) => of(pair).peakMiB),
  });
  const [a, b] = [medians((pair) => pair.a), medians((pair) => pair.b)];
  const ratio = middle((pair) => pair.a.wallSeconds / pair.b.wallSeconds);
  console.log(row('median', records, a, b, ratio));
}

const HEADERS = [
  'ours, wall s',
  'ours, CPU s',
  'records/s',
  'CPU µs/record',
  'reference, wall s',
  'reference, CPU s',
  'wall ours / reference',
  'ours, MiB',
  'reference, MiB',
];

async function pace(profile: string, { records, archives }: Inputs, work: string, rounds: number): Promise<void> {
  const costs: CommandCost[] = [];
  for (let round = 0; round < rounds; round++) {
    costs.push(await fresh(work, () => measure(ourExport(profile, archives, work))));
  }
  const seconds = median(costs.map((cost) => cost.wallSeconds));
  const processor = median(costs.map((cost) => cost.cpuSeconds));
  const peak = median(costs.map((cost) => cost.peakMiB));
  const rate = Math.round(records / seconds);
  console.log(
    `\n${profile} from ${records} records: ${rate} records/s, ${processor.toFixed(2)} s of processor time, ` +
      `peak ${peak.toFixed(0)} MiB (medians of ${rounds})`,
  );
}

function row(title: string, records: number, a: CommandCost, b: CommandCost, ratio: number): string {
  const cells = [
    a.wallSeconds.toFixed(2),
    a.cpuSeconds.toFixed(2),
    Math.round(records / a.wallSeconds),
    Math.round((1e6 * a.cpuSeconds) / records),
    b.wallSeconds.toFixed(2),
    b.cpuSeconds.toFixed(2),
    ratio.toFixed(3),
    a.peakMiB.toFixed(0),
    b.peakMiB.toFixed(0),
  ];
  return `| ${[title, ...cells].join(' | ')} |`;
}

function ourExport(profile: string, archives: readonly string[], work: string): Timed {
  // The launcher, since it sets what keeps memory flat. It ends in exec, so the process measured is Node itself.
  const launcher = fileURLToPath(new URL('../bin/export-center', import.meta.url));
  const sources = archives.flatMap((archive) => ['--source', archive]);
  const to = `oci:${join(work, 'layout')}:bench`;
  return { argv: [launcher, 'export', '--profile', profile, ...sources, '--unsigned', '--to', to, '--quiet'] };
}

/** Each run writes into an empty place, so that none finds the bytes of the one before. */
async function fresh(work: string, run: () => Promise<CommandCost>): Promise<CommandCost> {
  const layout = join(work, 'layout');
  if (existsSync(layout)) await rm(layout, { recursive: true });
  return run();
}
