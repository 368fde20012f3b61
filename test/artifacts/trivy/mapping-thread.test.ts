import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TrivyDbOptions } from '#artifacts';
import { collectRecords, type RecordSet } from '#evidence';
import { EvidenceFixture } from '../../evidence/fixture.ts';
import { affected, buildSet } from './fixture.ts';

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

/** Records of which those of both halves meet in packages, ids, data sources and reasons to be left out. */
async function records(): Promise<RecordSet> {
  const files = Array.from({ length: 60 }, (_, n) => ({
    id: `${n % 2 === 0 ? 'GHSA' : 'PYSEC'}-${String((n * 37) % 60).padStart(2, '0')}`,
    modified: '2026-01-01T00:00:00Z',
    aliases: [`CVE-2026-${1000 + (n % 7)}`, ...(n % 9 === 0 ? ['CVE- not a key'] : [])],
    details: `what ${n} says, with <ümlaut>`,
    severity:
      n % 5 === 0 ? 'none of that' : [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
    affected: [
      affected('PyPI', `p-${n % 3}`, [{ introduced: '0' }, { fixed: `${1 + n}.0` }]),
      ...(n % 4 === 0 ? [affected('Debian', 'x', [{ introduced: '0' }])] : []),
      ...(n % 13 === 0 ? [affected('PyPI', 'odd', [{ introduced: '0' }, { fixed: 'no version' }])] : []),
    ],
    ...(n % 11 === 0 ? { withdrawn: '2026-02-01T00:00:00Z' } : {}),
  }));
  const folder = await fixture.folder(Object.fromEntries(files.map((record) => [`${record.id}.json`, record])));
  return collectRecords({ sources: [folder], selector: {}, withholdInvalid: true, workDir: fixture.temp });
}

async function built(options: Partial<TrivyDbOptions>) {
  const set = await records();
  try {
    const { layer, report, records: count } = await buildSet(set, { workDir, ...options });
    return { layer: layer.toString('base64'), report, count };
  } finally {
    await set.close();
  }
}

test('a second thread changes nothing of a database or its report', async () => {
  const alone = await built({});
  const together = await built({ threadFrom: 1 });
  expect(together).toEqual(alone);
  const { withheld, losses } = alone.report;
  expect(withheld.length).toBeGreaterThan(1);
  expect(losses.map(({ reason }) => reason)).toEqual(['affectedNotCarried', 'memberInvalid', 'withdrawn']);
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
