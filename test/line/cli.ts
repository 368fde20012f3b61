import { join } from 'node:path';
import type { Digest } from '#core';
import { run } from '../../src/cli/run.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { readJson } from '../core/read-json.ts';
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

/** Runs the command line within this process: the same but for what Node does at start and end, and ten times as fast. */
export async function runHere(args: readonly string[]): Promise<RunResult> {
  const io = fakeIo({ env: { COSIGN_PASSWORD: '' } });
  const code = await run(args, io);
  return { code, stdout: io.out(), stderr: io.err() };
}

/** Runs a command of which nothing but success is expected, and gives what it printed. */
export async function succeed(args: readonly string[], runner = exportCenter): Promise<string> {
  const { code, stdout, stderr } = await runner(args);
  if (code !== 0) throw new Error(`export-center ${args.join(' ')} ended with ${code}:\n${stderr}`);
  return stdout;
}

/** What `export --output json` tells of one place. */
interface PlaceReport {
  readonly reference: string;
  readonly layers: readonly {
    readonly title: string;
    readonly mediaType: string;
    readonly digest: Digest;
    readonly size: number;
    readonly state: string;
  }[];
  readonly bytesSent: number;
  readonly referrers: readonly { readonly artifactType: string; readonly digest: Digest }[];
}

/** What `export --output json` prints. */
export interface Report extends PlaceReport {
  readonly digest: Digest;
  readonly asOf: string;
  readonly records: { readonly kept: number; readonly leftOut: number; readonly withheld: number };
  readonly alsoPublished?: readonly PlaceReport[];
}

/** Runs an export that is expected to succeed. */
export async function exportReport(args: readonly string[], runner = exportCenter): Promise<Report> {
  return readJson(await succeed(['export', '--output', 'json', ...args], runner)) as Report;
}
