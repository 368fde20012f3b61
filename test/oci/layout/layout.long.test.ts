import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { packManifest, parseReference } from '#oci/image';
import { openLayout, openStaging } from '#oci/layout';
import { openRepository } from '#oci/transfer';
import { withLock } from '../../../src/core/lock.ts';
import { thisOwner } from '../../../src/core/owner.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, readAll } from '../content.ts';
import { repositoryContract } from '../contract.ts';
import { startWriter } from './layout-writer.ts';

repositoryContract('layout', async () => {
  const root = await makeTempDir();
  const repository = await openLayout(root, { create: true });
  return {
    repository,
    reopen: async () => {
      await repository.flush();
      return openLayout(root);
    },
    dispose: async () => {
      await repository.close();
    },
  };
});

let root: string;

beforeEach(async () => {
  root = await makeTempDir();
});

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

const readIndex = async (folder = root) => readJson(await readFile(join(folder, 'index.json'), 'utf8'));

test('layout: the files that the format names, and nothing else', async () => {
  const layout = await openLayout(root, { create: true });
  await layout.tag(await pushArtifact(layout, 'x'), 'v1');
  await layout.close();
  expect((await readdir(root)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  expect(await readFile(join(root, 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
  for (const name of await readdir(join(root, 'blobs/sha256'))) {
    const bytes = await readFile(join(root, 'blobs/sha256', name));
    expect(describe(bytes).digest).toBe(`sha256:${name}`);
  }
});

test('layout: the same index.json whatever the order of pushes and tags', async () => {
  const orders = [
    [0, 1, 2, 3],
    [3, 1, 0, 2],
    [2, 3, 1, 0],
  ];
  const written = new Set<string>();
  for (const [n, order] of orders.entries()) {
    const layout = await openLayout(join(root, String(n)), { create: true });
    for (const i of order) {
      const manifest = await pushArtifact(layout, `text ${i}`);
      if (i > 0) await layout.tag(manifest, `v${i}`);
      if (i === 2) await layout.tag(manifest, 'latest');
    }
    await layout.close();
    written.add(await readFile(join(root, String(n), 'index.json'), 'utf8'));
  }
  expect(written.size).toBe(1);
  const { manifests } = readJson([...written][0] as string);
  const names = manifests.map(
    (entry: { annotations?: Record<string, string> }) => entry.annotations?.['org.opencontainers.image.ref.name'],
  );
  expect(names).toEqual(['latest', 'v1', 'v2', 'v3', undefined]);
});

test('layout: the index is written with a tag, not with each push', async () => {
  const layout = await openLayout(root, { create: true });
  await layout.tag(await pushArtifact(layout, 'first'), 'v1');
  const before = await stat(join(root, 'index.json'));
  const pushed = [];
  for (let i = 0; i < 10; i++) pushed.push(await pushArtifact(layout, `text ${i}`));
  expect((await stat(join(root, 'index.json'))).ino).toBe(before.ino);
  expect(await layout.resolve(pushed[0]?.digest ?? '')).toBeDefined();
  await Promise.all(pushed.map((manifest, i) => layout.tag(manifest, `t${i}`)));
  expect((await readIndex()).manifests).toHaveLength(11);
  await layout.close();
});

test('layout: what others wrote stays as it is', async () => {
  const layout = await openLayout(root, { create: true });
  const manifest = await pushArtifact(layout, 'x');
  await layout.tag(manifest, 'v1');
  const foreign = {
    mediaType: 'application/vnd.example.unknown',
    digest: `blake3:${'0'.repeat(64)}`,
    size: 5,
    platform: { os: 'plan9' },
    odd: { member: [1] },
  };
  const index = await readIndex();
  await writeFile(
    join(root, 'index.json'),
    JSON.stringify({ ...index, annotations: { a: 'b' }, manifests: [foreign, ...index.manifests] }),
  );
  await layout.tag(manifest, 'v2');
  const after = await readIndex();
  expect(after.annotations).toEqual({ a: 'b' });
  expect(after.manifests).toContainEqual(foreign);
  expect(await listAll(layout.tags())).toEqual(['v1', 'v2']);
  await layout.close();
});

test('layout: a moved tag leaves what it named, untagged', async () => {
  const layout = await openLayout(root, { create: true });
  const [first, second] = [await pushArtifact(layout, 'first'), await pushArtifact(layout, 'second')];
  await layout.tag(first, 'v1');
  await layout.tag(second, 'v1');
  await layout.close();
  const { manifests } = await readIndex();
  expect(
    manifests.map((entry: { digest: string; annotations?: object }) => [entry.digest, entry.annotations !== undefined]),
  ).toEqual([
    [second.digest, true],
    [first.digest, false],
  ]);
});

test('layout: a blob whose digest comes out at the end', async () => {
  const staging = await openStaging(join(root, 'staging'));
  const bytes = noise(500_000);
  const descriptor = await staging.writeBlob('text/plain', inPieces(bytes, 7777)(0) as AsyncIterable<Uint8Array>);
  expect(descriptor).toEqual(describe(bytes, 'text/plain'));
  expect(Buffer.compare(await readAll(await staging.fetch(descriptor)), bytes)).toBe(0);
  const failing = async function* () {
    yield bytes;
    throw new Error('the builder broke');
  };
  await expect(staging.writeBlob('text/plain', failing())).rejects.toThrow('the builder broke');
  await staging.close();
  expect((await readdir(join(root, 'staging'))).sort()).toEqual(['blobs', 'oci-layout']);
});

/** A layout as some other tool might have left it. */
async function foreignLayout(index: unknown, ...contents: Uint8Array[]): Promise<void> {
  await mkdir(join(root, 'blobs/sha256'), { recursive: true });
  await writeFile(join(root, 'oci-layout'), '{ "imageLayoutVersion": "1.0.0" }\n');
  await writeFile(join(root, 'index.json'), JSON.stringify(index));
  for (const bytes of contents) await writeFile(join(root, 'blobs/sha256', describe(bytes).digest.slice(7)), bytes);
}

const packed = packManifest({ artifactType: 'x/y' });
const entry = describe(packed.bytes, MANIFEST);
const named = (name: string) => ({ ...entry, annotations: { 'org.opencontainers.image.ref.name': name } });

test.each([
  ['without mediaType of its own', { schemaVersion: 2, manifests: [named('v1')] }],
  ['with a full name for a tag', { schemaVersion: 2, mediaType: INDEX, manifests: [named('docker.io/library/x:v1')] }],
  ['with an entry without mediaType', { schemaVersion: 2, manifests: [{ ...named('v1'), mediaType: undefined }] }],
  ['with the same tag twice', { schemaVersion: 2, manifests: [named('v1'), named('v1')] }],
])('layout: an index %s', async (_, index) => {
  await foreignLayout(index, packed.bytes);
  const layout = await openLayout(root);
  expect(await layout.resolve('v1')).toEqual(entry);
  expect(await listAll(layout.tags())).toEqual(['v1']);
});

test('layout: an index with null for no manifests', async () => {
  await foreignLayout({ schemaVersion: 2, manifests: null });
  const layout = await openLayout(root);
  expect(await layout.resolve('v1')).toBeUndefined();
  expect(await listAll(layout.tags())).toEqual([]);
});

test('layout: one tag on two artifacts is refused, by digest both are there', async () => {
  const other = packManifest({ artifactType: 'x/z' });
  const manifests = [named('v1'), { ...named('v1'), ...describe(other.bytes, MANIFEST) }];
  await foreignLayout({ schemaVersion: 2, manifests }, packed.bytes, other.bytes);
  const layout = await openLayout(root);
  await expect(layout.resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_LAYOUT_INVALID',
    message: expect.stringContaining(entry.digest),
  });
  expect(await layout.resolve(entry.digest)).toEqual(entry);
});

test('layout: referrers in an index of their own, as a fallback tag lists them', async () => {
  const referrer = packManifest({ artifactType: 'x/sig', subject: entry });
  const list = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [describe(referrer.bytes, MANIFEST)] }),
  );
  const fallback = {
    ...describe(list, INDEX),
    annotations: { 'org.opencontainers.image.ref.name': entry.digest.replace(':', '-') },
  };
  await foreignLayout({ schemaVersion: 2, manifests: [named('v1'), fallback] }, packed.bytes, referrer.bytes, list);
  const layout = await openLayout(root);
  const found = await listAll(layout.referrers(entry.digest));
  expect(found).toEqual([{ ...describe(referrer.bytes, MANIFEST), artifactType: 'x/sig' }]);
});

test.each([
  ['no JSON', 'oops'],
  ['no object', '[]'],
  ['manifests that are no list', '{"schemaVersion":2,"manifests":{}}'],
  ['an entry without digest', '{"schemaVersion":2,"manifests":[{}]}'],
  ['a member twice', '{"manifests":[],"manifests":[]}'],
])('layout: an index with %s is refused', async (_, text) => {
  await foreignLayout({});
  await writeFile(join(root, 'index.json'), text);
  await expect((await openLayout(root)).resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_LAYOUT_INVALID',
    message: expect.stringContaining('index.json'),
  });
});

test('layout: what is no layout', async () => {
  await expect(openLayout(join(root, 'none'))).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  await writeFile(join(root, 'letter.txt'), 'dear');
  for (const create of [true, false]) {
    await expect(openLayout(root, { create })).rejects.toMatchObject({
      code: 'ERR_EXPORT_LAYOUT_INVALID',
      message: expect.stringContaining('letter.txt'),
    });
  }
  await writeFile(join(root, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
  await expect(openLayout(root)).rejects.toMatchObject({
    code: 'ERR_EXPORT_LAYOUT_INVALID',
    message: expect.stringContaining('2.0.0'),
  });
  expect((await readdir(root)).sort()).toEqual(['letter.txt', 'oci-layout']);
});

test('layout: a damaged blob is found when it is read, a cut one before', async () => {
  const layout = await openLayout(root, { create: true });
  const bytes = noise(100_000);
  await layout.push(describe(bytes), inPieces(bytes, 1000));
  const path = join(root, 'blobs/sha256', describe(bytes).digest.slice(7));
  await writeFile(path, noise(100_000, 'damage'));
  await expect(layout.fetch(describe(bytes)).then(readAll)).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
  });
  await writeFile(path, bytes.subarray(1));
  expect(await layout.exists(describe(bytes))).toBe(false);
  await expect(layout.fetch(describe(bytes))).rejects.toMatchObject({ code: 'ERR_EXPORT_SIZE_MISMATCH' });
  expect(await layout.push(describe(bytes), inPieces(bytes, 1000))).toBe('uploaded');
  expect(Buffer.compare(await readAll(await layout.fetch(describe(bytes))), bytes)).toBe(0);
  await layout.close();
});

test.each([false, true])(
  'layout: many that make one at once all have it (durable: %s)',
  {
    timeout: 180_000,
  },
  async (durable) => {
    for (let round = 0; round < 15; round++) {
      const folder = join(root, `made${round}`);
      const tagOne = async (i: number) => {
        // Some come a moment later, when the first is half-way.
        for (let turn = 0; turn < i * 3; turn++) await new Promise(setImmediate);
        const layout = await openLayout(folder, { create: true, durable });
        await layout.tag(await pushArtifact(layout, `${i}`), `v${i}`);
        await layout.close();
      };
      await Promise.all(Array.from({ length: 6 }, (_, i) => tagOne(i)));
      expect(await listAll((await openLayout(folder)).tags())).toEqual(['v0', 'v1', 'v2', 'v3', 'v4', 'v5']);
    }
  },
);

const write = (prefix: string, count: number, layerBytes: number) =>
  startWriter(`oci:${root}`, prefix, count, layerBytes);

test('layout: several processes at once lose nothing', { timeout: 60_000 }, async () => {
  const writers = ['a', 'b', 'c'].map((prefix) => write(prefix, 25, 1000));
  expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0, 0]);
  const layout = await openLayout(root);
  expect(await listAll(layout.tags())).toHaveLength(75);
  expect((await readdir(root)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
});

test('layout: killed at any moment, what was acknowledged is there and nothing damaged', {
  timeout: 120_000,
}, async () => {
  const acknowledged = new Set<string>();
  for (let round = 0; round < 6; round++) {
    const writer = write(`r${round}-`, 50, 200_000);
    await writer.firstTag;
    await new Promise((resolve) => setTimeout(resolve, 17 * round));
    await writer.kill();
    for (const tag of writer.tagged) acknowledged.add(tag);
    const layout = await openLayout(root);
    const tags = new Set(await listAll(layout.tags()));
    expect([...acknowledged].filter((tag) => !tags.has(tag))).toEqual([]);
    for (const name of await readdir(join(root, 'blobs/sha256'))) {
      expect(describe(await readFile(join(root, 'blobs/sha256', name))).digest).toBe(`sha256:${name}`);
    }
  }
  expect(await write('last-', 1, 1000).ended).toBe(0);
  expect((await readdir(root)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
});

test('lock: one at a time', async () => {
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 10 }, () =>
      withLock(join(root, 'lock'), {}, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inside--;
      }),
    ),
  );
  expect(most).toBe(1);
  expect(await readdir(root)).toEqual([]);
});

/** A process that has certainly ended, written as an owner of this machine. */
async function deadOwner(): Promise<string> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return thisOwner().replace(/^\d+/, String(child.pid));
}

test('lock: one of a process that has ended is taken over, by one of many', async () => {
  await writeFile(join(root, 'lock'), `${await deadOwner()} ${'0'.repeat(24)}`);
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 2));
    inside--;
  };
  await Promise.all(Array.from({ length: 8 }, () => withLock(join(root, 'lock'), {}, work)));
  expect(most).toBe(1);
  expect(await readdir(root)).toEqual([]);
});

test.each([
  ['this process', () => thisOwner() as string],
  ['another machine', () => thisOwner().replace(/[0-9a-f]{16}$/, '0123456789abcdef')],
  ['nobody can say whom', () => 'gibberish'],
])('lock: one of %s is waited for and never taken', async (_, owner) => {
  await writeFile(join(root, 'lock'), `${owner()} ${'0'.repeat(24)}`);
  const waiting = withLock(join(root, 'lock'), { timeoutMs: 200 }, async () => undefined);
  await expect(waiting).rejects.toMatchObject({
    code: 'ERR_EXPORT_LOCKED',
    hint: expect.stringContaining(join(root, 'lock')),
  });
  expect(await readdir(root)).toEqual(['lock']);
});

test('lock: one of a process id that was given to another process since is taken over', async () => {
  const [pid, start, place] = thisOwner().split('.');
  await writeFile(join(root, 'lock'), `${pid}.${Number(start) - 1}.${place} ${'0'.repeat(24)}`);
  expect(await withLock(join(root, 'lock'), { timeoutMs: 2000 }, async () => 'mine')).toBe('mine');
});

test('lock: waiting ends with an abort', async () => {
  await writeFile(join(root, 'lock'), `${thisOwner()} ${'0'.repeat(24)}`);
  const signal = AbortSignal.timeout(50);
  const error = await withLock(join(root, 'lock'), { signal }, async () => undefined).catch((fault: unknown) => fault);
  expect(error).toBe(signal.reason);
});

test('layout, archive: a file that may not be read is said to be unreadable', async () => {
  const layout = await openLayout(root, { create: true });
  const manifest = await pushArtifact(layout, 'x');
  await layout.tag(manifest, 'v1');
  await layout.close();
  await writeFile(join(root, 'kit.tar'), '');
  const blob = join(root, 'blobs/sha256', manifest.digest.slice(7));
  const unreadable = (name: string) => ({
    code: 'ERR_EXPORT_SOURCE_UNREADABLE',
    message: expect.stringContaining(name),
    hint: expect.stringContaining('readable'),
  });
  await chmod(root, 0o755);
  for (const path of [blob, join(root, 'kit.tar')]) await chmod(path, 0);
  await asNobody(async () => {
    await expect((await openLayout(root)).fetch(manifest).then(readAll)).rejects.toMatchObject(unreadable(blob));
    const archive = openRepository(parseReference(`oci-archive:${join(root, 'kit.tar')}`));
    await expect(archive).rejects.toMatchObject(unreadable('kit.tar'));
  });
  await chmod(join(root, 'index.json'), 0);
  await asNobody(async () => {
    await expect((await openLayout(root)).resolve('v1')).rejects.toMatchObject(unreadable('index.json'));
  });
});

/** The superuser may read everything. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const mine = process.geteuid?.();
  if (mine === 0) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (mine === 0) process.seteuid?.(mine);
  }
}
