import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TrivyDbOptions } from '#artifacts';
import type { RecordSet } from '#evidence';
import { EvidenceFixture } from '../../evidence/fixture.ts';
import { buildSet } from './fixture.ts';
import { buildTwoHalves, recordsOfTwoHalves } from './two-halves.ts';

let fixture: EvidenceFixture;
let workDir: string;
beforeEach(async () => {
  fixture = await EvidenceFixture.make();
  workDir = await mkdtemp(join(tmpdir(), 'thread-'));
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
  await rm(workDir, { recursive: true });
});

const records = () => recordsOfTwoHalves(fixture);
const built = (options: Partial<TrivyDbOptions>) => buildTwoHalves(fixture, { workDir, ...options });

test('a second thread changes nothing of a database or its report', async () => {
  const alone = await built({});
  const together = await built({ threadFrom: 1 });
  expect(together).toEqual(alone);
  const { withheld, losses } = alone.report;
  expect(withheld.length).toBeGreaterThan(1);
  expect(losses.map(({ reason }) => reason)).toEqual([
    'affectedNotCarried',
    'memberInvalid',
    'rangesWidened',
    'withdrawn',
  ]);
  expect(await readdir(workDir)).toEqual(['dumped.db']);
});

test('both threads keep to the packages of a selector and to data sources', async () => {
  const options = {
    packages: { packages: ['p-1'] },
    dataSources: [{ prefix: 'GHSA-', id: 'acme', name: 'Acme', url: 'https://acme.example/' }],
  };
  const alone = await built(options);
  expect(await built({ ...options, threadFrom: 1 })).toEqual(alone);
  expect(alone.count).toBeGreaterThan(0);
});

test('a build that is stopped waits for no thread', async () => {
  const set = await records();
  const stop = new AbortController();
  const batches: RecordSet['batches'] = async function* () {
    // Nothing is left to be done here once the other one has begun.
    setImmediate(() => stop.abort(new Error('enough')));
  };
  const share: RecordSet['share'] = (name) => set.share?.(name) ?? Promise.resolve(undefined);
  const stopped: RecordSet = { ...set, classes: set.classes, batches, share };
  await expect(buildSet(stopped, { workDir, threadFrom: 1, signal: stop.signal })).rejects.toThrow('enough');
  expect(await readdir(workDir)).toEqual([]);
  await set.close();
});

test('a failure of the second thread is the failure of the build', async () => {
  const set = await records();
  const share: RecordSet['share'] = async (name) => ({ recordClass: name, files: [join(workDir, 'missing')] });
  const broken: RecordSet = { ...set, classes: set.classes, batches: (...args) => set.batches(...args), share };
  await expect(buildSet(broken, { workDir, threadFrom: 1 })).rejects.toMatchObject({
    code: 'ERR_EXPORT_NOT_FOUND',
    hint: expect.any(String),
  });
  expect(await readdir(workDir)).toEqual([]);
  await set.close();
});
