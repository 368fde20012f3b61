import { setTimeout } from 'node:timers/promises';
import { run } from '../../src/cli/run.ts';
import { readJson } from '../core/read-json.ts';
import { fakeIo } from './fake-io.ts';

/** A quickstart that serves. */
export interface QuickstartSession {
  /** `http://HOST:PORT`. */
  readonly registry: string;
  /** To paste into a shell. */
  readonly lines: readonly string[];
  /** Ctrl-C; gives the exit status. */
  stop(): Promise<number>;
}

export async function startQuickstart(data: string): Promise<QuickstartSession> {
  const io = fakeIo();
  const status = run(['quickstart', '--data', data, '--output', 'json'], io);
  while (!io.out().endsWith('\n')) {
    const ended = await Promise.race([status, setTimeout(20)]);
    if (ended !== undefined) throw new Error(`it ended with ${ended}: ${io.err()}`);
  }
  const { registry, lines } = readJson(io.out());
  return {
    registry,
    lines,
    stop: () => {
      io.interrupt();
      return status;
    },
  };
}
