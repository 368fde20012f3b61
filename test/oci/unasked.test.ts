import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { describe, noise, pushBytes } from './content.ts';
import { RegistryDouble } from './registry-double.ts';

const KiB = 1024;
let double: RegistryDouble;
let repository: Repository;

beforeEach(async () => {
  double = await RegistryDouble.start();
  repository = await openRepository(parseReference(`${double.host}/a`), { env: {} });
});

afterEach(async () => {
  await repository.close();
  await double.close();
});

/** Pushes `count` blobs one after the other; which of them was asked for first. */
async function pushMany(seed: string, count: number, sizeBytes: number): Promise<boolean[]> {
  const asked: boolean[] = [];
  for (let i = 0; i < count; i++) {
    const bytes = noise(sizeBytes, `${seed} ${i}`);
    const from = double.seen.length;
    await pushBytes(repository, bytes);
    expect(double.blobs.has(`a ${describe(bytes).digest}`)).toBe(true);
    asked.push(double.seen.slice(from).some(({ method }) => method === 'HEAD'));
  }
  return asked;
}

test('small blobs are sent unasked, but for samples, once many in a row were not there', async () => {
  const asked = await pushMany('new', 48, 16 * KiB);
  expect(asked.slice(0, 16)).toEqual(Array(16).fill(true));
  expect(asked.slice(16).filter(Boolean)).toHaveLength(4);
});

test('one that is there ends that', async () => {
  await pushMany('old', 40, 16 * KiB);
  const before = double.seen.filter(({ method }) => method === 'PUT').length;
  const asked = await pushMany('old', 40, 16 * KiB);
  const sentAgain = double.seen.filter(({ method }) => method === 'PUT').length - before;
  expect(sentAgain).toBeLessThan(8);
  expect(asked.slice(8)).toEqual(Array(32).fill(true));
});

test('large ones are always asked for', async () => {
  expect(await pushMany('large', 20, 65 * KiB)).toEqual(Array(20).fill(true));
});
