import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { type CommandCost, measureAll, median, type Timed } from '../measure.ts';
import { startServer } from '../oci/servers.ts';
import { countLost } from './losses.ts';
import type { MirrorTool } from './tools.ts';

/** The source and where the work is done. */
export interface Setting {
  readonly work: string;
  readonly rounds: number;
  readonly shared: string;
  readonly source: string;
  readonly repositories: readonly string[];
}

/** What a tool cost and what it lost. */
interface Result {
  readonly mirror: CommandCost[];
  readonly load: CommandCost[];
  diskMiB: number;
  lost: string;
}

/** Mirrors everything into files and loads it into an empty registry, with each tool in turn. */
export async function contestFull(tools: readonly MirrorTool[], setting: Setting): Promise<void> {
  const results = new Map<string, Result>(
    tools.map(({ name }) => [name, { mirror: [], load: [], diskMiB: 0, lost: '-' }]),
  );
  for (let round = 0; round < setting.rounds; round++) {
    for (let place = 0; place < tools.length; place++) {
      const tool = tools[(round + place) % tools.length] as MirrorTool;
      await takeTurn(tool, results.get(tool.name) as Result, setting);
    }
  }
  console.log(`\n${table(results)}`);
}

async function takeTurn(tool: MirrorTool, result: Result, setting: Setting): Promise<void> {
  const { work, shared, source, repositories } = setting;
  const out = await mkdtemp(join(work, 'out-'));
  const target = await startServer('docker-registry', work);
  try {
    execFileSync('sync');
    result.mirror.push(await measureAll(tool.mirror(out)));
    result.diskMiB = Number(execFileSync('du', ['-sk', out]).toString().split('\t')[0]) / 1024;
    execFileSync('sync');
    result.load.push(await measureAll(tool.load(out, target.host)));
    result.lost = await countLost(shared, source, target.host, repositories);
  } finally {
    await target.stop();
    await rm(out, { recursive: true, force: true });
  }
}

function table(results: ReadonlyMap<string, Result>): string {
  const wall = (costs: readonly CommandCost[]) => median(costs.map(({ wallSeconds }) => wallSeconds));
  const cpu = (costs: readonly CommandCost[]) => median(costs.map(({ cpuSeconds }) => cpuSeconds));
  const oras = results.get('oras backup') as Result;
  const lines = [
    '| | mirror, s | CPU, s | × oras backup | load, s | CPU, s | × oras restore | disk, MiB | peak, MiB | lost |',
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|---|',
  ];
  for (const [name, { mirror, load, diskMiB, lost }] of results) {
    const peak = Math.max(...[...mirror, ...load].map(({ peakMiB }) => peakMiB));
    const ratios = [mirror, load].map((costs, i) => (wall(costs) / wall(i === 0 ? oras.mirror : oras.load)).toFixed(2));
    const cells = [
      name,
      wall(mirror).toFixed(2),
      cpu(mirror).toFixed(2),
      ratios[0],
      wall(load).toFixed(2),
      cpu(load).toFixed(2),
      ratios[1],
      diskMiB.toFixed(0),
      peak.toFixed(0),
      lost,
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return `${lines.join('\n')}\n\nload ${loadavg()[0]?.toFixed(1)} after`;
}

/** A snapshot of what has not changed. */
export async function printRerun(snapshot: Timed, rounds: number): Promise<void> {
  const costs: CommandCost[] = [];
  for (let round = 0; round < rounds; round++) costs.push(await measureAll([snapshot]));
  const wall = median(costs.map(({ wallSeconds }) => wallSeconds));
  console.log(`\nsnapshot again with nothing changed: ${wall.toFixed(2)} s, aim ≤ 0.4`);
}
