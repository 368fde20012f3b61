import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { type CommandCost, measureAll, median } from '../measure.ts';
import { startServer } from '../oci/servers.ts';
import type { Setting } from './full.ts';
import { countLost } from './losses.ts';
import { type Ours, prepareOurs } from './ours.ts';
import type { BlobFloor } from './reference.ts';
import { type MirrorTool, peerTools } from './tools.ts';

/** Peers that lost nothing of the first day, and can run again over what they wrote. */
const PEERS = ['oras backup', 'regctl, ocidir'];

/** What each tool wrote on the first day: ours in a mirror of its own for each round, since a stream only goes on. */
export interface DeltaTurns {
  readonly ours: readonly Ours[];
  /** Directories by the name of the tool; of ours by the number of the round too. */
  readonly base: (name: string, round: number) => string;
  /** Peers as they were on the first day. */
  readonly firstDay: readonly MirrorTool[];
}

/** Mirrors the first day with each tool. */
export async function prepareDelta(
  peers: readonly MirrorTool[],
  { work, rounds, source, repositories }: Setting,
): Promise<DeltaTurns> {
  const base = (name: string, round: number) =>
    join(work, 'first', name === 'ours' ? `ours-${round}` : name.replaceAll(/[^a-z]+/g, '-'));
  const ours: Ours[] = [];
  for (let round = 0; round < rounds; round++) {
    const one = await prepareOurs(join(work, `keys-${round}`), `delta${round}`, source, repositories);
    await mkdir(base('ours', round), { recursive: true });
    await measureAll(one.tool.mirror(base('ours', round)));
    ours.push(one);
  }
  const firstDay = peers.filter(({ name }) => PEERS.includes(name));
  for (const peer of firstDay) {
    await mkdir(base(peer.name, 0), { recursive: true });
    await measureAll(peer.mirror(base(peer.name, 0)));
  }
  return { ours, base, firstDay };
}

/** What a tool cost on the second day. */
interface Result {
  readonly mirror: CommandCost[];
  readonly load: CommandCost[];
  /** What came over the loopback interface while it mirrored. */
  readBytes: number;
  /** What has to be carried: files that were not there before. */
  carriedBytes: number;
  lost: string;
}

/** Ships the second day to a registry that has the first one, with each tool in turn. */
export async function contestDelta(turns: DeltaTurns, floor: BlobFloor, setting: Setting): Promise<void> {
  const { source, repositories, work, rounds } = setting;
  const secondDay = (await peerTools(source, repositories, work)).filter(({ name }) => PEERS.includes(name));
  const results = new Map<string, Result>(
    ['ours', ...PEERS].map((name) => [name, { mirror: [], load: [], readBytes: 0, carriedBytes: 0, lost: '-' }]),
  );
  for (let round = 0; round < rounds; round++) {
    const ours = turns.ours[round] as Ours;
    const pairs = [
      { before: ours.tool, after: ours.delta },
      ...turns.firstDay.map((before, i) => ({ before, after: secondDay[i] as MirrorTool })),
    ];
    for (const pair of pairs) {
      const result = results.get(pair.before.name) as Result;
      await takeTurn(pair, turns.base(pair.before.name, round), result, setting);
    }
  }
  console.log(`\nsecond day: ${floor.newBlobs} new blobs, ${mib(floor.newBlobBytes)} MiB\n\n${table(results)}`);
}

async function takeTurn(
  { before, after }: { readonly before: MirrorTool; readonly after: MirrorTool },
  base: string,
  result: Result,
  { work, shared, source, repositories }: Setting,
): Promise<void> {
  const out = join(work, 'second');
  await cp(base, out, { recursive: true });
  const target = await startServer('docker-registry', work);
  try {
    await measureAll(before.load(out, target.host));
    const had = sizeOf(out);
    execFileSync('sync');
    const received = await loopbackBytes();
    result.mirror.push(await measureAll(after.mirror(out)));
    result.readBytes = (await loopbackBytes()) - received;
    result.carriedBytes = sizeOf(out) - had;
    execFileSync('sync');
    result.load.push(await measureAll(after.load(out, target.host)));
    result.lost = await countLost(shared, source, target.host, repositories);
  } finally {
    await target.stop();
    await rm(out, { recursive: true, force: true });
  }
}

function sizeOf(dir: string): number {
  return Number(execFileSync('du', ['-sb', dir]).toString().split('\t')[0]);
}

/** Bytes that the loopback interface has received so far (proc_pid_net(5)). Linux only. */
async function loopbackBytes(): Promise<number> {
  const line = (await readFile('/proc/net/dev', 'utf8')).split('\n').find((each) => each.trim().startsWith('lo:'));
  return Number(line?.trim().split(/[\s:]+/)[1] ?? Number.NaN);
}

function mib(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}

function table(results: ReadonlyMap<string, Result>): string {
  const wall = (costs: readonly CommandCost[]) => median(costs.map(({ wallSeconds }) => wallSeconds));
  const cpu = (costs: readonly CommandCost[]) => median(costs.map(({ cpuSeconds }) => cpuSeconds));
  const lossless = [...results].filter(([name, { lost }]) => name !== 'ours' && lost === 'nothing');
  const best = (of: (result: Result) => readonly CommandCost[]) =>
    Math.min(...lossless.map(([, result]) => wall(of(result))));
  const bestMirror = best(({ mirror }) => mirror);
  const bestLoad = best(({ load }) => load);
  const lines = [
    '| | mirror, s | CPU, s | × best peer | load, s | CPU, s | × best peer | read, MiB | carried, MiB | peak, MiB | lost |',
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|',
  ];
  for (const [name, { mirror, load, readBytes, carriedBytes, lost }] of results) {
    const cells = [
      name,
      wall(mirror).toFixed(2),
      cpu(mirror).toFixed(2),
      (wall(mirror) / bestMirror).toFixed(2),
      wall(load).toFixed(2),
      cpu(load).toFixed(2),
      (wall(load) / bestLoad).toFixed(2),
      mib(readBytes),
      mib(carriedBytes),
      Math.max(...[...mirror, ...load].map(({ peakMiB }) => peakMiB)).toFixed(0),
      lost,
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return `${lines.join('\n')}\n\nload ${loadavg()[0]?.toFixed(1)} after`;
}
