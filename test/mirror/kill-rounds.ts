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

/** Kills the command at random moments, one after the other, until a run ends by itself; each time the end is the same. */
export async function killAtRandom(cli: CliFixture, { args, end, clear }: Killed): Promise<{ kills: number }> {
  const begun = performance.now();
  expect(await cli.run(args)).toMatchObject({ exit: 0 });
  const wholeMs = performance.now() - begun;
  const expected = await end();
  let kills = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await clear();
    // Half of the rounds are killed a second time, when they resume.
    for (let run = 0; run <= round % 2; run++) {
      const running = cli.start(args);
      await Promise.race([sleep(randomInt(Math.ceil(wholeMs / 5), Math.ceil(wholeMs))), running.outcome()]);
      running.child.kill('SIGKILL');
      if ((await running.outcome()).exit === null) kills++;
    }
    const resumed = await cli.run(args);
    // A slow run says on stderr how far it is.
    expect({ round, ...resumed }).toMatchObject({ round, exit: 0 });
    expect(await end()).toEqual(expected);
  }
  return { kills };
}
