import { expect } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { readJson } from '../core/read-json.ts';
import { fakeIo } from './fake-io.ts';

/** What a command did. */
export interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command with something on its standard input. */
export async function cliReading(input: string, ...args: string[]): Promise<Ended> {
  const io = fakeIo({ env: { COSIGN_PASSWORD: '' } });
  io.stdin.push(input);
  io.stdin.push(null);
  const status = await run(args, io);
  return { status, out: io.out(), err: io.err() };
}

/** Runs one command; its status, and what it wrote. */
export function cli(...args: string[]): Promise<Ended> {
  return cliReading('', ...args);
}

/** Runs one command that succeeds and says nothing but one object of JSON. */
export async function cliJson(...args: string[]): Promise<Record<string, unknown>> {
  const { status, out, err } = await cli(...args, '--output', 'json');
  expect([status, err]).toEqual([0, '']);
  return readJson(out) as Record<string, unknown>;
}
