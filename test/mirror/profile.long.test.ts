import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { resolveProfile } from '#export';
import { parseBase, parseMirrorSpec, type SnapshotPorts } from '#mirror';
import { listRepositories } from '#oci/registry';
import { openRepository } from '#oci/transfer';
import { mirrorDelta } from '../../src/export/profiles/mirror-delta.ts';
import { mirrorFull } from '../../src/export/profiles/mirror-full.ts';
import { openKits, pushTagged } from './kit-fixture.ts';
import { jsonOf, within } from './mirror-fixture.ts';

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

test('the profile mirror:delta plans the kit that the command plans', async () => {
  const { registry, mirror, export: exportKit } = await openKits();
  await exportKit('full');
  await within(`${registry.host}/apps/web`, (repository) => pushTagged(repository, '1.1', 'new'));
  jsonOf(await mirror.snapshot('--output', 'json'));
  const path = mirror.path('mirror.yaml');
  const spec = parseMirrorSpec(await readFile(path), path);
  const snapshots = await openRepository(spec.snapshots, { plainHttp: true });
  const place = { stream: spec.stream, ports: { open: () => Promise.reject(new Error('no registry is asked')) } };
  const plan = await mirrorDelta.run({ spec, snapshots, bases: [parseBase('main.1', place)] });
  await snapshots.close();
  expect(plan.id).toBe(jsonOf(await mirror.plan('--base', 'main.1', '--output', 'json')).kit);
  expect(plan.delta.tags?.new).toEqual(['apps/web:1.1']);
  expect(() => resolveProfile('mirror:delta')).toThrow(
    expect.objectContaining({ hint: 'use export-center mirror export --base' }),
  );
});

test('export names the command for a profile that builds nothing', () => {
  expect(() => resolveProfile('mirror:full')).toThrow(
    expect.objectContaining({ code: 'ERR_EXPORT_PROFILE_UNKNOWN', hint: 'use export-center mirror snapshot' }),
  );
});
