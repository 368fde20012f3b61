import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { checkStore, openStoreRepository } from '#oci/store';
import { type CopyReport, copy, openRepository, verifyContents, verifyCopy } from '#oci/transfer';
import { type RunningServer, startServer } from '#server';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { listAll } from '../../oci/content.ts';
import { openServed } from '../../oci/store/upkeep.ts';
import { pushTree } from './artifacts.ts';
import { rounds as allRounds, Mortal, randomOf, seed } from './mortal.ts';

const rounds = Math.ceil(allRounds / 2);
let root: string;
let mortal: Mortal;
let lasting: RunningServer;
let tree: Descriptor;

beforeAll(async () => {
  root = await makeTempDir();
  lasting = await startServer({ dataDir: join(root, 'lasting'), port: 0 });
  mortal = new Mortal(join(root, 'mortal'));
  await mortal.start();
  for (const address of [lasting.address, mortal.address]) {
    await using repository = await open(`${address}/source`, 1);
    tree = await pushTree(repository);
  }
});

afterAll(async () => {
  await mortal.kill();
  await lasting.close(0);
});

async function open(place: string, attempts: number): Promise<Repository & AsyncDisposable> {
  const options = { env: { XDG_STATE_HOME: root }, retry: { attempts, firstMs: 20 } };
  const repository = await openRepository(parseReference(place), options);
  return Object.assign(repository, { [Symbol.asyncDispose]: () => repository.close() });
}

async function copyTree(from: string, to: string, attempts: number): Promise<CopyReport> {
  await using source = await open(from, attempts);
  await using target = await open(to, attempts);
  return await copy(source, target, [tree], { referrers: true, tags: [{ tag: 'v1', descriptor: tree }] });
}

/** Which end dies: the one that is written to, the one that is read, or both, where blobs are mounted. */
function waysOf(round: number): { from: string; to: string; name: string } {
  const name = `copied/r${round}`;
  const [from, to] = [
    [lasting.address, mortal.address],
    [mortal.address, lasting.address],
    [mortal.address, mortal.address],
  ][round % 3] as [string, string];
  return { from: `${from}/source`, to: `${to}/${name}`, name };
}

/** On neither disk anything is missing or damaged, and a tag that is there leads to the whole. */
async function checkDisks(name: string, round: number): Promise<void> {
  expect(await mortal.faults(), `round ${round}, seed ${seed}`).toEqual([]);
  const findings = await listAll(checkStore(await openServed(join(root, 'lasting'))));
  expect(findings.filter(({ kind }) => kind !== 'unreachable')).toEqual([]);
  for (const store of [await mortal.store(), lasting.store]) {
    const tagged = await openStoreRepository(store, name).resolve('v1');
    expect([undefined, tree.digest]).toContain(tagged?.digest);
  }
}

test(`${rounds} times killed in the middle of copies (seed ${seed}): all is whole, and who goes on completes`, {
  timeout: 60_000 + rounds * 20_000,
}, async () => {
  const random = randomOf('copy');
  const began = performance.now();
  await copyTree(waysOf(0).from, `${mortal.address}/copied/first`, 1);
  const wholeMs = performance.now() - began;
  let [cut, waited] = [0, 0];
  // A copy that had ended before the kill does not count.
  for (let round = 0; cut + waited < rounds; round++) {
    expect(round).toBeLessThan(4 * rounds + 10);
    const { from, to, name } = waysOf(round);
    // Every other client waits for the server to come back; the others end, and are run again.
    const patient = round % 2 === 0;
    const ended = { yet: false };
    const running = copyTree(from, to, patient ? 100 : 1).finally(() => {
      ended.yet = true;
    });
    running.catch(() => undefined);
    await delay(random() * wholeMs);
    const inTheMiddle = !ended.yet;
    await mortal.kill();
    await checkDisks(name, round);
    await mortal.start();
    const outcome = await running.catch((error: unknown) => error);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: expect.stringMatching(/^ERR_EXPORT_(NETWORK|REGISTRY_UNAVAILABLE)$/) });
      expect(patient, String(outcome)).toBe(false);
      cut++;
    } else if (inTheMiddle) waited++;
    const report = outcome instanceof Error ? await copyTree(from, to, 1) : (outcome as CopyReport);
    await using fresh = await open(to, 1);
    expect(await verifyCopy(fresh, report)).toEqual([]);
    expect(await verifyContents(fresh, report.completed)).toEqual([]);
    expect(report.referrers).toHaveLength(3);
    expect((await fresh.resolve('v1'))?.digest).toBe(tree.digest);
    await checkDisks(name, round);
  }
  console.log(`${rounds} kills: ${cut} copies cut and completed by the next, ${waited} went on by themselves`);
});
