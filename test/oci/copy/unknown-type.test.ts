import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, parseReference } from '#oci/image';
import { openLayout } from '#oci/layout';
import { type CopyReport, copy, openRepository, verifyContents } from '#oci/transfer';
import { startServer } from '#server';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, pushArtifact, pushBytes } from '../content.ts';
import { RegistryDouble, sendError } from '../registry-double.ts';

const TYPE = 'application/vnd.example.unheard-of.manifest.v7+json';
const manifest = Buffer.from(JSON.stringify({ mediaType: TYPE, what: 'nobody knows' }));
const unknownType = describe(manifest, TYPE);
const cache = Buffer.from(JSON.stringify({ mediaType: 'x/y', what: 'a build cache, which is a blob' }));
const blob = describe(cache, 'application/vnd.example.cache+json');
const bundle = Buffer.from(JSON.stringify({ mediaType: 'application/vnd.example.bundle+json' }));

let root: string;
let source: RegistryDouble;
let target: RegistryDouble;
let index: Descriptor;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  root = await makeTempDir();
  [source, target] = [await RegistryDouble.start(), await RegistryDouble.start()];
  ends.push(
    () => source.close(),
    () => target.close(),
  );
  const repository = await open(source.host);
  source.manifests.set(`a ${unknownType.digest}`, { bytes: manifest, type: TYPE });
  await pushBytes(repository, cache, blob.mediaType);
  // Among the layers of an artifact, what calls itself by its type is a blob all the same.
  await pushBytes(repository, bundle, 'application/vnd.example.bundle+json');
  const { descriptor, bytes } = packIndex({
    manifests: [unknownType, blob, await pushArtifact(repository, bundle.toString())],
  });
  await repository.push(descriptor, inPieces(bytes, 1000));
  index = descriptor;
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function open(host: string) {
  const repository = await openRepository(parseReference(`${host}/a`), { env: {}, retry: { attempts: 1 } });
  ends.push(() => repository.close());
  return repository;
}

async function copyTo(host: string): Promise<CopyReport> {
  const tags = [{ tag: 'v1', descriptor: index }];
  const report = await copy(await open(source.host), await open(host), [index], { tags });
  expect(await verifyContents(await open(host), report.completed)).toEqual([]);
  expect((await (await open(host)).resolve('v1'))?.digest).toBe(index.digest);
  return report;
}

test('a manifest of a type that nobody knows is one at the target too, and a blob stays a blob', async () => {
  const report = await copyTo(target.host);
  expect(target.manifests.get(`a ${unknownType.digest}`)).toEqual({ bytes: manifest, type: TYPE });
  expect(target.blobs.has(`a ${unknownType.digest}`)).toBe(false);
  expect(target.blobs.get(`a ${blob.digest}`)?.equals(cache)).toBe(true);
  expect(report.excluded).toEqual([]);
  expect(report.outcomes.get(unknownType.digest)).toBe('uploaded');
  expect((await copyTo(target.host)).bytesSent).toBe(0);
});

test('a target that refuses such a manifest gets its bytes as a blob, and the report says that it refused', async () => {
  target.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith(`/manifests/${unknownType.digest}`)) return false;
    request.resume();
    sendError(response, 400, 'MANIFEST_INVALID');
    return true;
  };
  const report = await copyTo(target.host);
  expect(target.blobs.get(`a ${unknownType.digest}`)?.equals(manifest)).toBe(true);
  expect(report.refused).toMatchObject([
    { descriptor: unknownType, code: 'ERR_EXPORT_REGISTRY_REFUSED', message: expect.stringContaining('as a blob') },
  ]);
});

test('our server accepts it and returns it unchanged', async () => {
  const server = await startServer({ dataDir: join(root, 'data'), port: 0 });
  ends.push(() => server.close(0));
  await copyTo(server.address);
  await copy(await open(server.address), await open(target.host), [index]);
  expect(target.blobs.get(`a ${unknownType.digest}`)?.equals(manifest)).toBe(true);
});

test('through a layout and back it is a manifest again', async () => {
  const layout = await openLayout(join(root, 'layout'), { create: true });
  ends.push(() => layout.close());
  await copy(await open(source.host), layout, [index], { tags: [{ tag: 'v1', descriptor: index }] });
  await copy(layout, await open(target.host), [index]);
  expect(target.manifests.get(`a ${unknownType.digest}`)).toEqual({ bytes: manifest, type: TYPE });
  expect(target.blobs.has(`a ${blob.digest}`)).toBe(true);
  expect(target.blobs.has(`a ${describe(bundle).digest}`)).toBe(true);
});

test('one that is not there, or is another, is named', async () => {
  source.manifests.set(`a ${unknownType.digest}`, { bytes: Buffer.from('{}'.padEnd(unknownType.size)), type: TYPE });
  const [from, to] = [await open(source.host), await open(target.host)];
  await expect(copy(from, to, [index])).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
    details: { side: 'source', digest: unknownType.digest },
  });
  source.manifests.delete(`a ${unknownType.digest}`);
  await expect(copy(from, to, [index])).rejects.toMatchObject({
    code: 'ERR_EXPORT_NOT_FOUND',
    details: { side: 'source', digest: unknownType.digest },
  });
});
