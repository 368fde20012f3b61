import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, packManifest, parseReference, type Repository } from '#oci/image';
import { checkLayout, openLayout } from '#oci/layout';
import { copy, openRepository, verifyContents, verifyCopy } from '#oci/transfer';
import { startServer } from '#server';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise } from '../content.ts';
import { RegistryDouble } from '../registry-double.ts';

let root: string;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  root = await makeTempDir();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function put(repository: Repository, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const descriptor = describe(bytes, mediaType, 'sha512');
  await repository.push(descriptor, inPieces(bytes, 100_000));
  return descriptor;
}

/** An index of one artifact that a referrer signs, all named by SHA-512. */
async function pushTree(repository: Repository): Promise<{ index: Descriptor; signature: Descriptor }> {
  const config = await put(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layers = [await put(repository, noise(2_000_000), 'x/large'), await put(repository, noise(100), 'x/small')];
  const { descriptor, bytes } = packManifest({ artifactType: 'x/y', config, layers });
  const manifest = await put(repository, bytes, descriptor.mediaType);
  const packed = packIndex({ manifests: [manifest] });
  const index = await put(repository, packed.bytes, packed.descriptor.mediaType);
  const signed = packManifest({ artifactType: 'x/sig', config, layers: [config], subject: index });
  const signature = await put(repository, signed.bytes, signed.descriptor.mediaType);
  await repository.tag(index, 'v1');
  return { index, signature };
}

const places: [string, boolean, () => Promise<Repository>][] = [
  ['a registry that lists referrers', false, () => openDouble(true)],
  ['a registry that does not', false, () => openDouble(false)],
  ['our server', true, openServer],
  ['a layout', true, () => openFolder(`layout${ends.length}`)],
];

async function openDouble(referrers: boolean): Promise<Repository> {
  const double = await RegistryDouble.start({ referrers });
  ends.push(() => double.close());
  return openAt(double.host);
}

async function openServer(): Promise<Repository> {
  const server = await startServer({ dataDir: join(root, `data${ends.length}`), port: 0 });
  ends.push(() => server.close(0));
  return openAt(server.address);
}

async function openAt(host: string): Promise<Repository> {
  const repository = await openRepository(parseReference(`${host}/a`), { env: {} });
  ends.push(() => repository.close());
  return repository;
}

async function openFolder(name: string): Promise<Repository> {
  const layout = await openLayout(join(root, name), { create: true });
  ends.push(() => layout.close());
  return layout;
}

test.each(places)('all that SHA-512 names goes to %s and back', async (_, tagsAny, open) => {
  const source = await openFolder('source');
  const { index, signature } = await pushTree(source);
  const tags = [{ tag: 'v1', descriptor: index }];
  const there = await open();
  const report = await copy(source, there, [index], { referrers: true, tags });
  expect([...report.outcomes.keys()].filter((digest) => !digest.startsWith('sha512:'))).toEqual([]);
  expect(report.outcomes.size).toBe(6);
  // A registry of today calls what is tagged by its SHA-256, and the report says so.
  expect(await verifyCopy(there, report)).toMatchObject(tagsAny ? [] : [{ tag: 'v1', descriptor: index }]);
  expect(await verifyContents(there, report.completed)).toEqual([]);
  const back = await openFolder('back');
  await copy(there, back, [index], { referrers: true, tags });
  expect((await listAll(back.referrers(index.digest))).map(({ digest }) => digest)).toEqual([signature.digest]);
  await back.close();
  expect(await listAll(checkLayout(join(root, 'back')))).toEqual([]);
  const again = await copy(source, there, [index], { referrers: true, tags, checkAll: true });
  expect(again.bytesSent).toBe(0);
});
