import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, packManifest } from '#oci/image';
import { checkLayout, collectLayoutGarbage, type Layout, openLayout } from '#oci/layout';
import { thisOwner } from '../../../src/core/owner.ts';
import { parseUnknownManifest } from '../../../src/oci/image/manifest.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, pushBytes } from '../content.ts';

let root: string;
let layout: Layout;

beforeEach(async () => {
  root = await makeTempDir();
  layout = await openLayout(root, { create: true });
});

afterEach(async () => {
  await layout.close();
});

const path = ({ digest }: Descriptor) => join(root, 'blobs', ...digest.split(':'));
const text = (content: string) => describe(Buffer.from(content), 'text/plain');
const find = () => listAll(checkLayout(root));
const names = async () => new Set(await readdir(join(root, 'blobs/sha256')));
const has = async (descriptor: Descriptor) => (await names()).has(descriptor.digest.slice(7));

/** Lets everything look as if nobody had used it for a while. */
async function age(hours: number): Promise<void> {
  const then = new Date(Date.now() - hours * 3_600_000);
  for (const name of await readdir(join(root, 'blobs/sha256')))
    await utimes(join(root, 'blobs/sha256', name), then, then);
  for (const name of await readdir(join(root, '.export-center')).catch(() => [])) {
    await utimes(join(root, '.export-center', name), then, then);
  }
}

/** A name that a process which has ended gave to a temporary file. */
async function deadName(ending: string): Promise<string> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return `${thisOwner().replace(/^\d+/, String(child.pid))}.${ending}`;
}

async function tagged(name: string, parts: Parameters<typeof pushArtifact>[2] = {}): Promise<Descriptor> {
  const artifact = await pushArtifact(layout, name, parts);
  await layout.tag(artifact, name);
  return artifact;
}

test('fsck: nothing to say of a valid layout', async () => {
  const artifact = await tagged('v1');
  await pushArtifact(layout, 'referrer', { subject: artifact });
  const index = packIndex({ manifests: [artifact] });
  await layout.push(index.descriptor, inPieces(index.bytes, 100));
  await layout.tag(index.descriptor, 'index');
  let read = 0;
  expect(await listAll(checkLayout(root, { onBytes: (bytes) => (read += bytes) }))).toEqual([]);
  const sizes = await Promise.all(
    [...(await names())].map(async (name) => (await readFile(join(root, 'blobs/sha256', name))).length),
  );
  expect(read).toBe(sizes.reduce((sum, size) => sum + size, 0));
});

test('fsck: each missing, damaged and unreachable blob is found', async () => {
  const [first, second] = [await tagged('first'), await tagged('second')];
  const stray = await pushBytes(layout, noise(1000));
  await rm(path(text('first')));
  await writeFile(path(text('second')), 'SECOND');
  await rm(path(second));
  await mkdir(join(root, '.export-center'), { recursive: true });
  const dead = await deadName('0011.tmp');
  await writeFile(join(root, '.export-center', dead), 'half');
  await writeFile(join(root, '.export-center', `${thisOwner()}.0011.tmp`), 'at work');
  await writeFile(join(root, 'blobs/sha256/notes.txt'), 'hello');
  const found = await find();
  expect(found).toEqual([
    { kind: 'damaged', object: 'blob', name: text('second').digest },
    { kind: 'missing', object: 'manifest', name: second.digest },
    { kind: 'missing', object: 'blob', name: text('first').digest, namedBy: first.digest },
    { kind: 'unreachable', object: 'blob', name: stray.digest },
    { kind: 'leftover', object: 'file', name: 'blobs/sha256/notes.txt' },
    { kind: 'leftover', object: 'file', name: `.export-center/${dead}` },
  ]);
});

test('fsck: an index that nobody can read, a size that is a lie, and no layout at all', async () => {
  const artifact = await tagged('v1');
  const index = await readFile(join(root, 'index.json'), 'utf8');
  await writeFile(join(root, 'index.json'), index.replace(`"size":${artifact.size}`, '"size":7'));
  expect(await find()).toEqual([{ kind: 'wrongSize', object: 'manifest', name: artifact.digest }]);
  await writeFile(join(root, 'index.json'), 'oops');
  expect(await find()).toEqual([{ kind: 'damaged', object: 'file', name: 'index.json' }]);
  await writeFile(join(root, 'index.json'), index);
  await expect(listAll(checkLayout(join(root, 'none')))).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
});

/** As a copy of a layout that was cut short leaves it. */
async function cut(): Promise<void> {
  await tagged('v1');
  await layout.close();
  await age(48);
  await rm(join(root, 'index.json'));
}

test('blobs without an index: fsck names it, gc and readers refuse, and nothing goes', async () => {
  await cut();
  const before = await names();
  expect(await find()).toEqual([{ kind: 'missing', object: 'file', name: 'index.json' }]);
  const refusal = { code: 'ERR_EXPORT_LAYOUT_INVALID', message: expect.stringContaining('index.json') };
  for (const options of [{}, { dryRun: true }, { untagged: true, graceSeconds: 0 }]) {
    await expect(collectLayoutGarbage(root, options)).rejects.toMatchObject(refusal);
  }
  await expect(openLayout(root)).rejects.toMatchObject(refusal);
  expect(await names()).toEqual(before);
  expect((await readdir(root)).sort()).toEqual(['blobs', 'oci-layout']);
});

test('blobs without an index: gc refuses also where a cut collection moved all of them aside', async () => {
  const artifact = await tagged('v1');
  await layout.close();
  await mkdir(join(root, '.export-center'), { recursive: true });
  for (const name of await names()) {
    const aside = await deadName(`sha256-${name}.gone`);
    await rename(join(root, 'blobs/sha256', name), join(root, '.export-center', aside));
  }
  await age(48);
  await rm(join(root, 'index.json'));
  await expect(collectLayoutGarbage(root)).rejects.toMatchObject({ code: 'ERR_EXPORT_LAYOUT_INVALID' });
  expect(await has(artifact)).toBe(true);
});

test('blobs without an index: whoever writes goes on, and the index is there again', async () => {
  await cut();
  const again = await openLayout(root, { create: true });
  const artifact = await pushArtifact(again, 'v1');
  expect(await pushBytes(again, Buffer.from('v1'), 'text/plain')).toEqual(text('v1'));
  // Until it has written its own, nobody takes what is there for rubbish.
  await expect(collectLayoutGarbage(root)).rejects.toMatchObject({ code: 'ERR_EXPORT_LAYOUT_INVALID' });
  await again.tag(artifact, 'v1');
  await again.close();
  expect(await find()).toEqual([]);
  expect((await (await openLayout(root)).resolve('v1'))?.digest).toBe(artifact.digest);
});

test('a layout has its index before its first blob; one that holds nothing may lack it', async () => {
  await pushBytes(layout, noise(1000));
  expect(readJson(await readFile(join(root, 'index.json'), 'utf8'))).toMatchObject({ manifests: [] });
  expect(await find()).toMatchObject([{ kind: 'unreachable' }]);
  await rm(join(root, 'blobs'), { recursive: true });
  await rm(join(root, 'index.json'));
  expect(await find()).toEqual([]);
  expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 0 });
  expect(await listAll((await openLayout(root)).tags())).toEqual([]);
});

test('gc: takes what nothing names, after the grace', async () => {
  const artifact = await tagged('v1');
  const stray = await pushBytes(layout, noise(1000));
  expect(await collectLayoutGarbage(root, { graceSeconds: 3600 })).toMatchObject({ blobs: 0 });
  await age(2);
  const young = await pushBytes(layout, noise(500, 'young'));
  const expected = { manifests: 0, blobs: 1, leftovers: 0, sizeBytes: 1000, unreadable: [] };
  expect(await collectLayoutGarbage(root, { dryRun: true })).toEqual(expected);
  expect(await has(stray)).toBe(true);
  expect(await collectLayoutGarbage(root)).toEqual(expected);
  expect([await has(stray), await has(young), await has(artifact)]).toEqual([false, true, true]);
  expect((await readdir(root)).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
});

test.each(['before', 'after'])(
  'gc: keeps what a manifest needs that is a layer of an artifact listed %s it',
  async (order) => {
    const image = await pushArtifact(layout, 'image');
    const holder = packManifest({
      artifactType: 'application/vnd.example.copy',
      config: await pushBytes(layout, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
      layers: [{ ...image, mediaType: 'application/json' }],
    });
    await layout.push(holder.descriptor, inPieces(holder.bytes, 100));
    const both = [holder.descriptor, image];
    await layout.flush();
    const manifests = order === 'before' ? both : both.reverse();
    await writeFile(join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    await age(2);
    expect(await find()).toEqual([]);
    expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 0, unreadable: [] });
    expect(await has(text('image'))).toBe(true);
  },
);

test('gc: what was pushed again counts as used', async () => {
  const stray = await pushBytes(layout, noise(1000));
  await tagged('v1');
  await age(2);
  await pushBytes(layout, noise(1000));
  expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 0 });
  expect(await has(stray)).toBe(true);
});

test('gc --untagged: follows subjects, however far, also where nothing lists them', async () => {
  const artifact = await tagged('v1');
  const signature = await pushArtifact(layout, 'signature', { subject: artifact });
  const onSignature = await pushArtifact(layout, 'on signature', { subject: signature });
  const legacy = await pushArtifact(layout, 'legacy');
  await layout.tag(legacy, `${artifact.digest.replace(':', '-')}.sig`);
  const old = await pushArtifact(layout, 'old');
  const onOld = await pushArtifact(layout, 'on old', { subject: old });
  const ofOld = await pushArtifact(layout, 'legacy of old');
  await layout.tag(ofOld, `${old.digest.replace(':', '-')}.sig`);
  await layout.flush();
  // As layouts of other makers have it: the manifest is there, and the index does not say so.
  const index = readJson(await readFile(join(root, 'index.json'), 'utf8'));
  index.manifests = index.manifests.filter((entry: { digest: string }) => entry.digest !== onSignature.digest);
  await writeFile(join(root, 'index.json'), JSON.stringify(index));
  await age(2);
  expect(await collectLayoutGarbage(root)).toMatchObject({ manifests: 0, blobs: 0 });
  expect(await collectLayoutGarbage(root, { untagged: true })).toMatchObject({ manifests: 3, blobs: 6 });
  for (const kept of [artifact, signature, onSignature, legacy, text('on signature'), text('legacy')]) {
    expect(await has(kept)).toBe(true);
  }
  for (const gone of [old, onOld, ofOld, text('on old')]) expect(await has(gone)).toBe(false);
  expect(await find()).toEqual([]);
});

test('gc: a damaged manifest stops it, a missing one does not', async () => {
  const [first, second] = [await tagged('first'), await tagged('second')];
  const stray = await pushBytes(layout, noise(1000));
  await rm(path(first));
  await writeFile(path(second), noise(second.size));
  await age(2);
  expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 0, unreadable: [second.digest] });
  await rm(path(second));
  expect(await collectLayoutGarbage(root)).toMatchObject({ unreadable: [] });
  expect(await has(stray)).toBe(false);
});

const blank = { mediaType: 'application/vnd.oci.image.manifest.v1+json', schemaVersion: 2 };
const malformed: readonly [string, (blob: Descriptor) => object][] = [
  ['no config', (blob) => ({ ...blank, layers: [blob] })],
  ['a descriptor without a size', ({ digest, mediaType }) => ({ ...blank, config: { digest, mediaType }, layers: [] })],
  ['layers that are no list', (blob) => ({ ...blank, config: blob, layers: {} })],
  ['an unusable subject', (blob) => ({ ...blank, config: blob, layers: [], subject: 'x' })],
];

test.each(malformed)('a manifest with %s is told, and nothing else is hidden by it', async (_, make) => {
  const blob = await pushBytes(layout, noise(100));
  const stray = await pushBytes(layout, noise(1000));
  const lost = await tagged('lost');
  const odd = await pushBytes(layout, Buffer.from(JSON.stringify(make(blob))));
  const entries = [odd, lost].map(({ digest, size }) => ({ mediaType: blank.mediaType, digest, size }));
  await layout.flush();
  await writeFile(join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }));
  await rm(path(lost));
  await age(2);
  const findings = await find();
  expect(findings).toContainEqual({ kind: 'damaged', object: 'manifest', name: odd.digest });
  expect(findings).toContainEqual({ kind: 'missing', object: 'manifest', name: lost.digest });
  expect(findings).toContainEqual({ kind: 'unreachable', object: 'blob', name: stray.digest });
  expect(findings.map(({ name }) => name)).not.toContain(blob.digest);
  expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 0, unreadable: [odd.digest] });
});

test('a malformed manifest that nothing lists is garbage as any other', async () => {
  const odd = await pushBytes(layout, Buffer.from(JSON.stringify(blank)));
  await layout.flush();
  await age(2);
  expect(await find()).toEqual([{ kind: 'unreachable', object: 'blob', name: odd.digest }]);
  expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 1, unreadable: [] });
});

test('gc: what JSON of more values than any manifest has mentions is kept, without reading it', async () => {
  const blob = await pushBytes(layout, noise(100));
  const bomb = Buffer.from(JSON.stringify({ digest: blob.digest, values: Array(300_000).fill(0) }));
  expect(parseUnknownManifest(bomb)).toEqual({ needs: [], mentions: [blob.digest], isRead: false });
  const listed = await pushBytes(layout, bomb, 'application/x');
  await layout.flush();
  await writeFile(join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [listed] }));
  await age(2);
  expect(await collectLayoutGarbage(root, { graceSeconds: 0 })).toMatchObject({ blobs: 0, unreadable: [] });
  expect(await find()).toEqual([]);
});

test('a long chain of referrers that nothing lists is kept with its subject', async () => {
  const head = await tagged('head');
  let subject = head;
  for (let i = 0; i < 20; i++) subject = await pushArtifact(layout, `link ${i}`, { subject });
  await layout.flush();
  const entries = [{ mediaType: head.mediaType, digest: head.digest, size: head.size }];
  await writeFile(join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }));
  await age(2);
  expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 0 });
  expect(await find()).toEqual([]);
});

test('gc: what an unknown kind of manifest names is kept', async () => {
  const blob = await pushBytes(layout, noise(100));
  const odd = Buffer.from(
    JSON.stringify({ mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [blob] }),
  );
  const listed = await pushBytes(layout, odd, 'application/vnd.oci.artifact.manifest.v1+json');
  await writeFile(join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [listed] }));
  await age(2);
  expect(await collectLayoutGarbage(root, { graceSeconds: 0 })).toMatchObject({ blobs: 0 });
  expect(await find()).toEqual([]);
});

test('gc: an entry under a digest of an unknown kind stops it', async () => {
  const blob = await pushBytes(layout, noise(100));
  const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: 'blake3:00', size: 1 };
  await writeFile(join(root, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  await age(2);
  for (const untagged of [true, false]) {
    expect(await collectLayoutGarbage(root, { untagged })).toMatchObject({ blobs: 0, unreadable: ['blake3:00'] });
  }
  expect(await has(blob)).toBe(true);
});

test('gc: leftovers of processes that have ended go, what a cut collection moved aside comes back', async () => {
  const artifact = await tagged('v1');
  await mkdir(join(root, '.export-center'), { recursive: true });
  const [dead, mine] = [await deadName('0011.tmp'), `${thisOwner()}.0011.tmp`];
  const aside = await deadName(`${artifact.digest.replace(':', '-')}.gone`);
  for (const name of [dead, mine]) await writeFile(join(root, '.export-center', name), 'half');
  await writeFile(join(root, '.export-center', aside), await readFile(path(artifact)));
  await rm(path(artifact));
  await age(2);
  expect(await collectLayoutGarbage(root)).toMatchObject({ blobs: 0, leftovers: 1 });
  expect(await readdir(join(root, '.export-center'))).toEqual([mine]);
  expect(await has(artifact)).toBe(true);
});

test('gc: waits for whoever writes the index', async () => {
  await tagged('v1');
  await mkdir(join(root, '.export-center'), { recursive: true });
  await writeFile(join(root, '.export-center/lock'), `${thisOwner()} ${'0'.repeat(24)}`);
  const signal = AbortSignal.timeout(100);
  const error = await collectLayoutGarbage(root, { signal }).catch((fault: unknown) => fault);
  expect(error).toBe(signal.reason);
  await rm(join(root, '.export-center'), { recursive: true });
});
