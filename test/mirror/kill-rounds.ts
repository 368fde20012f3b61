import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { CliFixture } from '../bad-input/fixture.ts';

/** How often each command is killed; KILL_ROUNDS=50 makes 200 kills of four. */
const { KILL_ROUNDS = '2' } = process.env;
const ROUNDS = Number(KILL_ROUNDS);

/** For a test of one command. */
export const killTimeoutMs: number = 120_000 + ROUNDS * 60_000;

/** What is killed: the command, and what is there when it has ended. */
interface Killed {
  readonly args: readonly string[];
  end(): Promise<unknown>;
  clear(): Promise<void>;
}

/**
 * Kills the command at random moments, one after the other, until a run ends by itself; each time the end is the same.
 * Goes on until one kill has hit: a run may be faster than the one that was timed.
 */
export async function killAtRandom(cli: CliFixture, { args, end, clear }: Killed): Promise<{ kills: number }> {
  const first = await timed(cli, args);
  let { wholeMs } = first;
  const expected = await end();
  let kills = 0;
  for (let round = 0; round < ROUNDS || kills === 0; round++) {
    await clear();
    // Half of the rounds are killed a second time, when they resume.
    for (let run = 0; run <= round % 2; run++) {
      const running = cli.start(args);
      await Promise.race([sleep(randomInt(Math.ceil(wholeMs / 5), Math.ceil(wholeMs))), running.outcome()]);
      running.child.kill('SIGKILL');
      if ((await running.outcome()).exit === null) kills++;
    }
    const resumed = await timed(cli, args);
    wholeMs = Math.min(wholeMs, resumed.wholeMs);
    expect(await end()).toEqual(expected);
  }
  return { kills };
}

/** Runs the command to its end, and how long that took. */
async function timed(cli: CliFixture, args: readonly string[]): Promise<{ wholeMs: number }> {
  const begun = performance.now();
  // A slow run says on stderr how far it is.
  expect(await cli.run(args)).toMatchObject({ exit: 0 });
  return { wholeMs: performance.now() - begun };
}
