import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { resolveProfile } from '#export';
import { parseMirrorSpec, type SnapshotPorts } from '#mirror';
import { listRepositories } from '#oci/registry';
import { openRepository } from '#oci/transfer';
import { mirrorFull } from '../../src/export/profiles/mirror-full.ts';
import { openKits } from './kit-fixture.ts';
import { jsonOf } from './mirror-fixture.ts';

test('the profile mirror:full takes the snapshot that the command takes', async () => {
  const { mirror } = await openKits();
  const byCommand = jsonOf(await mirror.snapshot('--output', 'json'));
  const path = mirror.path('mirror.yaml');
  const spec = parseMirrorSpec(await readFile(path), path);
  const ports: SnapshotPorts = {
    open: (reference) => openRepository(reference, { plainHttp: true }),
    list: (registry) => listRepositories(registry, { plainHttp: true }),
  };
  const repository = await ports.open(spec.snapshots);
  const run = await mirrorFull.run({
    spec,
    ports,
    snapshots: { repository, reference: spec.snapshots },
    verifiers: new Map(),
    prepare: () => Promise.reject(new Error('nothing has changed, so nothing is signed')),
  });
  await repository.close();
  expect(run.published).toEqual({
    sequence: 1,
    digest: byCommand['digest'],
    tag: byCommand['tag'],
    isNew: false,
    waiting: [],
  });
});

test('export names the command for a profile that builds nothing', () => {
  expect(() => resolveProfile('mirror:full')).toThrow(
    expect.objectContaining({ code: 'ERR_EXPORT_PROFILE_UNKNOWN', hint: 'use export-center mirror snapshot' }),
  );
});
