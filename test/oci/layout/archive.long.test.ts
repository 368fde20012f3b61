import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { packManifest, parseReference, type Repository } from '#oci/image';
import { openLayout, openStaging } from '#oci/layout';
import { copy, openRepository } from '#oci/transfer';
import { thisOwner } from '../../../src/core/owner.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, pushBytes, readAll } from '../content.ts';
import { repositoryContract } from '../contract.ts';
import { startWriter } from './layout-writer.ts';

repositoryContract('archive', async () => {
  const root = await makeTempDir();
  const reference = parseReference(`oci-archive:${join(root, 'kit.tar')}`);
  const repository = await openRepository(reference, { create: true });
  return {
    repository,
    reopen: async () => {
      await repository.flush?.();
      return openRepository(reference);
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

function open(create = false, name = 'kit.tar'): Promise<Repository> {
  return openRepository(parseReference(`oci-archive:${join(root, name)}`), { create });
}

const tar = (...args: string[]) => execFileSync('tar', args, { cwd: root, encoding: 'utf8' });

test('archive: system tar lists and unpacks it, sha512 names included', async () => {
  const archive = await open(true);
  const manifest = await pushArtifact(archive, 'x');
  const long = describe(noise(1000), 'text/plain', 'sha512');
  await archive.push(long, inPieces(noise(1000), 100));
  await archive.tag(manifest, 'v1');
  await archive.close();
  expect(await readdir(root)).toEqual(['kit.tar']);
  const names = tar('-tf', 'kit.tar').trim().split('\n');
  expect(names.slice(0, 2)).toEqual(['oci-layout', 'index.json']);
  expect(names).toContain(`blobs/sha512/${long.digest.slice(7)}`);
  await mkdir(join(root, 'out'));
  tar('-xf', 'kit.tar', '-C', 'out');
  const layout = await openLayout(join(root, 'out'));
  expect((await layout.resolve('v1'))?.digest).toBe(manifest.digest);
  expect(Buffer.compare(await readAll(await layout.fetch(long)), noise(1000))).toBe(0);
});

test('archive: the same bytes whatever the order', async () => {
  for (const [name, order] of [
    ['a.tar', [0, 1, 2]],
    ['b.tar', [2, 0, 1]],
  ] as const) {
    const archive = await open(true, name);
    for (const i of order) await archive.tag(await pushArtifact(archive, `text ${i}`), `v${i}`);
    await archive.close();
  }
  expect(Buffer.compare(await readFile(join(root, 'a.tar')), await readFile(join(root, 'b.tar')))).toBe(0);
});

test.each([
  ['as it stands', ['-C', 'out', '-cf', 'kit.tar', 'oci-layout', 'index.json', 'blobs']],
  ['with ./ before each name', ['-C', 'out', '-cf', 'kit.tar', '.']],
  ['in pax form', ['--format=pax', '-C', 'out', '-cf', 'kit.tar', '.']],
  ['in ustar form', ['--format=ustar', '--exclude=*sha512*', '-C', 'out', '-cf', 'kit.tar', '.']],
  ['in GNU form', ['--format=gnu', '-C', 'out', '-cf', 'kit.tar', '.']],
])('archive: one that system tar made %s', async (_, args) => {
  const layout = await openLayout(join(root, 'out'), { create: true });
  const manifest = await pushArtifact(layout, 'x');
  const long = describe(noise(1000), 'text/plain', 'sha512');
  if (!args.includes('--format=ustar')) await layout.push(long, inPieces(noise(1000), 100));
  await layout.tag(manifest, 'v1');
  await layout.close();
  tar(...args);
  const archive = await open();
  expect((await archive.resolve('v1'))?.digest).toBe(manifest.digest);
  expect(describe(await readAll(await archive.fetch(manifest))).digest).toBe(manifest.digest);
  expect(await archive.exists(long)).toBe(!args.includes('--format=ustar'));
  await archive.close();
});

test('archive: what is added goes into a new tar, with all that was there', async () => {
  const first = await open(true);
  const one = await pushArtifact(first, 'one');
  await first.tag(one, 'v1');
  await first.close();
  const second = await open(true);
  const two = await pushArtifact(second, 'two');
  await second.tag(two, 'v2');
  const meanwhile = await open();
  expect(await listAll(meanwhile.tags())).toEqual(['v1']);
  await meanwhile.close();
  await second.close();
  const third = await open();
  expect(await listAll(third.tags())).toEqual(['v1', 'v2']);
  for (const manifest of [one, two])
    expect((await readAll(await third.fetch(manifest))).byteLength).toBe(manifest.size);
  await third.close();
});

test('archive: after a failure nothing is written', async () => {
  const archive = await open(true);
  await pushArtifact(archive, 'x');
  const promised = describe(noise(100));
  await expect(archive.push(promised, inPieces(noise(100, 'other'), 10))).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
  });
  await archive.close();
  expect(await readdir(root)).toEqual([]);
});

test('archive: two writers at once lose nothing', async () => {
  const [a, b] = [await open(true), await open(true)];
  await a.tag(await pushArtifact(a, 'from a'), 'a');
  await b.tag(await pushArtifact(b, 'from b'), 'b');
  await Promise.all([a.close(), b.close()]);
  const archive = await open();
  expect(await listAll(archive.tags())).toEqual(['a', 'b']);
  await archive.close();
  expect(await readdir(root)).toEqual(['kit.tar']);
});

test('archive: copied from and to', async () => {
  const archive = await open(true);
  const manifest = await pushArtifact(archive, 'x');
  const signature = await pushArtifact(archive, 'sig', { subject: manifest });
  await archive.tag(manifest, 'v1');
  await archive.close();
  const [from, to] = [await open(), await open(true, 'copy.tar')];
  await copy(from, to, [manifest], { referrers: true, tags: [{ tag: 'v1', descriptor: manifest }] });
  await to.close();
  await from.close();
  expect(Buffer.compare(await readFile(join(root, 'copy.tar')), await readFile(join(root, 'kit.tar')))).toBe(0);
  const copied = await open(false, 'copy.tar');
  expect((await listAll(copied.referrers(manifest.digest))).map(({ digest }) => digest)).toEqual([signature.digest]);
  await copied.close();
});

test('archive: killed at any moment, the old tar or the new one is there, and leftovers go with the next run', {
  timeout: 180_000,
}, async () => {
  const write = (prefix: string) => startWriter(`oci-archive:${join(root, 'kit.tar')}`, prefix, 2, 3_000_000);
  expect(await write('first-').ended).toBe(0);
  for (let round = 0; round < 5; round++) {
    const writer = write(`r${round}-`);
    await writer.firstTag;
    await new Promise((resolve) => setTimeout(resolve, 10 * round));
    await writer.kill();
    const archive = await open();
    expect(await listAll(archive.tags())).toContain('first-0');
    await archive.close();
  }
  expect(await write('last-').ended).toBe(0);
  expect(await readdir(root)).toEqual(['kit.tar']);
});

test('archive: what is none', async () => {
  await expect(open()).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  await mkdir(join(root, 'in'));
  await writeFile(join(root, 'in/letter.txt'), 'dear');
  tar('-C', 'in', '-cf', 'kit.tar', 'letter.txt');
  await expect(open(true)).rejects.toMatchObject({ code: 'ERR_EXPORT_LAYOUT_INVALID' });
  tar('-C', 'in', '-czf', 'kit.tar', 'letter.txt');
  await expect(open()).rejects.toMatchObject({
    code: 'ERR_EXPORT_LAYOUT_INVALID',
    message: expect.stringContaining('not of an OCI layout'),
  });
  await writeFile(join(root, 'kit.tar'), 'no tar at all');
  await expect(open()).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_INVALID' });
  await writeFile(join(root, 'kit.tar'), noise(2048));
  await expect(open()).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_INVALID' });
  await writeFile(join(root, 'kit.tar'), '');
  await expect(open()).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_INVALID' });
});

test('archive: links and paths that lead out are refused', async () => {
  await mkdir(join(root, 'in'));
  await writeFile(join(root, 'in/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await symlink('/etc/passwd', join(root, 'in/index.json'));
  tar('-C', 'in', '-cf', 'kit.tar', 'oci-layout', 'index.json');
  await expect(open()).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_UNSAFE' });
  await mkdir(join(root, 'in/blobs'));
  tar('-C', 'in/blobs', '-cPf', 'kit.tar', '../oci-layout');
  await expect(open()).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_UNSAFE' });
  tar('-C', 'in', '-cf', 'kit.tar', 'oci-layout');
  tar('-C', 'in', '-rf', 'kit.tar', 'oci-layout');
  await expect(open()).rejects.toMatchObject({
    code: 'ERR_EXPORT_ARCHIVE_UNSAFE',
    message: expect.stringContaining('duplicate name'),
  });
});

test('archive: blobs without an index are refused, and the tar stays as it is', async () => {
  const layout = await openLayout(join(root, 'out'), { create: true });
  await layout.tag(await pushArtifact(layout, 'x'), 'v1');
  await layout.close();
  tar('-C', 'out', '-cf', 'kit.tar', 'oci-layout', 'blobs');
  const before = await readFile(join(root, 'kit.tar'));
  for (const create of [true, false]) {
    await expect(open(create)).rejects.toMatchObject({
      code: 'ERR_EXPORT_LAYOUT_INVALID',
      message: expect.stringContaining('index.json'),
    });
  }
  expect((await readFile(join(root, 'kit.tar'))).equals(before)).toBe(true);
});

test('archive: a pipe, a device or a folder in its place is refused at once, and the way for pipes is told', async () => {
  execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(root, 'fifo')]);
  await symlink('fifo', join(root, 'link'));
  await mkdir(join(root, 'folder'));
  const refusal = { code: 'ERR_EXPORT_USAGE', hint: expect.stringContaining('oci-archive:-') };
  for (const name of ['fifo', 'link', 'folder']) {
    for (const create of [true, false]) await expect(open(create, name)).rejects.toMatchObject(refusal);
  }
  for (const path of ['/dev/null', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', '/dev/../dev/stdout']) {
    const opening = openRepository(parseReference(`oci-archive:${path}`), { create: true });
    await expect(opening).rejects.toMatchObject(refusal);
  }
  expect((await readdir(root)).sort()).toEqual(['fifo', 'folder', 'link']);
});

test('archive: cut anywhere, it is refused when opened or its blobs when read', async () => {
  const archive = await open(true);
  const layer = await pushBytes(archive, noise(5000));
  const manifest = await pushArtifact(archive, 'x');
  await archive.tag(manifest, 'v1');
  await archive.close();
  const whole = await readFile(join(root, 'kit.tar'));
  for (let size = 0; size < whole.length; size += 509) {
    await writeFile(join(root, 'cut.tar'), whole.subarray(0, size));
    const reading = async () => {
      const cut = await open(false, 'cut.tar');
      try {
        for (const descriptor of [layer, manifest]) await readAll(await cut.fetch(descriptor));
      } finally {
        await cut.close();
      }
    };
    await expect(reading()).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_EXPORT_(ARCHIVE_INVALID|LAYOUT_INVALID|NOT_FOUND)$/),
    });
  }
});

test('archive: what a killed run had gathered is taken over, and only what was asked for goes into the tar', async () => {
  const path = join(root, 'kit.tar');
  const dead = spawnSync(process.execPath, ['-e', '']);
  const owner = thisOwner().replace(/^\d+/, String(dead.pid));
  const gathered = await openStaging(join(root, `.kit.tar.stage.${owner}.001122334455`));
  const [wanted, unwanted] = [noise(100_000, 'wanted'), noise(1000, 'unwanted')];
  for (const bytes of [wanted, unwanted]) await gathered.push(describe(bytes), inPieces(bytes, 1000));
  await gathered.close();
  const fill = async (at: string) => {
    const archive = await openRepository(parseReference(`oci-archive:${at}`), { create: true });
    // A first content that is not there makes the archive look for what was gathered.
    const config = Buffer.from('{}');
    await archive.push(describe(config), inPieces(config, 10));
    const outcome = await archive.push(describe(wanted), inPieces(wanted, 1000));
    const packed = packManifest({ artifactType: 'x/y', config: describe(config), layers: [describe(wanted)] });
    await archive.push(packed.descriptor, inPieces(packed.bytes, 1000));
    await archive.tag(packed.descriptor, 'v1');
    await archive.close();
    return outcome;
  };
  expect(await fill(path)).toBe('present');
  expect(await fill(join(root, 'other.tar'))).toBe('uploaded');
  expect(await readdir(root)).toEqual(expect.arrayContaining(['kit.tar', 'other.tar']));
  expect((await readdir(root)).filter((name) => name.includes('.stage.'))).toEqual([]);
  expect((await readFile(path)).equals(await readFile(join(root, 'other.tar')))).toBe(true);
});
