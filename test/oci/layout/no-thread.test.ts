import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Digester } from '#core';
import { openLayout, threadBytes } from '#oci/layout';
import { describe, noise } from '../content.ts';

vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  Worker: class {
    constructor() {
      throw new Error('EAGAIN');
    }
  },
}));

test('a large blob is written and read where the system gives no more threads', async () => {
  const root = await mkdtemp(join(tmpdir(), 'no-thread-'));
  try {
    const bytes = noise(threadBytes + 1);
    const blob = describe(bytes);
    const layout = await openLayout(root, { create: true });
    await layout.push(blob, async function* () {
      yield bytes;
    });
    const digester = new Digester();
    for await (const chunk of await layout.fetch(blob, { reuseBuffer: true })) digester.update(chunk);
    expect(digester.digest()).toBe(blob.digest);
  } finally {
    await rm(root, { recursive: true });
  }
});
