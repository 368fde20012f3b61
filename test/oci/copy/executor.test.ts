import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Descriptor, Digest } from '#core';
import { contentOf, type Repository } from '#oci/image';
import { CopyExecutor } from '../../../src/oci/transfer/copy/executor.ts';
import type { CopyStep, PlannedContent } from '../../../src/oci/transfer/copy/planner.ts';
import { startRun } from '../../../src/oci/transfer/copy/run.ts';
import { describe } from '../content.ts';

const MIB = 1024 * 1024;
const blob = Buffer.from('blob');
const named = (name: string): Descriptor => describe(Buffer.from(name));

/** A target that takes nothing until its gate is open, and a run of a copy to it. */
function gated() {
  const gate = Promise.withResolvers<void>();
  const pushed: Digest[] = [];
  const source = { name: 'source', fetch: async () => contentOf(blob)(0) } as unknown as Repository;
  const target = {
    name: 'target',
    push: async ({ digest }: Descriptor) => {
      await gate.promise;
      pushed.push(digest);
      return 'uploaded';
    },
  } as unknown as Repository;
  const run = startRun(source, target, {});
  return { run, executor: new CopyExecutor(run), pushed, open: gate.resolve, refuse: gate.reject };
}

async function* planOf(steps: Iterable<[Descriptor, CopyStep]>, planned: Digest[]): AsyncGenerator<PlannedContent> {
  for (const [descriptor, value] of steps) {
    planned.push(descriptor.digest);
    yield { node: { kind: 'unknown', descriptor, depth: 0, reason: { kind: 'root' } }, value };
  }
}

function manifestStep(children: readonly Digest[], sizeBytes: number, subject?: Digest): CopyStep {
  return { action: 'pushManifest', bytes: new Uint8Array(sizeBytes), children, subject, options: {} };
}

test('pushes what a manifest names before it, and its subject, whatever the order of the plan', async () => {
  const { run, executor, pushed, open } = gated();
  const [layer, image, index, referrer] = ['layer', 'image', 'index', 'referrer'].map(named) as Descriptor[];
  const steps: [Descriptor, CopyStep][] = [
    [index as Descriptor, manifestStep([image?.digest as Digest], 1)],
    [referrer as Descriptor, manifestStep([], 1, index?.digest)],
    [image as Descriptor, manifestStep([layer?.digest as Digest], 1)],
    [layer as Descriptor, { action: 'pushBlob' }],
  ];
  open();
  await executor.execute(planOf(steps, []));
  expect(pushed).toEqual([layer, image, index, referrer].map((each) => each?.digest));
  expect(run.contents.bytesSent).toBe(
    [layer, image, index, referrer].reduce((sum, each) => sum + (each?.size ?? 0), 0),
  );
});

test('what lacks something below it is not pushed, and says what', async () => {
  const { run, executor, pushed, open } = gated();
  const [missing, image, index] = ['missing', 'image', 'index'].map(named) as [Descriptor, Descriptor, Descriptor];
  open();
  await executor.execute(
    planOf(
      [
        [index, manifestStep([image.digest], 1)],
        [image, manifestStep([missing.digest], 1)],
        [missing, { action: 'none' }],
      ],
      [],
    ),
  );
  expect(pushed).toEqual([]);
  expect(run.log.incomplete.map(({ descriptor, lacks }) => [descriptor.digest, lacks])).toEqual([
    [image.digest, missing.digest],
    [index.digest, missing.digest],
  ]);
  expect(await executor.completionOf(index.digest)).toEqual({ isComplete: false, lacks: missing.digest });
  expect(await executor.completionOf(named('never planned').digest)).toEqual({ isComplete: true });
});

test('a plan runs no more than ten thousand contents ahead', async () => {
  const { executor, pushed, open } = gated();
  const planned: Digest[] = [];
  const steps = Array.from({ length: 10_100 }, (_, i): [Descriptor, CopyStep] => [
    named(`${i}`),
    { action: 'pushBlob' },
  ]);
  const done = executor.execute(planOf(steps, planned));
  await setImmediate();
  expect(planned).toHaveLength(10_001);
  open();
  await done;
  expect(pushed).toHaveLength(10_100);
});

test('a plan waits while more than 64 MiB of manifests wait for what they name, and goes on where only it can', async () => {
  const { executor, pushed, open } = gated();
  const planned: Digest[] = [];
  const [layer, last] = [named('layer'), named('last')];
  const manifests = ['a', 'b', 'c', 'd'].map(named);
  const steps: [Descriptor, CopyStep][] = [
    [layer, { action: 'pushBlob' }],
    ...manifests.map((each): [Descriptor, CopyStep] => [each, manifestStep([layer.digest, last.digest], 30 * MIB)]),
    [last, { action: 'pushBlob' }],
  ];
  const done = executor.execute(planOf(steps, planned));
  await setImmediate();
  expect(planned).toHaveLength(4);
  open();
  await done;
  expect(pushed).toHaveLength(6);
  expect(pushed.slice(0, 2)).toEqual([layer.digest, last.digest]);
});

test('a failure ends the run, and nobody waits for what will never be planned', async () => {
  const { run, executor, refuse } = gated();
  const [layer, image] = ['layer', 'image'].map(named) as [Descriptor, Descriptor];
  const failure = new Error('the disk is full');
  refuse(failure);
  async function* plan() {
    yield* planOf([[image, manifestStep([layer.digest, named('unplanned').digest], 1)]], []);
    yield* planOf([[layer, { action: 'pushBlob' }]], []);
    await new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason)));
  }
  await expect(executor.execute(plan())).rejects.toBe(failure);
  await executor.end();
  expect(run.fail(new Error('later'))).toBe(failure);
});
