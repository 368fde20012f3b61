import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, packManifest, parseReference, type Repository } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { type CopyProgress, copy, openRepository } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, pushBytes, readAll } from '../content.ts';
import { RegistryDouble, sendError } from '../registry-double.ts';

let root: string;
let source: Layout;
let double: RegistryDouble;
let target: Repository;

beforeEach(async () => {
  root = await makeTempDir();
  source = await openLayout(join(root, 'source'), { create: true });
  double = await RegistryDouble.start();
  target = await open('team/app');
});

afterEach(async () => {
  await source.close();
  await target.close();
  await double.close();
});

function open(repository: string): Promise<Repository> {
  return openRepository(parseReference(`${double.host}/${repository}`), { env: {}, retry: { attempts: 1 } });
}

function writes(): string[] {
  return double.seen
    .filter(({ method }) => !['GET', 'HEAD'].includes(method))
    .map(({ method, path }) => `${method} ${path}`);
}

/** An artifact of several layers, one of them larger than what is sent from memory. */
async function pushLayers(repository: Repository): Promise<Descriptor> {
  const layers = [noise(3_000_000), noise(1000, 'b'), noise(1, 'c')];
  const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const packed = packManifest({
    artifactType: 'application/vnd.example',
    config,
    layers: await Promise.all(layers.map((bytes) => pushBytes(repository, bytes))),
  });
  await repository.push(packed.descriptor, inPieces(packed.bytes, 100));
  return packed.descriptor;
}

test('copy: layout to registry to layout keeps every byte', async () => {
  const manifest = await pushLayers(source);
  const report = await copy(source, target, [manifest], { tags: [{ tag: 'v1', descriptor: manifest }] });
  expect(report.bytesSent).toBe(3_000_000 + 1000 + 1 + 2 + manifest.size);
  expect([...report.outcomes.values()]).toEqual(Array(5).fill('uploaded'));
  const back = await openLayout(join(root, 'back'), { create: true });
  const found = await target.resolve('v1');
  expect(found?.digest).toBe(manifest.digest);
  await copy(target, back, [manifest], { tags: [{ tag: 'v1', descriptor: manifest }] });
  const reread = await openLayout(join(root, 'back'));
  expect((await reread.resolve('v1'))?.digest).toBe(manifest.digest);
  const bytes = await readAll(await reread.fetch(describe(noise(3_000_000))));
  expect(Buffer.compare(bytes, noise(3_000_000))).toBe(0);
  await back.close();
});

test('copy: blobs, then manifests, then referrers, then tags', async () => {
  const manifest = await pushLayers(source);
  await pushArtifact(source, 'signature', { subject: manifest });
  await copy(source, target, [manifest], { referrers: true, tags: [{ tag: 'v1', descriptor: manifest }] });
  const puts = writes().filter((line) => line.startsWith('PUT'));
  const kinds = puts.map((line) => (line.includes('/blobs/') ? 'blob' : line.endsWith('/v1') ? 'tag' : 'manifest'));
  expect(kinds).toEqual(['blob', 'blob', 'blob', 'blob', 'manifest', 'blob', 'manifest', 'tag']);
  expect(puts[4]).toContain(manifest.digest);
});

test('copy: a second one writes nothing', async () => {
  const manifest = await pushLayers(source);
  const options = { tags: [{ tag: 'v1', descriptor: manifest }] };
  await copy(source, target, [manifest], options);
  const before = writes().length;
  const report = await copy(source, target, [manifest], options);
  expect(writes().length).toBe(before);
  expect(report.bytesSent).toBe(0);
  expect(report.tagged).toEqual([]);
  expect(new Set(report.outcomes.values())).toEqual(new Set(['present']));
});

test('copy: what is missing below a manifest that is there is sent', async () => {
  const manifest = await pushLayers(source);
  await copy(source, target, [manifest]);
  const lost = describe(noise(1000, 'b'));
  double.blobs.delete(`team/app ${lost.digest}`);
  const report = await copy(source, target, [manifest], { checkAll: true });
  expect(report.outcomes.get(lost.digest)).toBe('uploaded');
  expect(report.bytesSent).toBe(1000);
  expect(await target.exists(lost)).toBe(true);
});

test('copy: an index with its children, shared content once', async () => {
  const children = [await pushArtifact(source, 'same'), await pushArtifact(source, 'same', { artifactType: 'x/y' })];
  const inner = packIndex({ manifests: children });
  await source.push(inner.descriptor, inPieces(inner.bytes, 100));
  const outer = packIndex({ manifests: [inner.descriptor, children[0] as Descriptor] });
  await source.push(outer.descriptor, inPieces(outer.bytes, 100));
  const report = await copy(source, target, [outer.descriptor]);
  expect(report.outcomes.size).toBe(6);
  expect(writes().filter((line) => line.startsWith('PUT') && line.includes('/blobs/'))).toHaveLength(2);
  expect((await target.resolve(outer.descriptor.digest))?.size).toBe(outer.descriptor.size);
});

test('copy: referrers of referrers, and of the children of an index', async () => {
  const child = await pushArtifact(source, 'child');
  const index = packIndex({ manifests: [child] });
  await source.push(index.descriptor, inPieces(index.bytes, 100));
  const onIndex = await pushArtifact(source, 'on index', { subject: index.descriptor });
  const onChild = await pushArtifact(source, 'on child', { subject: child });
  const deep = await pushArtifact(source, 'deep', { subject: onChild });
  const other = await pushArtifact(source, 'of another', { subject: describe(noise(9), child.mediaType) });
  const report = await copy(source, target, [index.descriptor], { referrers: true });
  expect(report.referrers.map(({ descriptor }) => descriptor.digest).sort()).toEqual(
    [onIndex, onChild, deep].map(({ digest }) => digest).sort(),
  );
  expect((await listAll(target.referrers(onChild.digest))).map(({ digest }) => digest)).toEqual([deep.digest]);
  expect(await target.exists(other)).toBe(false);
  const plain = await open('plain');
  await copy(source, plain, [index.descriptor]);
  expect(await listAll(plain.referrers(child.digest))).toEqual([]);
  await plain.close();
});

test('copy: cosign tags come along when asked for', async () => {
  const manifest = await pushArtifact(source, 'signed');
  const hex = manifest.digest.slice('sha256:'.length);
  for (const suffix of ['sig', 'att']) {
    const signature = await pushArtifact(source, suffix);
    await source.tag(signature, `sha256-${hex}.${suffix}`);
  }
  await copy(source, target, [manifest], { tags: [{ tag: 'v1', descriptor: manifest }] });
  expect(await listAll(target.tags())).toEqual(['v1']);
  await copy(source, target, [manifest], { cosignTags: true });
  expect(await listAll(target.tags())).toEqual([`sha256-${hex}.att`, `sha256-${hex}.sig`, 'v1']);
});

test('copy: a damaged source is named, and no tag moves', async () => {
  const manifest = await pushLayers(source);
  const layer = describe(noise(3_000_000));
  await writeFile(join(root, 'source/blobs/sha256', layer.digest.slice(7)), noise(3_000_000, 'damaged'));
  const options = { tags: [{ tag: 'v1', descriptor: manifest }] };
  await expect(copy(source, target, [manifest], options)).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
    details: { side: 'source', digest: layer.digest },
  });
  expect(double.tags.size).toBe(0);
  expect(double.manifests.size).toBe(0);
  expect(await target.exists(layer)).toBe(false);
});

test('copy: a layer that the source lacks is named', async () => {
  const manifest = await pushLayers(source);
  const layer = describe(noise(1000, 'b'));
  await source.delete(layer);
  await expect(copy(source, target, [manifest])).rejects.toMatchObject({
    code: 'ERR_EXPORT_NOT_FOUND',
    details: { side: 'source', digest: layer.digest },
  });
});

test('copy: a target that refuses is named', async () => {
  const manifest = await pushLayers(source);
  double.fault = (request, response) => {
    if (request.method !== 'POST') return false;
    sendError(response, 403, 'DENIED', 'not yours');
    return true;
  };
  await expect(copy(source, target, [manifest])).rejects.toMatchObject({
    code: 'ERR_EXPORT_FORBIDDEN',
    message: expect.stringContaining('not yours'),
    details: { side: 'target', registryCode: 'DENIED' },
  });
});

test('copy: within one registry blobs are mounted', async () => {
  const from = await open('from');
  const manifest = await pushLayers(from);
  const before = writes().filter((line) => line.startsWith('PUT')).length;
  const report = await copy(from, target, [manifest]);
  expect(report.bytesSent).toBe(manifest.size);
  expect([...report.outcomes.values()].filter((outcome) => outcome === 'mounted')).toHaveLength(4);
  expect(writes().filter((line) => line.startsWith('PUT'))).toHaveLength(before + 1);
  await from.close();
});

test('copy: layers that may not be distributed stay out and are listed', async () => {
  const foreign = {
    ...describe(noise(10)),
    mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    urls: ['https://example.com/layer'],
  };
  const config = await pushBytes(source, Buffer.from('{}'));
  const packed = packManifest({ config, layers: [foreign] });
  await source.push(packed.descriptor, inPieces(packed.bytes, 100));
  const back = await openLayout(join(root, 'back'), { create: true });
  const report = await copy(source, back, [packed.descriptor]);
  expect(report.excluded.map(({ descriptor }) => descriptor.digest)).toEqual([foreign.digest]);
  await back.close();
});

test('copy: referrers that are none are left out and listed', async () => {
  const from = await open('from');
  const manifest = await pushArtifact(from, 'subject');
  const unrelated = await pushArtifact(from, 'unrelated');
  double.fault = (_, response, path) => {
    if (!path.includes(`/from/referrers/${manifest.digest}`)) return false;
    const body = JSON.stringify({ schemaVersion: 2, manifests: [{ ...unrelated, artifactType: 'x/lie' }] });
    response.setHeader('content-type', 'application/vnd.oci.image.index.v1+json');
    response.end(body);
    return true;
  };
  const report = await copy(from, target, [manifest], { referrers: true });
  expect(report.excluded.map(({ descriptor }) => descriptor.digest)).toEqual([unrelated.digest]);
  expect(await target.exists(unrelated)).toBe(false);
  await from.close();
});

test('copy: inline content needs no blob at the source', async () => {
  const text = Buffer.from('inline');
  const layer = { ...describe(text, 'text/plain'), data: text.toString('base64') };
  const config = await pushBytes(source, Buffer.from('{}'));
  const packed = packManifest({ config, layers: [layer] });
  await source.push(packed.descriptor, inPieces(packed.bytes, 100));
  await copy(source, target, [packed.descriptor]);
  expect(Buffer.from(await readAll(await target.fetch(layer))).toString()).toBe('inline');

  const lying = packManifest({ config, layers: [{ ...layer, data: Buffer.from('inlinx').toString('base64') }] });
  await source.push(lying.descriptor, inPieces(lying.bytes, 100));
  await expect(copy(source, target, [lying.descriptor])).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
});

test('copy: never more transfers at a time than told', async () => {
  const layers = await Promise.all(Array.from({ length: 20 }, (_, i) => pushBytes(source, noise(100, String(i)))));
  const config = await pushBytes(source, Buffer.from('{}'));
  const packed = packManifest({ config, layers });
  await source.push(packed.descriptor, inPieces(packed.bytes, 1000));
  let now = 0;
  let most = 0;
  const counted: Repository = Object.assign(Object.create(target) as Repository, {
    exists: (...args: Parameters<Repository['exists']>) => target.exists(...args),
    push: async (...args: Parameters<Repository['push']>) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      return target.push(...args).finally(() => now--);
    },
  });
  await copy(source, counted, [packed.descriptor], { concurrency: 3 });
  expect(most).toBe(3);
});

test('copy: stops when told, with the reason, and no tag moves', async () => {
  const manifest = await pushLayers(source);
  const controller = new AbortController();
  const copying = copy(source, target, [manifest], {
    signal: controller.signal,
    tags: [{ tag: 'v1', descriptor: manifest }],
    onProgress: () => controller.abort(new Error('stopped by hand')),
  });
  await expect(copying).rejects.toThrow('stopped by hand');
  expect(double.tags.size).toBe(0);
  await copy(source, target, [manifest], { tags: [{ tag: 'v1', descriptor: manifest }] });
  expect((await target.resolve('v1'))?.digest).toBe(manifest.digest);
});

test('copy: progress adds up', async () => {
  const manifest = await pushLayers(source);
  const seen: CopyProgress[] = [];
  let sent = 0;
  await copy(source, target, [manifest], {
    concurrency: 3,
    onProgress: (bytes, progress) => {
      sent += bytes;
      seen.push(progress);
    },
  });
  const total = 3_001_003 + manifest.size;
  expect(sent).toBe(total);
  expect(seen.at(-1)).toEqual({ knownBytes: total, completedBytes: total, movingBytes: 0, underWay: 0 });
  const reached = seen.map(({ completedBytes, movingBytes }) => completedBytes + movingBytes);
  expect(reached).toEqual([...reached].sort((one, other) => one - other));
  // Large contents are seen on their way, not only at their end.
  expect(Math.max(...seen.map(({ movingBytes }) => movingBytes))).toBeGreaterThan(500_000);
  expect(Math.max(...seen.map(({ underWay }) => underWay))).toBeLessThanOrEqual(3);
});

test('copy: nesting without end is given up', async () => {
  let inner = (await pushArtifact(source, 'bottom')) as Descriptor;
  for (let i = 0; i < 20; i++) {
    const packed = packIndex({ manifests: [inner] });
    await source.push(packed.descriptor, inPieces(packed.bytes, 1000));
    inner = packed.descriptor;
  }
  await expect(copy(source, target, [inner])).rejects.toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE' });
});
