import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { beforeEach, expect, describe as group, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, packManifest, parseReference, type Repository } from '#oci/image';
import { checkLayout, openLayout } from '#oci/layout';
import { copy, openRepository, pullFiles } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, pushBytes } from '../content.ts';
import { RegistryDouble, send } from '../registry-double.ts';
import { useFaulty, writeEndlessly } from './faulty.ts';

const faulty = useFaulty();
let root: string;
beforeEach(async () => {
  root = await makeTempDir();
});

/** How a registry gives `bytes` away. */
type Give = (response: ServerResponse, bytes: Buffer, type: string) => unknown;

const damaged = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, -1), Buffer.from([~(bytes.at(-1) ?? 0)])]);
const withHeaders =
  (headers: Record<string, string>): Give =>
  (response, bytes) =>
    send(response, 200, headers, bytes);

const LIES: [string, Give, RegExp][] = [
  ['a wrong byte', (response, bytes, type) => send(response, 200, { 'content-type': type }, damaged(bytes)), /DIGEST/],
  ['a byte more', (response, bytes) => send(response, 200, {}, Buffer.concat([bytes, bytes.subarray(0, 1)])), /SIZE/],
  ['a byte less', (response, bytes) => send(response, 200, {}, bytes.subarray(1)), /SIZE/],
  [
    'a byte less and no length',
    (response, bytes) => {
      response.writeHead(200);
      response.end(bytes.subarray(0, -1));
    },
    /SIZE/,
  ],
  ['nothing', (response) => send(response, 200, {}, ''), /SIZE/],
  [
    'no end',
    (response) => {
      response.writeHead(200);
      return writeEndlessly(response, 20_000_000);
    },
    /SIZE/,
  ],
  [
    'a cut before the end',
    (response, bytes) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, -1), () => response.destroy());
    },
    /NETWORK/,
  ],
  [
    'silence before the end',
    (response, bytes) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, -1));
    },
    /NETWORK/,
  ],
  [
    'a part that nobody asked for',
    (response, bytes) => {
      const range = `bytes 0-${bytes.length - 1}/${bytes.length}`;
      return send(response, 206, { 'content-range': range }, bytes);
    },
    /PROTOCOL/,
  ],
  ['204', (response) => send(response, 204, {}), /PROTOCOL/],
];

/** An index of one artifact, at the double as repository `a`. */
async function pushTree(): Promise<{ index: Descriptor; manifest: Descriptor; layers: Descriptor[] }> {
  const repository = await faulty.open();
  const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layers: Descriptor[] = [];
  for (const size of [1_100_000, 1000]) {
    const layer = await pushBytes(repository, noise(size));
    layers.push({ ...layer, annotations: { 'org.opencontainers.image.title': `file${size}` } });
  }
  const manifest = packManifest({ artifactType: 'x/y', config, layers });
  await repository.push(manifest.descriptor, inPieces(manifest.bytes, 1000));
  const index = packIndex({ manifests: [manifest.descriptor] });
  await repository.push(index.descriptor, inPieces(index.bytes, 1000));
  return { index: index.descriptor, manifest: manifest.descriptor, layers };
}

/** Gives one content away as `give` does, whoever asks for it. */
function lieAbout({ digest }: Descriptor, give: Give): void {
  const { double } = faulty;
  const blob = double.blobs.get(`a ${digest}`);
  const { bytes = blob ?? Buffer.alloc(0), type = 'application/octet-stream' } =
    double.manifests.get(`a ${digest}`) ?? {};
  faulty.misbehave('GET', new RegExp(digest), (response) => give(response, bytes, type));
}

/** Waits a second for what may never come, longer than a busy machine keeps a double from answering. */
const impatient = { idleTimeoutMs: 1000, retry: { attempts: 2, firstMs: 1 } };

group.each(['a large layer', 'a small layer', 'a manifest', 'an index'])('%s is given away with', (what) => {
  const victimOf = (tree: Awaited<ReturnType<typeof pushTree>>): Descriptor => {
    const [large, small] = tree.layers as [Descriptor, Descriptor];
    const all = { 'a large layer': large, 'a small layer': small, 'a manifest': tree.manifest, 'an index': tree.index };
    return all[what as keyof typeof all];
  };

  // Silence takes its time, and how long a content is makes no difference to it.
  const lies = LIES.filter(([lie]) => !lie.startsWith('silence') || ['a large layer', 'a manifest'].includes(what));

  test.each(lies)('%s: a copy to a registry fails, and nothing of it is visible', async (_, give, code) => {
    const tree = await pushTree();
    const victim = victimOf(tree);
    lieAbout(victim, give);
    const target = await RegistryDouble.start();
    const writer = await openAt(target);
    const tags = [{ tag: 'v1', descriptor: tree.index }];
    const copying = copy(await faulty.open(impatient), writer, [tree.index], { tags });
    await expect(copying).rejects.toMatchObject({
      code: expect.stringMatching(code),
      details: { side: 'source', digest: victim.digest },
    });
    expect(target.tags.size).toBe(0);
    expect(target.manifests.has(`t ${tree.index.digest}`)).toBe(false);
    expect([...target.blobs.keys(), ...target.manifests.keys()]).not.toContain(`t ${victim.digest}`);
    for (const [key, bytes] of target.blobs) expect(key).toBe(`t ${describe(bytes).digest}`);
    // The same copy goes through when the registry has come to its senses.
    faulty.double.fault = undefined;
    await copy(await faulty.open(), writer, [tree.index], { tags });
    expect(target.tags.get('t v1')).toBe(tree.index.digest);
    await writer.close();
    await target.close();
  });

  test.each(lies)('%s: a copy to a layout fails, and nothing of it is visible', async (_, give, code) => {
    const tree = await pushTree();
    const victim = victimOf(tree);
    lieAbout(victim, give);
    const path = join(root, 'layout');
    const layout = await openLayout(path, { create: true });
    await layout.tag(await pushArtifact(layout, 'older'), 'v1');
    const older = await layout.resolve('v1');
    const tags = [{ tag: 'v1', descriptor: tree.index }];
    const copying = copy(await faulty.open(impatient), layout, [tree.index], { tags });
    await expect(copying).rejects.toMatchObject({ code: expect.stringMatching(code) });
    await layout.close();
    const findings = await listAll(checkLayout(path));
    expect(findings.filter(({ kind }) => kind === 'damaged' || kind === 'missing')).toEqual([]);
    expect(await readdir(join(path, 'blobs/sha256')).catch(() => [])).not.toContain(victim.digest.slice(7));
    faulty.double.fault = undefined;
    const again = await openLayout(path);
    expect(await again.resolve('v1')).toEqual(older);
    await copy(await faulty.open(), again, [tree.index], { tags });
    expect((await again.resolve('v1'))?.digest).toBe(tree.index.digest);
    await again.close();
  });
});

test.each(LIES)('a pull of %s leaves no file of that name, and the next pull is right', async (_, give, code) => {
  const { layers } = await pushTree();
  lieAbout(layers[0] as Descriptor, give);
  const pulling = pullFiles(await faulty.open(impatient), layers, root);
  await expect(pulling).rejects.toMatchObject({ code: expect.stringMatching(code) });
  expect((await readdir(root)).filter((name) => !name.endsWith('.partial'))).toEqual([]);
  faulty.double.fault = undefined;
  // What was fetched before a break is gone on from; if that turns out to be wrong, it is thrown away once.
  await pullFiles(await faulty.open(), layers, root).catch(() => undefined);
  await pullFiles(await faulty.open(), layers, root);
  expect((await readdir(root)).sort()).toEqual(['file1000', 'file1100000']);
});

/** A pull that was killed when so much of the large file had been fetched. */
async function leavePartial(layer: Descriptor, sizeBytes: number): Promise<void> {
  await writeFile(join(root, `.${layer.digest.slice(7)}.partial`), noise(layer.size).subarray(0, sizeBytes));
}

test('a pull that goes on at a registry without ranges is right, and reads to the end only', async () => {
  const [large, small] = (await pushTree()).layers as [Descriptor, Descriptor];
  await leavePartial(large, 700_000);
  lieAbout(large, (response, bytes) => send(response, 200, {}, bytes));
  const pulled = await pullFiles(await faulty.open(), [large, small], root);
  expect(pulled.map(({ state }) => state)).toEqual(['resumed', 'fetched']);
  expect(describe(await readFile(join(root, 'file1100000'))).digest).toBe(large.digest);
});

test.each([
  ['another beginning', 'bytes 0-1099999/1100000'],
  ['another end', 'bytes 700000-1099998/1100000'],
  ['another whole', 'bytes 700000-1099999/1100001'],
  ['no range', undefined],
  ['nonsense', 'bytes */1100000'],
])('a pull that goes on and gets a part with %s fails, and the next is right', async (_, range) => {
  const [large] = (await pushTree()).layers as [Descriptor];
  await leavePartial(large, 700_000);
  lieAbout(large, (response, bytes) => {
    send(response, 206, range === undefined ? {} : { 'content-range': range }, bytes.subarray(700_000));
  });
  await expect(pullFiles(await faulty.open(impatient), [large], root)).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
  });
  expect((await readdir(root)).filter((name) => !name.endsWith('.partial'))).toEqual([]);
  faulty.double.fault = undefined;
  await pullFiles(await faulty.open(), [large], root);
  expect(describe(await readFile(join(root, 'file1100000'))).digest).toBe(large.digest);
});

test('a part that is as it should be but for its bytes is found out, and thrown away', async () => {
  const [large] = (await pushTree()).layers as [Descriptor];
  await leavePartial(large, 700_000);
  lieAbout(large, (response, bytes) => {
    // Asked for the whole after that, it damages that too.
    const range = `bytes 700000-1099999/${bytes.length}`;
    if (response.req.headers.range === undefined) send(response, 200, {}, damaged(bytes));
    else send(response, 206, { 'content-range': range }, damaged(bytes.subarray(700_000)));
  });
  await expect(pullFiles(await faulty.open(), [large], root)).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
  });
  expect(await readdir(root)).toEqual([]);
});

const OTHER = describe(noise(3)).digest;

test.each<[string, Give]>([
  ['no Content-Type', withHeaders({})],
  ['a Content-Type of something else', withHeaders({ 'content-type': 'text/html; charset=utf-8' })],
  ['another Docker-Content-Digest', withHeaders({ 'docker-content-digest': OTHER })],
  ['a Docker-Content-Digest that is none', withHeaders({ 'docker-content-digest': 'nonsense' })],
  ['one of another algorithm', withHeaders({ 'docker-content-digest': `sha512:${'0'.repeat(128)}` })],
])('content that is right is taken, with %s', async (_, give) => {
  const tree = await pushTree();
  for (const victim of [tree.index, tree.manifest, ...tree.layers]) {
    lieAbout(victim, give);
    const layout = await openLayout(join(root, victim.digest.slice(7, 20)), { create: true });
    await copy(await faulty.open(), layout, [tree.index]);
    expect(await layout.exists(victim)).toBe(true);
    await layout.close();
  }
});

function openAt(double: RegistryDouble): Promise<Repository> {
  return openRepository(parseReference(`${double.host}/t`), { env: {}, retry: { attempts: 2, firstMs: 5 } });
}
