import { EventEmitter } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { EvidenceFixture } from '../../evidence/fixture.ts';
import { buildTwoHalves } from './two-halves.ts';

let started: 'never' | 'in vain' = 'never';

vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  Worker: class extends EventEmitter {
    constructor() {
      super();
      if (started === 'never') throw new Error('EAGAIN');
      const error = Object.assign(new Error('out of memory'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
      setImmediate(() => this.emit('error', error));
    }

    async terminate() {}
  },
}));

test.each(['never', 'in vain'] as const)('a thread that starts %s leaves all records to the first', async (how) => {
  started = how;
  const workDir = await mkdtemp(join(tmpdir(), 'no-thread-'));
  await using fixture = await EvidenceFixture.make();
  const alone = await buildTwoHalves(fixture, { workDir });
  expect(await buildTwoHalves(fixture, { workDir, threadFrom: 1 })).toEqual(alone);
  expect(alone.report.withheld.length).toBeGreaterThan(1);
  expect(await readdir(workDir)).toEqual(['dumped.db']);
  await rm(workDir, { recursive: true });
});
