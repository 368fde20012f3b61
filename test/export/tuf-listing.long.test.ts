import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { addSeconds, type Clock, type Digest, type Instant, mediaTypes } from '#core';
import { type RunOptions, runExport } from '#export';
import { contentOf, fetchBytes, packManifest, parseManifest, type Repository } from '#oci/image';
import type { Layout } from '#oci/layout';
import { openRepository } from '#oci/transfer';
import { refreshRepository } from '../../src/tuf/client/refresh.ts';
import { memoryState } from '../../src/tuf/client/state.ts';
import { readPublication } from '../../src/tuf/oci/publication.ts';
import { publishArtifact } from '../../src/tuf/oci/publish.ts';
import { openArtifactSource } from '../../src/tuf/oci/source.ts';
import { refreshOnlineRoles } from '../../src/tuf/repository/streams.ts';
import { goAdvisory } from '../fixtures/records.ts';
import { listAll } from '../oci/content.ts';
import { serving } from '../server/serving.ts';
import { refusal } from '../tuf/refusal.ts';
import { type RepositoryFixture, START, signedFixture } from '../tuf/repository-fixture.ts';
import { destinationIn, type ExportFixture, newSignerFixture, openFixture, requestFor, runOptions } from './fixture.ts';

const { start } = serving();
const keys = newSignerFixture();
const clock = (time: Instant): Clock => ({ now: () => new Date(time) });

let exports: ExportFixture;
let tuf: RepositoryFixture;
let source: string;
beforeEach(async () => {
  exports = await openFixture();
  tuf = await signedFixture();
  source = await exports.source([goAdvisory('GO-2026-0001')]);
});
afterEach(() => tuf[Symbol.asyncDispose]());

type Place = NonNullable<RunOptions['tuf']>['place'];

function run(layouts: readonly Repository[], options: Partial<RunOptions> & { place?: Place } = {}, records = source) {
  const { place = { kind: 'directory', dir: tuf.dir }, ...more } = options;
  const signers = [tuf.stream, tuf.targets, tuf.online];
  return runExport(requestFor(records), {
    ...runOptions,
    clock: clock(START),
    signer: keys.signer,
    tuf: { place, streamKey: tuf.stream.publicKey, signers },
    ...more,
    destinations: layouts.map((layout) => destinationIn(layout as Layout)),
  });
}

async function fetched(name: string): Promise<{ bytes: Buffer; custom: unknown }> {
  const trusted = await tuf.refresh();
  const found = await trusted.find(name);
  if (found === undefined) throw new Error(`${name} is not listed`);
  return { bytes: Buffer.from(await trusted.download(found)), custom: found.custom };
}

describe('a bundle in a directory', () => {
  test('is a target whose bytes are its manifest, in the stream of its profile; the metadata is attached', async () => {
    const layout = await exports.layout();
    const report = await run([layout]);
    expect(report.tuf).toMatchObject({ stream: 'json-raw', target: 'json-raw.1.json', sequence: 1 });
    expect(report.tuf?.digest).toBe(report.digest);
    const { bytes, custom } = await fetched('json-raw.1.json');
    expect(bytes).toEqual(Buffer.from(await fetchBytes(layout, await resolved(layout, report.digest))));
    expect(custom).toEqual({ stream: 'json-raw', sequence: 1 });
    const referrers = await listAll(layout.referrers(report.digest, { artifactType: mediaTypes.tufRepository }));
    expect(referrers).toHaveLength(1);
    expect(report.publications[0]?.referrers.map(({ digest }) => digest)).toContain(referrers[0]?.digest);
    // The bundle leads to all that a client needs.
    const trusted = await refreshRepository({
      trustedRoot: await readFile(join(tuf.dir, 'metadata/1.root.json')),
      source: await openArtifactSource(layout, report.digest),
      state: memoryState(),
      at: START,
    });
    expect(await trusted.find('json-raw.1.json')).toBeDefined();
  });

  test('is listed once for the same evidence, also after a refresh', async () => {
    const layout = await exports.layout();
    const first = await run([layout]);
    const before = await tuf.files();
    const second = await run([layout]);
    expect(second.tuf).toMatchObject({ target: 'json-raw.1.json', published: [] });
    expect(await tuf.files()).toEqual(before);
    expect(second.publications[0]?.referrers).toEqual(
      expect.arrayContaining([...(first.publications[0]?.referrers ?? [])]),
    );
    expect(second.publications[0]).toMatchObject({ bytesSent: 0 });
    await refreshOnlineRoles(tuf.dir, [tuf.online], addSeconds(START, 60));
    expect((await run([layout])).tuf).toMatchObject({ sequence: 1, published: [] });
    const other = await exports.source([goAdvisory('GO-2026-0002')], 'other');
    expect((await run([layout], {}, other)).tuf).toMatchObject({ target: 'json-raw.2.json', sequence: 2 });
    expect((await fetched('json-raw.2.json')).custom).toEqual({ stream: 'json-raw', sequence: 2 });
  });

  test('is attached at every destination', async () => {
    const layouts = [await exports.layout('a'), await exports.layout('b')];
    const { digest } = await run(layouts);
    for (const layout of layouts) {
      expect(await listAll(layout.referrers(digest, { artifactType: mediaTypes.tufRepository }))).toHaveLength(1);
    }
  });

  test('leaves no tag when a key is missing, and can be repeated', async () => {
    const layout = await exports.layout();
    const listing = {
      place: { kind: 'directory', dir: tuf.dir },
      streamKey: undefined,
      signers: [tuf.online],
    } as const;
    await expect(run([layout], { tuf: listing })).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'json-raw'));
    expect(await layout.resolve('1')).toBeUndefined();
    const tag = layout.tag.bind(layout);
    const killed = vi.spyOn(layout, 'tag').mockImplementation(async (descriptor, name, ...rest) => {
      if (name === '1') throw new Error('killed');
      return tag(descriptor, name, ...rest);
    });
    await expect(run([layout])).rejects.toThrow('killed');
    killed.mockRestore();
    // The target was listed; the tag follows.
    expect((await run([layout])).tuf).toMatchObject({ sequence: 1, published: [] });
    expect(await layout.resolve('1')).toBeDefined();
  });
});

describe('a bundle in an artifact', () => {
  const trustedRoot = () => readFile(join(tuf.dir, 'metadata/1.root.json'));

  async function published(): Promise<Repository> {
    const { address } = await start();
    const repository = await openRepository({ kind: 'registry', registry: address, repository: 'tuf' });
    await publishArtifact(await readPublication(tuf.dir), repository, 'latest');
    return repository;
  }

  test('is a target, published below the tag', async () => {
    await tuf.add('one');
    const repository = await published();
    const layout = await exports.layout();
    const place: Place = { kind: 'artifact', repository, tag: 'latest', trustedRoot: await trustedRoot() };
    const report = await run([layout], { place });
    expect(report.tuf).toMatchObject({ target: 'json-raw.1.json' });
    const before = await repository.resolve('latest');
    for (const [from, name] of [
      [repository, 'latest'],
      [layout, report.digest],
    ] as const) {
      const trusted = await refreshRepository({
        trustedRoot: await trustedRoot(),
        source: await openArtifactSource(from, name),
        state: memoryState(),
        at: START,
      });
      const found = await trusted.find('json-raw.1.json');
      expect(found?.hashes.get('sha256')).toBe(report.digest.slice('sha256:'.length));
      // What the directory of the run never had comes from the artifact.
      const other = await trusted.find('feed.1.json');
      expect(Buffer.from(await trusted.download(other as NonNullable<typeof other>)).toString()).toBe('one');
    }
    expect((await run([layout], { place })).tuf).toMatchObject({ published: [] });
    expect(await repository.resolve('latest')).toEqual(before);
  });

  test('is not signed for on top of what the trusted root does not vouch for', async () => {
    const repository = await published();
    const layout = await exports.layout();
    await using other = await signedFixture();
    const root = await readFile(join(other.dir, 'metadata/1.root.json'));
    const attempt = run([layout], { place: { kind: 'artifact', repository, tag: 'latest', trustedRoot: root } });
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', 'does not have the trusted root'));
    const absent = run([layout], {
      place: { kind: 'artifact', repository, tag: 'other', trustedRoot: await trustedRoot() },
    });
    await expect(absent).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'no TUF repository'));
  });

  test('is not signed for where a layer would be written outside of the directory (CVE-2021-41149)', async () => {
    const repository = await published();
    const layout = await exports.layout();
    const descriptor = await resolved(repository, 'latest');
    const manifest = parseManifest(await fetchBytes(repository, descriptor), descriptor.mediaType, 'it');
    if (manifest.kind !== 'manifest') throw new Error('no manifest');
    const place: Place = { kind: 'artifact', repository, tag: 'hostile', trustedRoot: await trustedRoot() };
    for (const name of ['../../x.json', '/x.json', 'a/b.json', '..', '']) {
      const last = manifest.layers.at(-1) as (typeof manifest.layers)[number];
      const layers = [...manifest.layers, { ...last, annotations: { 'tuf.io/filename': name } }];
      const packed = packManifest({ artifactType: mediaTypes.tufRepository, config: manifest.config, layers });
      await repository.push(packed.descriptor, contentOf(packed.bytes));
      await repository.tag(packed.descriptor, 'hostile');
      await expect(run([layout], { place })).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', 'not a file name'));
    }
  });

  test('does not overwrite what somebody else published meanwhile', async () => {
    const repository = await published();
    const layout = await exports.layout();
    const place: Place = { kind: 'artifact', repository, tag: 'latest', trustedRoot: await trustedRoot() };
    let newer: Digest | undefined;
    const push = repository.push.bind(repository);
    const between = vi.spyOn(repository, 'push').mockImplementation(async (descriptor, ...rest) => {
      if (descriptor.artifactType === mediaTypes.tufRepository) {
        between.mockRestore();
        await refreshOnlineRoles(tuf.dir, [tuf.online], addSeconds(START, 60));
        newer = (await publishArtifact(await readPublication(tuf.dir), repository, 'latest')).digest;
      }
      return push(descriptor, ...rest);
    });
    await expect(run([layout], { place })).rejects.toThrow(refusal('ERR_EXPORT_LOCKED', 'moved the tag'));
    expect(await repository.resolve('latest')).toMatchObject({ digest: newer });
    const manifests = await listAll(layout.manifests());
    expect(manifests.filter(({ artifactType }) => artifactType === mediaTypes.tufRepository)).toEqual([]);
  });
});

async function resolved(repository: Repository, name: string) {
  const descriptor = await repository.resolve(name);
  if (descriptor === undefined) throw new Error(`${name} is not there`);
  return descriptor;
}
