import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, parseReference, type Repository } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { type CopyOptions, copy, listRoots, openRepository, verifyContents, verifyCopy } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, pushArtifact } from '../content.ts';
import { RegistryDouble, sendError } from '../registry-double.ts';

let root: string;
let source: Layout;
let double: RegistryDouble;
let target: Repository;

beforeEach(async () => {
  root = await makeTempDir();
  source = await openLayout(join(root, 'source'), { create: true });
  double = await RegistryDouble.start();
  target = await openRepository(parseReference(`${double.host}/team/app`), { env: {}, retry: { attempts: 1 } });
});

afterEach(async () => {
  await source.close();
  await target.close();
  await double.close();
});

const everything = (tags: CopyOptions['tags']): CopyOptions => ({ referrers: true, keepGoing: true, tags });
const digests = (list: readonly { descriptor?: Descriptor | undefined }[]) =>
  list.map(({ descriptor }) => descriptor?.digest);

test('copy: what is missing at the source is listed, the rest is copied, and only whole artifacts get their tags', async () => {
  const broken = await pushArtifact(source, 'broken');
  const whole = await pushArtifact(source, 'whole');
  const index = packIndex({ manifests: [broken, whole] });
  await source.push(index.descriptor, inPieces(index.bytes, 100));
  const onBroken = await pushArtifact(source, 'signature', { subject: broken });
  const lost = describe(Buffer.from('broken'), 'text/plain');
  await source.delete(lost);
  const tags = [
    { tag: 'broken', descriptor: broken },
    { tag: 'both', descriptor: index.descriptor },
    { tag: 'whole', descriptor: whole },
  ];
  const report = await copy(source, target, digestsOnce(tags), everything(tags));
  expect(report.missing).toEqual([
    expect.objectContaining({ descriptor: lost, namedBy: broken.digest, code: 'ERR_EXPORT_NOT_FOUND', mayPass: false }),
  ]);
  expect(report.refused).toEqual([]);
  expect(report.incomplete.map(({ descriptor, tag, lacks }) => [descriptor.digest, tag, lacks])).toEqual([
    [broken.digest, undefined, lost.digest],
    [index.descriptor.digest, undefined, lost.digest],
    [broken.digest, 'broken', lost.digest],
    [index.descriptor.digest, 'both', lost.digest],
  ]);
  expect(await listAll(target.tags())).toEqual(['whole']);
  expect(await target.exists(broken)).toBe(false);
  expect(await target.exists(onBroken)).toBe(true);
  expect(await verifyCopy(target, report)).toEqual([]);
});

function digestsOnce(tags: readonly { descriptor: Descriptor }[]): Descriptor[] {
  return tags.map(({ descriptor }) => descriptor);
}

test('copy: what is damaged at the source counts as missing there, with its own code', async () => {
  const artifact = await pushArtifact(source, 'intact');
  const layer = describe(Buffer.from('intact'), 'text/plain');
  await writeFile(join(root, 'source/blobs/sha256', layer.digest.slice(7)), 'INTACT');
  const report = await copy(source, target, [artifact], everything([{ tag: 'v1', descriptor: artifact }]));
  expect(report.missing).toMatchObject([{ descriptor: layer, code: 'ERR_EXPORT_DIGEST_MISMATCH' }]);
  expect(await listAll(target.tags())).toEqual([]);
  expect(await target.exists(layer)).toBe(false);
});

test('copy: what the target refuses is listed in its own words, and the rest is copied', async () => {
  const subject = await pushArtifact(source, 'subject');
  const referrer = await pushArtifact(source, 'referrer', { subject });
  double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith(referrer.digest)) return false;
    sendError(response, 405, 'UNSUPPORTED', 'no referrers here');
    return true;
  };
  const report = await copy(source, target, [subject], everything([{ tag: 'v1', descriptor: subject }]));
  expect(report.refused).toMatchObject([
    { descriptor: { digest: referrer.digest }, code: 'ERR_EXPORT_REGISTRY_REFUSED', mayPass: false },
  ]);
  expect(report.refused[0]?.message).toContain('UNSUPPORTED: no referrers here');
  expect([report.missing, report.incomplete]).toEqual([[], []]);
  expect((await target.resolve('v1'))?.digest).toBe(subject.digest);
});

test('copy: a refused tag is listed with its name', async () => {
  const artifact = await pushArtifact(source, 'artifact');
  double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith('/manifests/locked')) return false;
    sendError(response, 409, 'DENIED', 'this tag is immutable');
    return true;
  };
  const tags = ['locked', 'open'].map((tag) => ({ tag, descriptor: artifact }));
  const report = await copy(source, target, [artifact], everything(tags));
  expect(report.refused).toMatchObject([{ tag: 'locked', code: 'ERR_EXPORT_REGISTRY_REFUSED' }]);
  expect(report.tags.map(({ tag }) => tag)).toEqual(['open']);
});

test('copy: a login that is not enough ends the copy, whatever else there is', async () => {
  const artifact = await pushArtifact(source, 'artifact');
  double.fault = (request, response) => {
    if (request.method !== 'POST') return false;
    sendError(response, 403, 'DENIED', 'not yours');
    return true;
  };
  await expect(copy(source, target, [artifact], everything([]))).rejects.toMatchObject({
    code: 'ERR_EXPORT_FORBIDDEN',
  });
});

test('verifyCopy: tags that moved and referrers that are not listed are found', async () => {
  const subject = await pushArtifact(source, 'subject');
  const referrer = await pushArtifact(source, 'referrer', { subject });
  const report = await copy(source, target, [subject], everything([{ tag: 'v1', descriptor: subject }]));
  expect(await verifyCopy(target, report)).toEqual([]);
  double.tags.set('team/app v1', referrer.digest);
  double.fault = (request, response, path) => {
    if (!path.includes('/referrers/')) return false;
    response.setHeader('content-type', 'application/vnd.oci.image.index.v1+json');
    response.end('{"schemaVersion":2,"manifests":[]}');
    return request.method === 'GET';
  };
  const lost = await verifyCopy(target, report);
  expect(lost).toMatchObject([
    { tag: 'v1', descriptor: { digest: subject.digest }, mayPass: true },
    { namedBy: subject.digest, descriptor: { digest: referrer.digest }, mayPass: true },
  ]);
});

test('verifyContents: reads all back and names what is damaged or gone', async () => {
  const artifact = await pushArtifact(source, 'layer');
  const report = await copy(source, target, [artifact], everything([]));
  const again = await openRepository(parseReference(`${double.host}/team/app`), { env: {}, retry: { attempts: 1 } });
  let read = 0;
  expect(await verifyContents(again, report.completed, { onBytes: (bytes) => (read += bytes) })).toEqual([]);
  expect(read).toBe(report.completed.reduce((sum, { size }) => sum + size, 0));
  const layer = describe(Buffer.from('layer'), 'text/plain');
  double.blobs.set(`team/app ${layer.digest}`, Buffer.from('LAYER'));
  double.blobs.delete(`team/app ${describe(Buffer.from('{}')).digest}`);
  const found = await verifyContents(again, report.completed);
  expect(found.map(({ code }) => code).sort()).toEqual(['ERR_EXPORT_DIGEST_MISMATCH', 'ERR_EXPORT_NOT_FOUND']);
  expect(digests(found)).toContain(layer.digest);
  await again.close();
});

test('listRoots: tags, manifests without one, and tags that lead nowhere', async () => {
  const [tagged, untagged] = [await pushArtifact(source, 'tagged'), await pushArtifact(source, 'untagged')];
  await source.tag(tagged, 'v1');
  const roots = await listRoots(source);
  expect(roots.tags.map(({ tag, descriptor }) => [tag, descriptor.digest])).toEqual([['v1', tagged.digest]]);
  expect(roots.untagged.map(({ digest }) => digest)).toEqual([untagged.digest]);
  await copy(source, target, [tagged], { tags: [{ tag: 'v1', descriptor: tagged }] });
  double.tags.set('team/app ghost', `sha256:${'a'.repeat(64)}`);
  expect((await listRoots(target)).missing).toMatchObject([{ tag: 'ghost', code: 'ERR_EXPORT_NOT_FOUND' }]);
});

test('copy: a list of referrers at the target that has more is not replaced by the one of the source', async () => {
  const subject = await pushArtifact(source, 'subject');
  const ours = await pushArtifact(source, 'ours', { subject });
  const theirs = await pushArtifact(source, 'theirs', { subject });
  const tag = subject.digest.replace(':', '-');
  const lists = [packIndex({ manifests: [ours] }), packIndex({ manifests: [ours, theirs] })];
  for (const { descriptor, bytes } of lists) await source.push(descriptor, inPieces(bytes, 100));
  const [small, large] = lists.map(({ descriptor }) => ({ tag, descriptor })) as [CopyTagOf, CopyTagOf];
  await copy(source, target, [small.descriptor], everything([small]));
  expect((await copy(source, target, [large.descriptor], everything([large]))).tags).toEqual([large]);
  const report = await copy(source, target, [small.descriptor], everything([small]));
  expect((await target.resolve(tag))?.digest).toBe(large.descriptor.digest);
  expect(report).toMatchObject({ tags: [large], tagged: [], conflicts: [] });
});

type CopyTagOf = NonNullable<CopyOptions['tags']>[number];
