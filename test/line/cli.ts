import { join } from 'node:path';
import { type RunResult, runCommand } from '../peers/peers.ts';
import type { RunOptions } from '../peers/run.ts';

/** The program as it stands in the checkout. */
export const cliMain = join(import.meta.dirname, '../../src/cli/main.ts');

/** The sample that is shipped. */
export const sample = join(import.meta.dirname, '../../examples/evidence');

/** Runs the command line as a process of its own, in a clean environment with an empty COSIGN_PASSWORD. */
export function exportCenter(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runCommand(process.execPath, [cliMain, ...args], options);
}

/** Runs a command of which nothing but success is expected, and gives what it printed. */
export async function succeed(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await exportCenter(args, options);
  if (code !== 0) throw new Error(`export-center ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout;
}

/** What `export --output json` tells of one place. */
export interface PlaceReport {
  readonly reference: string;
  readonly layers: readonly {
    readonly title: string;
    readonly mediaType: string;
    readonly digest: `sha256:${string}`;
    readonly size: number;
    readonly state: string;
  }[];
  readonly bytesSent: number;
  readonly referrers: readonly { readonly artifactType: string; readonly digest: `sha256:${string}` }[];
}

/** What `export --output json` prints. */
export interface Report extends PlaceReport {
  readonly digest: `sha256:${string}`;
  readonly asOf: string;
  readonly records: { readonly kept: number; readonly leftOut: number; readonly withheld: number };
  readonly alsoPublished?: readonly PlaceReport[];
}

/** Runs an export that is expected to succeed. */
export async function exportReport(args: readonly string[], options: RunOptions = {}): Promise<Report> {
  return JSON.parse(await succeed(['export', '--output', 'json', ...args], options)) as Report;
}
