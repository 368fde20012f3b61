import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { mediaTypes } from '#core';
import { type Progress, runExport, runPlan } from '#export';
import { fetchBytes } from '#oci/image';
import type { Layout } from '#oci/layout';
import { parseExportManifest } from '../../src/export/export-manifest.generated.ts';
import { exportManifestPath } from '../../src/export/forms.ts';
import { readJson } from '../core/read-json.ts';
import { goAdvisory, vexDocument } from '../fixtures/records.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import {
  destinationIn,
  type ExportFixture,
  exportTo,
  newSignerFixture,
  openFixture,
  requestFor,
  runOptions,
} from './fixture.ts';

let fixture: ExportFixture;
let temp: string;
beforeEach(async () => {
  fixture = await openFixture();
  temp = await makeTempDir();
  vi.stubEnv('TMPDIR', temp);
});
afterEach(async () => {
  vi.unstubAllEnvs();
});

const two = [goAdvisory('GO-2026-0001'), goAdvisory('GO-2026-0002')];

test('a second run sends nothing, signs nothing and gives the same digest', async () => {
  const request = requestFor(await fixture.source(two));
  const [layout, { signer }] = [await fixture.layout(), newSignerFixture()];
  const first = await exportTo(layout, request, { signer });
  const second = await exportTo(layout, request, { signer });
  expect(first.publications[0]).toMatchObject({ signed: 'signed' });
  expect(first.publications[0]?.bytesSent).toBeGreaterThan(0);
  expect(first.publications[0]?.layers.every((layer) => layer.state === 'uploaded')).toBe(true);
  expect(second.publications[0]).toMatchObject({ signed: 'present', bytesSent: 0 });
  expect(second.publications[0]?.layers.every((layer) => layer.state === 'present')).toBe(true);
  expect(second.digest).toBe(first.digest);
  expect(second.publications[0]?.referrers).toEqual(first.publications[0]?.referrers);
});

test('a tag that pointed at another artifact: its digest is reported', async () => {
  const layout = await fixture.layout();
  const first = await exportTo(layout, requestFor(await fixture.source(two)));
  expect(first.publications[0]?.previousDigest).toBeUndefined();
  const again = await exportTo(layout, requestFor(await fixture.source(two)));
  expect(again.publications[0]?.previousDigest).toBeUndefined();
  const other = await exportTo(layout, requestFor(await fixture.source([goAdvisory('GO-2026-0003')], 'other')));
  expect(other.publications[0]?.previousDigest).toBe(first.digest);
});

test.each(['json:raw', 'trivy:db'])('%s: nothing of a run stays in the folder for temporary files', async (profile) => {
  await exportTo(await fixture.layout(), requestFor(await fixture.source(two), { profile }));
  expect(await readdir(temp)).toEqual([]);
  await expect(
    exportTo(
      await fixture.layout('b'),
      requestFor(await fixture.source([{ id: 'X', modified: 'never' }], 'bad'), { profile }),
    ),
  ).rejects.toMatchObject({ code: 'ERR_EXPORT_RECORD_INVALID' });
  expect(await readdir(temp)).toEqual([]);
});

test('where a destination fails, no tag has moved at another', async () => {
  const [good, bad] = [await fixture.layout('good'), await fixture.layout('bad')];
  const before = await exportTo(good, requestFor(await fixture.source([goAdvisory('GO-2026-0009')], 'old')));
  const refused = vi.spyOn(bad, 'push').mockRejectedValue(new Error('no'));
  const request = requestFor(await fixture.source(two));
  const destinations = [destinationIn(good), destinationIn(bad)];
  await expect(runExport(request, { ...runOptions, destinations, signer: newSignerFixture().signer })).rejects.toThrow(
    'no',
  );
  expect(refused).toHaveBeenCalled();
  expect((await good.resolve('1'))?.digest).toBe(before.digest);
  refused.mockRestore();
  const repaired = await runExport(request, { ...runOptions, destinations, signer: newSignerFixture().signer });
  for (const layout of [good, bad]) expect((await layout.resolve('1'))?.digest).toBe(repaired.digest);
});

test('tags are set after all signatures of all destinations', async () => {
  const steps: string[] = [];
  const watch = (layout: Layout, name: string) => {
    const tag = layout.tag.bind(layout);
    vi.spyOn(layout, 'tag').mockImplementation((descriptor, text, options) => {
      steps.push(`${name} ${/^sha256-/.test(text) ? text.slice(-4) : text}`);
      return tag(descriptor, text, options);
    });
    return layout;
  };
  const layouts = [watch(await fixture.layout('a'), 'a'), watch(await fixture.layout('b'), 'b')];
  const destinations = layouts.map((layout) => destinationIn(layout));
  await runExport(requestFor(await fixture.source(two)), {
    ...runOptions,
    destinations,
    signer: newSignerFixture().signer,
  });
  expect(steps).toEqual(['a .att', 'a .sig', 'b .att', 'b .sig', 'a 1', 'b 1']);
});

test('stopped before anything is sent: the reason itself; stopped later: it can go on, and no tag is there', async () => {
  const request = requestFor(await fixture.source(two));
  const early = new AbortController();
  early.abort(new Error('stop'));
  await expect(exportTo(await fixture.layout('a'), request, { signal: early.signal })).rejects.toThrow('stop');
  expect(await readdir(join(fixture.dir, 'a'))).toEqual([]);

  const [late, layout] = [new AbortController(), await fixture.layout('b')];
  const onProgress = ({ stage, done }: Progress) => {
    if (stage === 'send' && done > 0) late.abort(new Error('stop'));
  };
  await expect(exportTo(layout, request, { signal: late.signal, onProgress })).rejects.toMatchObject({
    code: 'ERR_EXPORT_INCOMPLETE',
    cause: expect.objectContaining({ message: 'stop' }),
  });
  expect(await layout.resolve('1')).toBeUndefined();
  const { digest } = await exportTo(layout, request);
  expect((await layout.resolve('1'))?.digest).toBe(digest);
});

test('a registry is named by itself in its signature, a layout by signedAs', async () => {
  const [{ signer }, layout] = [newSignerFixture(), await fixture.layout()];
  const [destination] = [destinationIn(layout)];
  const names: string[] = [];
  for (const [i, reference] of [
    { kind: 'registry', registry: 'registry.example:5000', repository: 'a/b', tag: '1' } as const,
    destination.reference,
  ].entries()) {
    const place = { reference, repository: await fixture.layout(`place${i}`), signedAs: 'mirror.example/c' };
    const request = requestFor(await fixture.source(two));
    const { digest } = await runExport(request, { ...runOptions, destinations: [place], signer });
    names.push(await dockerReferenceIn(place.repository, digest));
  }
  expect(names).toEqual(['registry.example:5000/a/b', 'mirror.example/c']);
});

async function dockerReferenceIn(layout: Layout, digest: string): Promise<string> {
  const descriptor = await layout.resolve(`${digest.replace(':', '-')}.sig`);
  if (descriptor === undefined) throw new Error('no signature');
  const manifest = readJson(Buffer.from(await fetchBytes(layout, descriptor)).toString());
  const payload = readJson(Buffer.from(await fetchBytes(layout, manifest.layers[0])).toString());
  return payload.critical.identity['docker-reference'];
}

test('runPlan: the digest and the layers that an export would have, with and without a destination', async () => {
  const request = requestFor(await fixture.source(two), { profile: 'trivy:db' });
  const path = join(fixture.dir, 'layout');
  const bare = await runPlan(request, { references: [] });
  const placed = await runPlan(request, { references: [{ kind: 'layout', path, tag: '1' }] });
  expect(existsSync(path)).toBe(false);
  const done = await exportTo(await fixture.layout(), request);
  for (const plan of [bare, placed]) {
    expect(plan.digest).toBe(done.digest);
    expect(plan.publications[0]?.layers).toEqual(
      done.publications[0]?.layers.map((layer) => ({ ...layer, state: 'planned' })),
    );
    expect(plan.publications[0]?.referrers).toEqual(done.publications[0]?.referrers);
    expect(plan.publications[0]?.bytesSent).toBe(0);
  }
  expect(bare.publications[0]?.reference).toBeUndefined();
  expect(placed.publications[0]?.reference).toBe(done.publications[0]?.reference);
});

test('trivy:db: what the profile cannot use is counted, and a database of nothing is not published', async () => {
  const withdrawn = goAdvisory('GO-2026-0003', { withdrawn: '2026-01-02T00:00:00Z' });
  const mixed = await fixture.source([...two, withdrawn, vexDocument('https://example.test/vex')]);
  const layout = await fixture.layout();
  const { records, digest } = await exportTo(layout, requestFor(mixed, { profile: 'trivy:db' }));
  expect(records).toEqual({ kept: 2, leftOut: 2, withheld: 0 });
  expect(await exportManifestIn(layout, digest)).toMatchObject({
    inputs: { classes: { advisories: { count: 3 }, vex: { count: 1 } } },
    records: { kept: 2, withheld: 0 },
    contents: [{ path: 'db.tar.gz', records: 2 }],
  });
  const useless = await fixture.source([withdrawn, vexDocument('https://example.test/vex')], 'useless');
  const empty = await fixture.layout('empty');
  await expect(exportTo(empty, requestFor(useless, { profile: 'trivy:db' }))).rejects.toMatchObject({
    code: 'ERR_EXPORT_SELECTION_EMPTY',
    message: expect.stringContaining('trivy:db'),
  });
  expect(await readdir(join(fixture.dir, 'empty'))).toEqual([]);
});

test('trivy:db: the withdrawn that a selector leaves out count beside those that the profile leaves out', async () => {
  const records = [...two, goAdvisory('GO-2026-0003', { withdrawn: '2026-01-02T00:00:00Z' })];
  records.push(goAdvisory('GO-2026-0004', { withdrawn: '2026-12-31T00:00:00Z' }));
  const layout = await fixture.layout();
  const request = requestFor(await fixture.source(records), { profile: 'trivy:db', selector: { withdrawn: 'only' } });
  const { digest } = await exportTo(layout, request);
  const { records: counts } = await exportManifestIn(layout, digest);
  // Two are not withdrawn, one is by asOf; the one that will be is in.
  expect(counts).toMatchObject({ kept: 1, leftOut: { withdrawn: 3 } });
});

async function exportManifestIn(layout: Layout, digest: string) {
  for await (const referrer of layout.referrers(digest as Parameters<Layout['referrers']>[0])) {
    if (referrer.artifactType !== mediaTypes.exportManifest) continue;
    const manifest = readJson(Buffer.from(await fetchBytes(layout, referrer)).toString());
    return parseExportManifest(await fetchBytes(layout, manifest.layers[0]), exportManifestPath);
  }
  throw new Error('no export.json');
}

test.each(['json:raw', 'trivy:db'])(
  '%s: progress of reading, packing and sending only grows, up to its end',
  async (profile) => {
    const seen = new Map<string, Progress[]>();
    const onProgress = (progress: Progress) =>
      seen.set(progress.stage, [...(seen.get(progress.stage) ?? []), progress]);
    await exportTo(await fixture.layout(), requestFor(await fixture.source(two), { profile }), { onProgress });
    expect([...seen.keys()]).toEqual(['read', 'pack', 'send']);
    for (const steps of seen.values()) {
      for (const [i, step] of steps.entries()) expect(step.done).toBeGreaterThanOrEqual(steps[i - 1]?.done ?? 0);
    }
    expect(seen.get('pack')?.at(-1)).toMatchObject({ done: 2, total: 2, unit: 'records' });
    const sent = seen.get('send')?.at(-1);
    expect(sent?.done).toBe(sent?.total);
  },
);

test('onIgnored: told of what holds no record', async () => {
  const source = await fixture.source([...two, { hello: 'there' }]);
  const onIgnored = vi.fn();
  await exportTo(await fixture.layout(), requestFor(source), { onIgnored });
  const files = [{ source, name: '2.json', reason: expect.stringContaining('JSON, but not') }];
  expect(onIgnored).toHaveBeenCalledExactlyOnceWith(files, 1);
});
