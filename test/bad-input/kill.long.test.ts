import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isCoded } from '#core';
import { advisory } from '../fixtures/records.ts';
import { noise } from '../oci/content.ts';
import { RequestGate } from '../server/kill/request-gate.ts';
import { CliFixture } from './fixture.ts';
import { prove } from './proof.ts';

let fixture: CliFixture;
let publicKey: string;
/** Two sources whose bundles share some layers. */
let sources: readonly string[];

beforeAll(async () => {
  fixture = await CliFixture.open();
  const { exit, stderr } = await fixture.run(['keys', 'generate', '--out', 'keys']);
  if (exit !== 0) throw new Error(stderr);
  publicKey = join(fixture.path, 'keys/cosign.pub');
  const lines = Array.from({ length: 1500 }, (_, i) => `${JSON.stringify(record(i, 'first'))}\n`);
  const changed = lines.map((line, i) => (i % 100 === 0 ? `${JSON.stringify(record(i, 'second'))}\n` : line));
  sources = [await fixture.file('first.jsonl', lines.join('')), await fixture.file('second.jsonl', changed.join(''))];
});
afterAll(() => fixture[Symbol.asyncDispose]());

function record(i: number, edition: string): object {
  return advisory(`KILL-${i}`, { details: Buffer.from(noise(2000, `${edition} ${i}`)).toString('base64') });
}

const exporting = (reference: string, round: number) => [
  'export',
  '--profile',
  'json:raw',
  '--source',
  sources[round % 2] ?? '',
  '--key',
  'keys/cosign.key',
  '--to',
  reference,
];

/** What a reader finds: a bundle that proves to be whole, or none; anything else fails the test. */
async function readBundle(reference: string): Promise<string | undefined> {
  try {
    return (await prove(reference, publicKey)).digest;
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_NOT_FOUND') && /artifact not found|no OCI layout there/.test(error.message))
      return undefined;
    throw error;
  }
}

/** Reads over and over until it is told to stop. */
function keepReading(reference: string): { stop(): Promise<number> } {
  let going = true;
  let reads = 0;
  const reading = (async () => {
    for (; going; await sleep(5)) if ((await readBundle(reference)) !== undefined) reads++;
  })();
  reading.catch(() => undefined);
  return {
    stop: async () => {
      going = false;
      await reading;
      return reads;
    },
  };
}

async function expectRepair(reference: string, round: number): Promise<void> {
  const { exit, stderr } = await fixture.run(exporting(reference, round));
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  expect(await readBundle(reference)).toBeDefined();
  // What those that were killed had left is gone too.
  expect(await fixture.leftovers()).toEqual([]);
  expect((await fixture.made()).filter((name) => name.endsWith('.tmp'))).toEqual([]);
}

describe('killed while it writes a layout', () => {
  test('at its n-th file: a reader finds the old bundle, the new one, or none; the next run repairs', async () => {
    const reference = `oci:${join(fixture.path, 'layout')}:1`;
    const reader = keepReading(reference);
    const ends = [];
    // The last three find all content there, and only move the tag.
    for (const [round, count] of [3, 20, 50, 4, 14, 19, 1, 2, 3].entries()) {
      const { exit } = await fixture.run(exporting(reference, round), {
        preload: [join(import.meta.dirname, 'signal-at-open.process.ts')],
        env: { SIGNAL: 'SIGKILL', SIGNAL_AT: '/layout/.*\\.tmp$', SIGNAL_COUNT: String(count) },
      });
      ends.push(exit);
      await readBundle(reference);
      if (round % 3 === 2) await expectRepair(reference, round);
    }
    expect(ends.filter((exit) => exit === null).length).toBeGreaterThan(5);
    await expectRepair(reference, 1);
    expect(await reader.stop()).toBeGreaterThan(0);
  }, 120_000);

  test('while it reads and packs: temporary files are gone after the next run', async () => {
    const reference = `oci:${join(fixture.path, 'packed')}:1`;
    const { exit } = await fixture.run(exporting(reference, 0), {
      preload: [join(import.meta.dirname, 'signal-at-open.process.ts')],
      env: { SIGNAL: 'SIGKILL', SIGNAL_AT: '/staging/', SIGNAL_COUNT: '20' },
    });
    expect(exit).toBe(null);
    expect(await fixture.leftovers()).not.toEqual([]);
    expect(await readBundle(reference)).toBeUndefined();
    await expectRepair(reference, 0);
  });
});

describe('killed while it sends to a registry', () => {
  test('before its n-th request: a reader finds the old bundle, the new one, or none; the next run repairs', async () => {
    const server = fixture.start(['serve', '--data', 'served', '--listen', '127.0.0.1:0']);
    const [, host = '', port] = await server.said(/http:\/\/(127\.0\.0\.1:(\d+))/);
    const gate = await RequestGate.start(Number(port));
    // The registry has the contents already; each repository still has to be told of them.
    for (const round of [0, 1]) await expectRepair(`${host}/earlier/feed:1`, round);
    await expectRepair(`${gate.host}/counted/feed:1`, 0);
    const first = gate.takeCount();
    await expectRepair(`${gate.host}/counted/feed:1`, 1);
    const second = gate.takeCount();
    const ends = [];
    for (let round = 0; round < 8; round++) {
      // In every other round an older bundle is there. From the first requests to the very end, where tags are set.
      const feed = `killed/feed-${round}:1`;
      if (round % 2 === 1) await expectRepair(`${host}/${feed}`, 0);
      const reader = keepReading(`${host}/${feed}`);
      const running = fixture.start(exporting(`${gate.host}/${feed}`, round));
      const count = Math.ceil((round % 2 === 0 ? first : second) * (0.1 + 0.12 * round));
      gate.act = { count, run: () => running.child.kill('SIGKILL') };
      ends.push((await running.outcome()).exit);
      gate.act = undefined;
      gate.takeCount();
      await readBundle(`${host}/${feed}`);
      await reader.stop();
      if (round % 4 >= 2) await expectRepair(`${host}/${feed}`, round);
    }
    // A run may need fewer requests than the one that was counted, and end before the last of them.
    expect(ends.filter((exit) => exit === null).length, String(ends)).toBeGreaterThan(4);
    gate.close();
    server.child.kill('SIGTERM');
    expect(await server.outcome(15_000)).toMatchObject({ exit: 0, stderr: '' });
  }, 180_000);

  test('the registry is killed instead: the export fails, and with the registry back it goes through', async () => {
    const serve = () => fixture.start(['serve', '--data', 'killed', '--listen', '127.0.0.1:0']);
    const first = serve();
    const [, , port] = await first.said(/http:\/\/(127\.0\.0\.1:(\d+))/);
    const gate = await RequestGate.start(Number(port));
    gate.act = { count: 12, run: () => first.child.kill('SIGKILL') };
    const { exit, stderr } = await fixture.run(exporting(`${gate.host}/feed:1`, 0));
    await first.outcome();
    gate.close();
    expect(stderr).toMatch(/error ERR_EXPORT_NETWORK: /);
    expect(exit).toBe(75);
    const second = serve();
    const [, again] = await second.said(/http:\/\/(127\.0\.0\.1:\d+)/);
    expect(await readBundle(`${again}/feed:1`)).toBeUndefined();
    await expectRepair(`${again}/feed:1`, 0);
  }, 180_000);
});
