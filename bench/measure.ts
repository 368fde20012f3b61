import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What one run of a command cost. */
export interface Cost {
  readonly wallSeconds: number;
  /** Largest resident size of any of its processes, in MiB. */
  readonly peakMiB: number;
}

/** What a command cost that ran to its end. */
export interface CommandCost extends Cost {
  /** Processor time of its processes and their threads, user and system. */
  readonly cpuSeconds: number;
}

/** A command with its arguments and, where it differs, its environment. */
export interface Timed {
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const SAMPLE_MS = 5;

/** Runs a command to its end and takes its time and peak memory; its output is thrown away. Linux only. */
export async function measure({ argv, env }: Timed): Promise<CommandCost> {
  const [command, ...args] = argv as [string, ...string[]];
  const started = performance.now();
  const before = childSeconds();
  const child = spawn(command, args, { env: env ?? process.env, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  let peakMiB = 0;
  const sampler = setInterval(() => {
    peakMiB = Math.max(peakMiB, residentPeak(child.pid));
  }, SAMPLE_MS);
  const code = await exitOf(child);
  clearInterval(sampler);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${complaint}`);
  const wallSeconds = (performance.now() - started) / 1000;
  return { wallSeconds, cpuSeconds: childSeconds() - before, peakMiB };
}

/** Runs several commands one after the other, as one: times add up, the largest peak counts. */
export async function measureAll(commands: readonly Timed[]): Promise<CommandCost> {
  let total: CommandCost = { wallSeconds: 0, cpuSeconds: 0, peakMiB: 0 };
  for (const command of commands) {
    const cost = await measure(command);
    total = {
      wallSeconds: total.wallSeconds + cost.wallSeconds,
      cpuSeconds: total.cpuSeconds + cost.cpuSeconds,
      peakMiB: Math.max(total.peakMiB, cost.peakMiB),
    };
  }
  return total;
}

/** The median; of an even number, the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/**
 * Largest resident size of a running process so far, in MiB. VmHWM is the kernel's own record of the peak, so that only
 * what happens after it was asked for is missed.
 */
export function residentPeak(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** A second in clock ticks, as /proc has it on every Linux (getconf CLK_TCK). */
const TICKS = 100;

/** Processor time of all children so far that have ended (proc_pid_stat(5): cutime, cstime). */
function childSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The name of the command may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / TICKS;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}
