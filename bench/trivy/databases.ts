import { execFile } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { requirePeer } from '../../test/peers/peers.ts';
import { type CommandCost, measure, median, type Timed } from '../measure.ts';

/** Where files go, and how large the database is. */
export interface DatabaseSetting {
  readonly work: string;
  readonly rounds: number;
  readonly mebibytes: number;
}

const child = fileURLToPath(new URL('./database-child.ts', import.meta.url));

/** As bin/export-center has them. */
const LAUNCHER_OPTIONS = ['--max-semi-space-size=4', '--min-semi-space-size=4', '--no-parallel-scavenge'];

const ours = (...args: readonly string[]): Timed => {
  return { argv: [process.execPath, ...LAUNCHER_OPTIONS, child, ...args] };
};

const OWN_ADVISORIES = 10_000;

/** Writes a database, checks it as `bbolt check` does, and reads it. */
export async function contestDatabase({ work, rounds, mebibytes }: DatabaseSetting): Promise<void> {
  const path = join(work, 'written.db');
  const bbolt = requirePeer('bbolt');
  console.log(`\nA database of ${mebibytes} MiB, ${rounds} rounds`);
  console.log('| | wall, s | CPU, s | MiB/s | peak, MiB | load |');
  console.log('|---|--:|--:|--:|--:|--:|');
  const write = await repeated(rounds, async () => {
    await rm(path, { force: true });
    return measure(ours('write', path, String(mebibytes)));
  });
  const size = (await stat(path)).size / 2 ** 20;
  print('write', write, size);
  print('check', await repeated(rounds, () => measure(ours('check', path))), size);
  print('bbolt check', await repeated(rounds, () => measure({ argv: [bbolt, 'check', path] })), size);
  print('read', await repeated(rounds, () => measure(ours('read', path))), size);
  const { stdout } = await promisify(execFile)(process.execPath, [child, 'count', path]);
  console.log(`${stdout.trim()}; valid for both checks`);
}

/** Merges a database with own advisories, with ours and with a program over bbolt, in pairs. */
export async function contestMerge({ work, rounds, mebibytes }: DatabaseSetting): Promise<void> {
  const place = (name: string): string => join(work, name);
  const [base, own, out, theirs] = [place('base.db'), place('own.db'), place('merged.db'), place('theirs.db')];
  await measure(ours('write', base, String(mebibytes)));
  await measure(ours('own', own, String(OWN_ADVISORIES)));
  console.log(`\n${mebibytes} MiB merged with ${OWN_ADVISORIES} own advisories, ${rounds} pairs; aim 0.7 of the peer`);
  console.log('| | ours, wall s | CPU s | MiB | peer, wall s | CPU s | MiB | wall, ours / peer | CPU | load |');
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|');
  const pairs: { readonly a: CommandCost; readonly b: CommandCost }[] = [];
  for (let round = 1; round <= rounds; round++) {
    await rm(out, { force: true });
    await rm(theirs, { force: true });
    const a = await measure(ours('merge', base, own, out));
    const b = await measure({ argv: [requirePeer('bbolt-ref'), 'merge', base, own, theirs] });
    pairs.push({ a, b });
    printPair(String(round), a, b, a.wallSeconds / b.wallSeconds, a.cpuSeconds / b.cpuSeconds);
  }
  const ratio = (of: (cost: CommandCost) => number): number => median(pairs.map(({ a, b }) => of(a) / of(b)));
  printPair(
    'median',
    medians(pairs.map(({ a }) => a)),
    medians(pairs.map(({ b }) => b)),
    ratio((cost) => cost.wallSeconds),
    ratio((cost) => cost.cpuSeconds),
  );
  await promisify(execFile)(process.execPath, [child, 'same', out, theirs]);
  console.log('both hold the same');
}

async function repeated(rounds: number, run: () => Promise<CommandCost>): Promise<CommandCost> {
  const costs: CommandCost[] = [];
  for (let round = 0; round < rounds; round++) costs.push(await run());
  return medians(costs);
}

function medians(costs: readonly CommandCost[]): CommandCost {
  return {
    wallSeconds: median(costs.map((cost) => cost.wallSeconds)),
    cpuSeconds: median(costs.map((cost) => cost.cpuSeconds)),
    peakMiB: Math.max(...costs.map((cost) => cost.peakMiB)),
  };
}

function print(title: string, { wallSeconds, cpuSeconds, peakMiB }: CommandCost, mebibytes: number): void {
  const cells = [
    wallSeconds.toFixed(2),
    cpuSeconds.toFixed(2),
    (mebibytes / wallSeconds).toFixed(0),
    peakMiB.toFixed(0),
  ];
  console.log(`| ${[title, ...cells, loadavg()[0]?.toFixed(1)].join(' | ')} |`);
}

function printPair(title: string, a: CommandCost, b: CommandCost, wall: number, processor: number): void {
  const cells = [a, b].flatMap(({ wallSeconds, cpuSeconds, peakMiB }) => [
    wallSeconds.toFixed(2),
    cpuSeconds.toFixed(2),
    peakMiB.toFixed(0),
  ]);
  const load = loadavg()[0]?.toFixed(1);
  console.log(`| ${[title, ...cells, wall.toFixed(2), processor.toFixed(2), load].join(' | ')} |`);
}
