import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type CommandCost, measureAll, median } from './measure.ts';
import { prepareOurs } from './mirror/ours.ts';
import { fillReference } from './mirror/reference.ts';
import { type MirrorTool, peerTools } from './mirror/tools.ts';
import { startServer } from './oci/servers.ts';

/** What a tool cost and what it lost. */
interface Result {
  readonly mirror: CommandCost[];
  readonly load: CommandCost[];
  diskMiB: number;
  lost: string;
}

/**
 * Mirrors the reference mirror into files and loads it into an empty registry, with ours and with tools of others, and
 * counts what each has lost.
 *
 * @param shared the directory with `data` and `tools`
 */
export async function benchMirror(args: readonly string[], shared: string): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '3' }, small: { type: 'boolean', default: false } },
  });
  const work = await mkdtemp(join(tmpdir(), 'bench-mirror-'));
  const source = await startServer('docker-registry', work);
  try {
    console.log(`${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)} before filling the source`);
    const repositories = await fillReference({ shared, host: source.host, work, small: values.small });
    const ours = await prepareOurs(work, source.host, repositories);
    const tools = [ours.tool, ...(await peerTools(source.host, repositories, work))];
    const results = await contest(tools, {
      work,
      rounds: Number(values.rounds),
      shared,
      source: source.host,
      repositories,
    });
    console.log(`\n${table(results)}`);
    await printRerun(ours.rerun, Number(values.rounds));
  } finally {
    await source.stop();
    await rm(work, { recursive: true, force: true });
  }
}

interface Setting {
  readonly work: string;
  readonly rounds: number;
  readonly shared: string;
  readonly source: string;
  readonly repositories: readonly string[];
}

async function contest(tools: readonly MirrorTool[], setting: Setting): Promise<Map<string, Result>> {
  const results = new Map<string, Result>(
    tools.map(({ name }) => [name, { mirror: [], load: [], diskMiB: 0, lost: '-' }]),
  );
  for (let round = 0; round < setting.rounds; round++) {
    for (let place = 0; place < tools.length; place++) {
      const tool = tools[(round + place) % tools.length] as MirrorTool;
      await takeTurn(tool, results.get(tool.name) as Result, setting);
    }
  }
  return results;
}

async function takeTurn(
  tool: MirrorTool,
  result: Result,
  { work, shared, source, repositories }: Setting,
): Promise<void> {
  const out = await mkdtemp(join(work, 'out-'));
  const target = await startServer('docker-registry', work);
  try {
    execFileSync('sync');
    result.mirror.push(await measureAll(tool.mirror(out)));
    result.diskMiB = Number(execFileSync('du', ['-sk', out]).toString().split('\t')[0]) / 1024;
    execFileSync('sync');
    result.load.push(await measureAll(tool.load(out, target.host)));
    const count = [join(shared, 'tools', 'count-mirror'), '--repos', repositories.join(',')];
    result.lost = await countLost([...count, source, target.host]);
  } finally {
    await target.stop();
    await rm(out, { recursive: true, force: true });
  }
}

/** Classes of which something is missing, as `class have/want`. */
async function countLost(args: readonly string[]): Promise<string> {
  const lines = (await runAnyway('python3', args)).split('\n').filter((line) => line !== '');
  const lacking = lines.filter((line) => {
    const [have, want] = (line.split(' ')[1] ?? '').split('/');
    return have !== want;
  });
  return lacking.length === 0 ? 'nothing' : lacking.join(', ');
}

async function runAnyway(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, args)).stdout;
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? '');
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

async function printRerun(rerun: Awaited<ReturnType<typeof prepareOurs>>['rerun'], rounds: number): Promise<void> {
  const costs: CommandCost[] = [];
  for (let round = 0; round < rounds; round++) costs.push(await measureAll(rerun));
  const wall = median(costs.map(({ wallSeconds }) => wallSeconds));
  console.log(`\nsnapshot again with nothing changed: ${wall.toFixed(2)} s, aim ≤ 0.4`);
}
