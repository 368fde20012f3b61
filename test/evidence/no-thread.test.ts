import { EventEmitter } from 'node:events';
import { availableParallelism } from 'node:os';
import { expect, test, vi } from 'vitest';
import { forgeZip } from '../archive/zip-forge.ts';
import { EvidenceFixture } from './fixture.ts';

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

test.skipIf(availableParallelism() < 2).each(['never', 'in vain'] as const)(
  'a thread that starts %s leaves all to the first',
  async (how) => {
    started = how;
    await using fixture = await EvidenceFixture.make();
    const forged = Array.from({ length: 4100 }, (_, n) => ({
      name: `${n}.json`,
      content: `{"id":"A-${n}","modified":"2026-01-01T00:00:00Z"}`,
      stored: true,
    }));
    const archive = await fixture.file('all.zip', forgeZip(forged));
    const set = await fixture.collect([archive], { partsFrom: 1 });
    expect(set.kept).toBe(4100);
    await set.close();
    expect(await fixture.leftovers()).toEqual([]);
  },
);
