import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor, JsonObject } from '#core';
import { fetchBytes, packIndex, packManifest, parseReference, type Repository } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { copy, openRepository } from '#oci/transfer';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { inPieces, listAll, pushArtifact, pushBytes } from '../content.ts';
import { RegistryDouble } from '../registry-double.ts';

const PAYLOAD = 'application/vnd.dev.cosign.simplesigning.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

let root: string;
let source: Layout;
let double: RegistryDouble;
let subject: Descriptor;

beforeEach(async () => {
  root = await makeTempDir();
  source = await openLayout(join(root, 'source'), { create: true });
  double = await RegistryDouble.start();
  subject = await pushArtifact(source, 'subject');
});

afterEach(async () => {
  await source.close();
  await double.close();
});

const kinds = {
  registry: () => openRepository(parseReference(`${double.host}/team/app`), { env: {} }),
  layout: () => openLayout(join(root, 'target'), { create: true }),
  archive: () => openRepository(parseReference(`oci-archive:${root}/target.tar`), { create: true }),
};

/** A manifest as cosign keeps it: a layer for each signature, all of one payload unless told. */
async function sign(place: Repository, suffix: string, signers: readonly string[]): Promise<Descriptor> {
  const layers = [];
  for (const signer of signers) {
    const blob = await pushBytes(place, Buffer.from(suffix === 'sig' ? 'payload' : signer), PAYLOAD);
    layers.push({ ...blob, annotations: { 'dev.cosignproject.cosign/signature': signer } });
  }
  const config = await pushBytes(place, Buffer.from(JSON.stringify({ signers })), CONFIG);
  const { descriptor, bytes } = packManifest({ config, layers });
  await place.push(descriptor, inPieces(bytes, 100));
  await place.tag(descriptor, tagOf(suffix));
  return descriptor;
}

const tagOf = (suffix: string) => `${subject.digest.replace(':', '-')}.${suffix}`;

async function signersAt(place: Repository, suffix: string): Promise<string[]> {
  const descriptor = (await place.resolve(tagOf(suffix))) as Descriptor;
  const manifest = readJson(await fetchBytes(place, descriptor)) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  const config = readJson(await fetchBytes(place, manifest.config)) as JsonObject;
  const rootfs = config['rootfs'] as { diff_ids: string[] } | undefined;
  if (rootfs !== undefined) expect(rootfs.diff_ids).toEqual(manifest.layers.map(({ digest }) => digest));
  for (const layer of manifest.layers) expect(await place.exists(layer)).toBe(true);
  return manifest.layers.map(({ annotations }) => annotations?.['dev.cosignproject.cosign/signature'] ?? '').sort();
}

test.each(
  Object.keys(kinds).flatMap((kind) => ['sig', 'att'].map((suffix) => [kind as keyof typeof kinds, suffix] as const)),
)('into a %s: what was added to .%s at the target stays, what is new at the source arrives', async (kind, suffix) => {
  const target = await kinds[kind]();
  const again = () => copy(source, target, [subject], { cosignTags: true, keepGoing: true });
  await sign(source, suffix, ['upstream']);
  await again();
  await sign(target, suffix, ['upstream', 'site']);
  const unchanged = await again();
  expect(unchanged).toMatchObject({ tagged: [], conflicts: [], tags: [{ tag: tagOf(suffix) }] });
  expect(await signersAt(target, suffix)).toEqual(['site', 'upstream']);
  await sign(source, suffix, ['other', 'upstream']);
  const report = await again();
  expect(report.tagged).toMatchObject([{ tag: tagOf(suffix), isMerged: true }]);
  expect(await signersAt(target, suffix)).toEqual(['other', 'site', 'upstream']);
  expect((await again()).tagged).toEqual([]);
  await target.close();
});

test('copying every tag merges them too, under a prefix as well', async () => {
  const target = await kinds.registry();
  const ours = await sign(source, 'sig', ['upstream']);
  const theirs = await sign(target, 'sig', ['site']);
  await target.tag(theirs, `site-${tagOf('sig')}`);
  await source.tag(ours, `site-${tagOf('sig')}`);
  const tags = [tagOf('sig'), `site-${tagOf('sig')}`].map((tag) => ({ tag, descriptor: ours }));
  const report = await copy(source, target, [ours], { tags, keepGoing: true });
  expect(report.tagged.map(({ tag, isMerged }) => [tag, isMerged])).toEqual(tags.map(({ tag }) => [tag, true]));
  expect(await signersAt(target, 'sig')).toEqual(['site', 'upstream']);
  await target.close();
});

test('another SBOM at the target stays, and the copy is not complete', async () => {
  const target = await kinds.registry();
  const ours = await sign(source, 'sbom', ['upstream']);
  const theirs = await sign(target, 'sbom', ['site']);
  const report = await copy(source, target, [subject], { cosignTags: true, keepGoing: true });
  expect((await target.resolve(tagOf('sbom')))?.digest).toBe(theirs.digest);
  expect(report.conflicts).toEqual([
    {
      tag: tagOf('sbom'),
      descriptor: ours,
      existing: theirs.digest,
      reason: 'it is a different SBOM than the one at the source',
    },
  ]);
  await target.close();
});

test('what is no list of signatures at the target stays as well', async () => {
  const target = await kinds.registry();
  await sign(source, 'sig', ['upstream']);
  const index = packIndex({ manifests: [] });
  await target.push(index.descriptor, inPieces(index.bytes, 100));
  await target.tag(index.descriptor, tagOf('sig'));
  const report = await copy(source, target, [subject], { cosignTags: true, keepGoing: true });
  expect((await target.resolve(tagOf('sig')))?.digest).toBe(index.descriptor.digest);
  expect(report.conflicts).toMatchObject([
    { tag: tagOf('sig'), reason: expect.stringContaining('of a different kind') },
  ]);
  await target.close();
});

test('lists of referrers under a fallback tag are merged', async () => {
  const target = await kinds.layout();
  const tag = subject.digest.replace(':', '-');
  const ours = await pushArtifact(source, 'ours', { subject });
  await pushArtifact(target, 'subject');
  const theirs = await pushArtifact(target, 'theirs', { subject });
  for (const [place, entry] of [
    [source, ours],
    [target, theirs],
  ] as const) {
    const { descriptor, bytes } = packIndex({ manifests: [entry] });
    await place.push(descriptor, inPieces(bytes, 100));
    await place.tag(descriptor, tag);
  }
  const list = (await source.resolve(tag)) as Descriptor;
  const report = await copy(source, target, [list], { tags: [{ tag, descriptor: list }], keepGoing: true });
  expect(report.tagged).toMatchObject([{ tag, isMerged: true }]);
  const merged = readJson(await fetchBytes(target, (await target.resolve(tag)) as Descriptor)) as {
    manifests: Descriptor[];
  };
  expect(merged.manifests.map(({ digest }) => digest).sort()).toEqual([ours.digest, theirs.digest].sort());
  expect(await listAll(target.referrers(subject.digest))).toHaveLength(2);
  await target.close();
});
