import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packManifest, parseReference } from '#oci/image';
import { openRepository, type PulledFile, pullFiles } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, noise, pushBytes } from '../../oci/content.ts';
import { rounds as allRounds, Mortal, randomOf, seed } from './mortal.ts';

const rounds = Math.ceil(allRounds / 2);
const MiB = 1024 * 1024;
const SIZES = [0, 1000, 2 * MiB, 24 * MiB];
/** What one read of a connection gives at most. */
const CHUNK = MiB;

let root: string;
let mortal: Mortal;
const layers: Descriptor[] = [];

beforeAll(async () => {
  root = await makeTempDir();
  mortal = new Mortal(join(root, 'data'));
  await mortal.start();
  const repository = await open(1);
  for (const [i, size] of SIZES.entries()) {
    const layer = await pushBytes(repository, noise(size, `layer ${i}`));
    layers.push({ ...layer, annotations: { 'org.opencontainers.image.title': `file${i}` } });
  }
  const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const { descriptor, bytes } = packManifest({ artifactType: 'application/x', config, layers });
  await repository.push(descriptor, inPieces(bytes, 1000));
  await repository.close();
});

afterAll(async () => {
  await mortal.kill();
});

function open(attempts: number) {
  const options = { env: {}, retry: { attempts, firstMs: 20 } };
  return openRepository(parseReference(`${mortal.address}/source`), options);
}

async function pull(folder: string, attempts: number, onBytes: (sizeBytes: number) => void): Promise<PulledFile[]> {
  const repository = await open(attempts);
  try {
    return await pullFiles(repository, layers, folder, { onBytes });
  } finally {
    await repository.close();
  }
}

/** Files that have their names are whole; returns how many there are. */
async function checkFiles(folder: string): Promise<number> {
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => !name.endsWith('.partial'));
  for (const name of names) {
    const digest = layers[Number(name.replace('file', ''))]?.digest;
    expect(describe(await readFile(join(folder, name))).digest, name).toBe(digest);
  }
  return names.length;
}

test(`${rounds} times killed in the middle of pulls (seed ${seed}): no file is wrong, and little is fetched twice`, {
  timeout: 60_000 + rounds * 20_000,
}, async () => {
  const random = randomOf('pull');
  const began = performance.now();
  await pull(join(root, 'first'), 1, () => undefined);
  const wholeMs = performance.now() - began;
  let [cut, waited] = [0, 0];
  // A pull that had ended before the kill does not count.
  for (let round = 0; cut + waited < rounds; round++) {
    expect(round).toBeLessThan(4 * rounds + 10);
    const folder = join(root, `pulled${round}`);
    const patient = round % 2 === 0;
    let fetched = 0;
    const count = (sizeBytes: number) => {
      fetched += sizeBytes;
    };
    const ended = { yet: false };
    const running = pull(folder, patient ? 100 : 1, count).finally(() => {
      ended.yet = true;
    });
    running.catch(() => undefined);
    await delay(random() * wholeMs);
    const inTheMiddle = !ended.yet;
    await mortal.kill();
    expect(await mortal.faults(), `round ${round}, seed ${seed}`).toEqual([]);
    await mortal.start();
    const outcome = await running.catch((error: unknown) => error);
    await checkFiles(folder);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: 'ERR_EXPORT_NETWORK' });
      expect(patient, String(outcome)).toBe(false);
      await pull(folder, 1, count);
      cut++;
    } else if (inTheMiddle) waited++;
    expect(await checkFiles(folder)).toBe(layers.length);
    expect(fetched).toBeLessThanOrEqual(SIZES.reduce((sum, size) => sum + size) + CHUNK);
    await rm(folder, { recursive: true });
  }
  console.log(`${rounds} kills: ${cut} pulls cut and completed by the next, ${waited} went on by themselves`);
});
