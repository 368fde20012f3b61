import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor } from '#core';
import { packManifest, parseReference, type Repository } from '#oci/image';
import { openLayout, threadBytes } from '#oci/layout';
import { copy, openRepository, pullFiles } from '#oci/transfer';
import { startServer } from '#server';
import { inPieces, noise, pushBytes, readAll } from '../content.ts';
import { useFaulty } from './faulty.ts';

const MiB = 1024 * 1024;
/** Large enough to be hashed and written on another thread. */
const large = Buffer.from(noise(threadBytes + 4321));
const faulty = useFaulty();
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'large-'));
});

afterEach(() => rm(root, { recursive: true }));

/** An artifact at the registry whose one layer is large. */
async function holdArtifact(): Promise<{ readonly manifest: Descriptor; readonly layer: Descriptor }> {
  const registry = await faulty.open();
  const layer = { ...faulty.hold(large), annotations: { [annotationKeys.title]: 'large.bin' } };
  const config = await pushBytes(registry, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const { bytes, descriptor } = packManifest({ artifactType: 'application/x', config, layers: [layer] });
  await registry.push(descriptor, inPieces(bytes, 100));
  return { manifest: descriptor, layer };
}

const openTarget = () => openLayout(join(root, 'layout'), { create: true });

test('a connection that breaks is made again, and what was hashed before counts', async () => {
  const { manifest, layer } = await holdArtifact();
  faulty.misbehave(
    'GET',
    new RegExp(layer.digest),
    (response) => {
      response.writeHead(200, { 'content-length': large.byteLength });
      response.write(large.subarray(0, 9 * MiB), () => response.destroy());
    },
    1,
  );
  const target = await openTarget();
  const report = await copy(await faulty.open(), target, [manifest]);
  expect(report.outcomes.get(layer.digest)).toBe('uploaded');
  const asked = faulty.double.seen.filter(({ method, path }) => method === 'GET' && path.includes(layer.digest));
  expect(asked.at(-1)?.headers.range).toMatch(/^bytes=\d{6,}-/);
  expect(Buffer.compare(await readAll(await target.fetch(layer)), large)).toBe(0);
  await target.close();
});

test('a copy of damaged content blames the source, and keeps nothing', async () => {
  const { manifest, layer } = await holdArtifact();
  const damaged = Buffer.from(large);
  damaged.writeUInt8((damaged.at(7 * MiB) ?? 0) ^ 1, 7 * MiB);
  faulty.double.blobs.set(`a ${layer.digest}`, damaged);
  const target = await openTarget();
  const copying = copy(await faulty.open(), target, [manifest]);
  await expect(copying).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
    details: { side: 'source', digest: layer.digest },
  });
  expect(await target.exists(layer)).toBe(false);
  expect((await readdir(root, { recursive: true })).filter((name) => name.includes('.part'))).toEqual([]);
  await target.close();
});

test('a large file is pushed as it is; a damaged one is found before its last bytes are sent', async () => {
  const source = await openTarget();
  const layer = await pushBytes(source, large);
  const server = await startServer({ dataDir: join(root, 'data'), port: 0 });
  const [good, bad] = await Promise.all(
    ['good', 'bad'].map((name) => openRepository(parseReference(`${server.address}/${name}`), { env: {} })),
  );
  try {
    const fetching = (_: number, reuseBuffer?: boolean) => source.fetch(layer, { reuseBuffer });
    await good?.push(layer, fetching);
    expect(Buffer.compare(await readAll(await (good as Repository).fetch(layer)), large)).toBe(0);
    await damage(join(root, 'layout/blobs/sha256', layer.digest.slice('sha256:'.length)));
    await expect(bad?.push(layer, fetching)).rejects.toMatchObject({
      code: 'ERR_EXPORT_DIGEST_MISMATCH',
      details: { place: source.name },
    });
    expect(await bad?.exists(layer)).toBe(false);
  } finally {
    await Promise.all([good?.close(), bad?.close(), source.close()]);
    await server.close();
  }
});

async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8((bytes.at(7 * MiB) ?? 0) ^ 1, 7 * MiB);
  await rm(path);
  await writeFile(path, bytes);
}

test('a pull that is stopped leaves its beginning, which the next goes on with', async () => {
  const { layer } = await holdArtifact();
  const out = join(root, 'out');
  const stop = new AbortController();
  let fetched = 0;
  const onBytes = (sizeBytes: number) => {
    fetched += sizeBytes;
    if (fetched > 8 * MiB) stop.abort(new Error('stopped'));
  };
  const pulling = pullFiles(await faulty.open(), [layer], out, { signal: stop.signal, onBytes });
  await expect(pulling).rejects.toThrow();
  const [pulled] = await pullFiles(await faulty.open(), [layer], out);
  expect(pulled?.state).toBe('resumed');
  expect(await readdir(out)).toEqual(['large.bin']);
  expect(Buffer.compare(await readFile(join(out, 'large.bin')), large)).toBe(0);
});
