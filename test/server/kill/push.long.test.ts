import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { serving } from '../serving.ts';
import { Mortal, randomOf, rounds, seed } from './mortal.ts';
import { Pusher } from './pusher.ts';

const { folder } = serving();
let mortal: Mortal | undefined;
afterEach(() => mortal?.kill());

/** How long a server lives after the first request at most: long enough for each worker to come round several times. */
const LIFE_MS = 600;
/** A folder serves so many rounds, so that looking at all of it does not become the whole of the test. */
const ROUNDS_PER_FOLDER = 25;

test(`${rounds} times killed in the middle of pushes and deletes (seed ${seed}): nothing acknowledged is missing`, {
  timeout: 60_000 + rounds * 10_000,
}, async () => {
  const random = randomOf('push');
  let [acknowledged, completed] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    if (round % ROUNDS_PER_FOLDER === 0) mortal = new Mortal(await folder());
    const server = mortal as Mortal;
    await server.start();
    const pusher = new Pusher(`http://${server.address}`);
    const workers = ['a', 'b', 'c', 'd'].map((name) => pusher.pushOn(`${round}${name}`));
    const ended = Promise.allSettled(workers);
    const failed = Promise.race(workers);
    failed.catch(() => undefined);
    await Promise.race([failed, delay(random() * LIFE_MS)]);
    await server.kill();
    // What the server refuses is a failed assertion; that it is gone is none.
    for (const each of await ended) {
      if (each.status === 'rejected' && !(each.reason instanceof TypeError)) throw each.reason;
    }
    expect(await server.faults(), `round ${round}, seed ${seed}`).toEqual([]);
    await server.start();
    await pusher.check();
    completed += await pusher.goOn();
    acknowledged += pusher.ledger.acknowledged;
    await server.kill();
  }
  expect(await mortal?.faults()).toEqual([]);
  console.log(`${rounds} kills: ${acknowledged} acknowledged, none missing; ${completed} broken uploads completed`);
  expect(acknowledged).toBeGreaterThan(rounds * 5);
});
