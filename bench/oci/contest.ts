import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { type Cost, median } from '../measure.ts';

/** Who takes part in a contest. */
export interface Entrant {
  readonly name: string;
  /** At most so many rounds, where one takes long. */
  readonly maxRounds?: number;
  /** Makes ready, measures, clears away. */
  readonly turn: () => Promise<Cost>;
}

/** What is wanted of ours: at most so many times the time of another, or at least so many times its speed. */
type Aim = { readonly maxTime: number } | { readonly minSpeed: number };

export interface ContestRules {
  readonly title: string;
  readonly rounds: number;
  readonly aim: Aim;
  /** Whom ours is compared with, one by one; unless told, whoever was the fastest. */
  readonly beside?: readonly string[];
  readonly maxPeakMiB?: number;
}

/**
 * Lets all take their turns, round by round, so that what else the machine does meets all alike, and prints what came
 * out. The first entrant is ours. Ratios are medians over the rounds that both took part in.
 */
export async function runContest(rules: ContestRules, entrants: readonly Entrant[]): Promise<void> {
  console.log(`\n### ${rules.title}\n`);
  const costs = new Map<string, Cost[]>(entrants.map(({ name }) => [name, []]));
  const load = loadavg()[0] ?? 0;
  for (let round = 0; round < rules.rounds; round++) {
    // Each begins a round in turn, so that none is always the one after the same other.
    for (let place = 0; place < entrants.length; place++) {
      const { name, maxRounds = rules.rounds, turn } = entrants[(round + place) % entrants.length] as Entrant;
      if (round >= maxRounds) continue;
      // What the turn before left for the system to write would be paid by whoever waits for the disk next.
      execFileSync('sync');
      costs.get(name)?.push(await turn());
    }
  }
  console.log(table(costs));
  console.log(`\n${verdict(rules, costs)}; load ${load.toFixed(1)} before, ${loadavg()[0]?.toFixed(1)} after`);
}

function table(costs: ReadonlyMap<string, readonly Cost[]>): string {
  const lines = ['| | wall, s | rounds | peak, MiB |', '|---|--:|---|--:|'];
  for (const [name, list] of costs) {
    if (list.length === 0) continue;
    const walls = list.map(({ wallSeconds }) => wallSeconds);
    const peak = Math.max(...list.map(({ peakMiB }) => peakMiB));
    const cells = [
      name,
      median(walls).toFixed(2),
      walls.map((wall) => wall.toFixed(2)).join(' '),
      peak === 0 ? '-' : peak.toFixed(0),
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

function verdict(rules: ContestRules, costs: ReadonlyMap<string, readonly Cost[]>): string {
  const [ours, ...peers] = [...costs].filter(([, list]) => list.length > 0);
  if (ours === undefined || peers.length === 0) return 'nobody to compare with';
  const best = peers.reduce((a, b) => (wallOf(b[1]) < wallOf(a[1]) ? b : a));
  const others = rules.beside === undefined ? [best] : peers.filter(([name]) => rules.beside?.includes(name));
  const parts = others.map(([name, theirs]) => compare(rules.aim, ours[1], name, theirs));
  if (rules.maxPeakMiB !== undefined) {
    const peak = Math.max(...ours[1].map(({ peakMiB }) => peakMiB));
    parts.push(`peak ${peak.toFixed(0)} MiB, aim ≤ ${rules.maxPeakMiB}: ${met(peak <= rules.maxPeakMiB)}`);
  }
  return parts.join('; ');
}

function compare(aim: Aim, ours: readonly Cost[], name: string, theirs: readonly Cost[]): string {
  const time = median(theirs.map((cost, round) => (ours[round]?.wallSeconds ?? Number.NaN) / cost.wallSeconds));
  return 'maxTime' in aim ? timeVerdict(name, time, aim.maxTime) : speedVerdict(name, time, aim.minSpeed);
}

function timeVerdict(other: string, time: number, most: number): string {
  return `**time ${time.toFixed(2)} × ${other}**, aim ≤ ${most}: ${met(time <= most)}`;
}

function speedVerdict(other: string, time: number, least: number): string {
  return `**speed ${(1 / time).toFixed(2)} × ${other}**, aim ≥ ${least}: ${met(1 / time >= least)}`;
}

function wallOf(costs: readonly Cost[]): number {
  return median(costs.map(({ wallSeconds }) => wallSeconds));
}

function met(yes: boolean): string {
  return yes ? 'met' : 'MISSED';
}
