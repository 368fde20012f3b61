import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { compileGlob } from '#core';
import { packIndex, packManifest } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { isInRange, parseSemanticVersion, parseSemverRange } from '../../../src/oci/transfer/select/semver-range.ts';
import { forgeTar } from '../../archive/tar-forge.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, pushArtifact } from '../../oci/content.ts';
import { cli, cliJson } from '../command-line.ts';

let dir: string;
let layout: Layout;

beforeEach(async () => {
  dir = await makeTempDir();
  layout = await openLayout(join(dir, 'l'), { create: true });
});

afterEach(async () => {
  await layout.close();
});

const place = (name: string) => `oci:${join(dir, name)}`;

async function tagsOf(name: string): Promise<string[]> {
  const { tags } = (await cliJson('ls', place(name))) as { tags: { tag: string }[] };
  return tags.map(({ tag }) => tag);
}

test.each([
  ['v1.*', 'v1.2', true],
  ['v1.*', 'v2.1', false],
  ['*-debug', '1-debug', true],
  ['?', 'a', true],
  ['?', 'ab', false],
  ['a*b*c', 'aXbXbc', true],
  ['*', '', true],
  ['a.c', 'abc', false],
])('glob %s on %s: %s', (glob, text, expected) => expect(compileGlob(glob)(text)).toBe(expected));

test.each([
  ['>=1.2 <2', ['1.2.0', 'v1.9.9'], ['1.1.9', '2.0.0', '2.0.0-rc.1', '1.3.0-rc.1']],
  ['^1.2.3', ['1.2.3', '1.9.0'], ['1.2.2', '2.0.0']],
  ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0']],
  ['~1.2.3', ['1.2.9'], ['1.3.0']],
  ['1.x', ['1.0.0', '1.9.9'], ['2.0.0']],
  ['1.2', ['1.2.0', '1.2.9'], ['1.3.0']],
  ['1.2 - 1.4', ['1.2.0', '1.4.9'], ['1.5.0']],
  ['1.0.0 || >= 3', ['1.0.0', '3.0.0'], ['2.0.0']],
  ['>1.2, <=1.4.0', ['1.3.0', '1.4.0'], ['1.2.5', '1.4.1']],
  ['>=3.22', ['3.22', 'v3.23', '4', '3.22.1'], ['3.21', '3.22-alpine', '3.23-rc.1', 'latest', '3.22.1_9-jre']],
  ['>=3.22-0', ['3.22', '3.22-alpine', '3.23-rc.1'], ['3.21', '3.21-alpine']],
  ['>=1.2-0 <1.3-0', ['1.2-rc.1', '1.2', '1.2.9'], ['1.3-rc.1', '1.1']],
  ['>=1.0.0-rc.1', ['1.0.0-rc.1', '1.0.0-rc.10', '1.0.0'], ['1.0.0-beta', '0.9.0']],
  ['*', ['0.0.1', '9.0.0'], ['1.0.0-rc']],
])('semver %s', (text, inside, outside) => {
  const range = parseSemverRange(text);
  const isIn = (version: string) => {
    const parsed = parseSemanticVersion(version);
    return range !== undefined && parsed !== undefined && isInRange(parsed, range);
  };
  expect({ inside: inside.map(isIn), outside: outside.map(isIn) }).toEqual({
    inside: inside.map(() => true),
    outside: outside.map(() => false),
  });
});

test.each(['', '1.2.3.4', 'latest', '>=', '1.2 -', '^a', '^1.2-0', '>1.2-0'])('semver refuses %j', (text) => {
  expect(parseSemverRange(text)).toBeUndefined();
});

test('--include, --exclude and --semver choose tags, and signatures go with what is chosen', async () => {
  const chosen = await pushArtifact(layout, 'chosen');
  const signature = await pushArtifact(layout, 'signature');
  for (const tag of ['1.2.0', '1.2.0-debug', '1.9.0', '2.0.0', 'latest'])
    await layout.tag(chosen, tag, { batch: true });
  await layout.tag(signature, `${chosen.digest.replace(':', '-')}.sig`);
  const signed = `${chosen.digest.replace(':', '-')}.sig`;
  const copy = (name: string, ...args: string[]) => cli('copy', '--all-tags', ...args, place('l'), place(name));
  expect(await copy('a', '--include=1.*', '--exclude=*-debug')).toMatchObject({ status: 0 });
  expect(await tagsOf('a')).toEqual(['1.2.0', '1.9.0', signed]);
  expect(await copy('b', '--semver=^1.3')).toMatchObject({ status: 0 });
  expect(await tagsOf('b')).toEqual(['1.9.0', signed]);
  expect(await copy('c', '--include=nothing')).toMatchObject({ status: 1 });
  expect(await copy('d', '--semver=new')).toMatchObject({ status: 2 });
  expect(await cli('copy', '--semver=1.x', `${place('l')}:latest`, place('e'))).toMatchObject({
    status: 2,
    err: expect.stringContaining('can only be used with --all-tags'),
  });
});

test('--platform copies the image of an index for it', async () => {
  const [amd, arm] = [await pushArtifact(layout, 'amd'), await pushArtifact(layout, 'arm')];
  const { descriptor, bytes } = packIndex({
    manifests: [
      { ...amd, platform: { os: 'linux', architecture: 'amd64' } },
      { ...arm, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
    ],
  });
  await layout.push(descriptor, inPieces(bytes, 100));
  await layout.tag(descriptor, '1');
  for (const [i, platform] of ['linux/arm64', 'linux/arm64/v8', 'linux/aarch64'].entries()) {
    for (const args of [[`${place('l')}:1`], ['--all-tags', place('l')]]) {
      const target = `${platform.length}-${i}-${args.length}`;
      expect(await cli('copy', `--platform=${platform}`, ...args, place(target))).toMatchObject({ status: 0 });
      expect(await cliJson('ls', '--long', place(target))).toMatchObject({ tags: [{ tag: '1', digest: arm.digest }] });
    }
  }
  expect(await cli('copy', '--platform=windows/amd64', `${place('l')}:1`, place('w'))).toMatchObject({
    status: 1,
    err: expect.stringContaining('choose one of linux/amd64, linux/arm64/v8'),
  });
  expect(await cli('copy', '--platform=linux', `${place('l')}:1`, place('w'))).toMatchObject({ status: 2 });
});

test('--platform finds an image that the index does not mark by its config, after those that are marked', async () => {
  const image = async (architecture: string, text: string) => {
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture, text }));
    const blob = describe(config, 'application/vnd.oci.image.config.v1+json');
    await layout.push(blob, inPieces(config, 100));
    const packed = packManifest({ config: blob, layers: [] });
    await layout.push(packed.descriptor, inPieces(packed.bytes, 100));
    return packed.descriptor;
  };
  const [bare, marked, other] = [await image('arm', 'bare'), await image('arm', 'marked'), await image('s390x', '')];
  const artifact = await pushArtifact(layout, 'artifact');
  const absent = { ...describe(Buffer.from('absent'), artifact.mediaType), size: 6 };
  const attestation = { ...(await image('mips', '')), platform: { os: 'unknown', architecture: 'unknown' } };
  const index = async (tag: string, manifests: Descriptor[]) => {
    const { descriptor, bytes } = packIndex({ manifests });
    await layout.push(descriptor, inPieces(bytes, 100));
    await layout.tag(descriptor, tag);
  };
  await index('1', [absent, artifact, attestation, other, bare]);
  await index('2', [bare, { ...marked, platform: { os: 'linux', architecture: 'arm' } }]);
  const chosen = async (tag: string, platform: string) => {
    const target = place(`${tag}-${platform}`);
    const { status, err } = await cli('copy', `--platform=linux/${platform}`, `${place('l')}:${tag}`, target);
    return status === 0 ? await cliJson('ls', '--long', target) : err;
  };
  expect(await chosen('1', 'arm')).toMatchObject({ tags: [{ digest: bare.digest }] });
  expect(await chosen('1', 's390x')).toMatchObject({ tags: [{ digest: other.digest }] });
  expect(await chosen('2', 'arm')).toMatchObject({ tags: [{ digest: marked.digest }] });
  expect(await chosen('1', 'mips')).toContain('choose one of linux/s390x, linux/arm');
});

test('an index that lists images which an archive does not hold says to choose a platform', async () => {
  const held = await pushArtifact(layout, 'held');
  const absent = describe(Buffer.from('absent'), held.mediaType);
  const { descriptor, bytes } = packIndex({
    manifests: [
      { ...absent, platform: { os: 'linux', architecture: 'arm64' } },
      { ...held, platform: { os: 'linux', architecture: 'amd64' } },
    ],
  });
  await layout.push(descriptor, inPieces(bytes, 100));
  await layout.tag(descriptor, '1');
  expect(await cli('copy', `${place('l')}:1`, place('whole'))).toMatchObject({
    status: 1,
    err: expect.stringContaining('or choose an existing platform with --platform'),
  });
  expect(await cli('copy', '--platform=linux/amd64', `${place('l')}:1`, place('one'))).toMatchObject({ status: 0 });
});

const sha = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** A tar as docker save wrote it before Docker 25: layers in folders, one of them a link. */
async function dockerArchive(change: (layer: Buffer) => Buffer = (layer) => layer, tags = ['h.io/app:1']) {
  const root = join(dir, 'docker');
  await mkdir(join(root, 'one'), { recursive: true });
  await mkdir(join(root, 'two'), { recursive: true });
  const layer = Buffer.alloc(10_240, 'layer');
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha(layer)}`, `sha256:${sha(layer)}`] },
  });
  await writeFile(join(root, `${sha(config)}.json`), config);
  await writeFile(join(root, 'one/layer.tar'), change(layer));
  await symlink('../one/layer.tar', join(root, 'two/layer.tar'));
  const images = [{ Config: `${sha(config)}.json`, RepoTags: tags, Layers: ['one/layer.tar', 'two/layer.tar'] }];
  await writeFile(join(root, 'manifest.json'), JSON.stringify(images));
  const path = join(dir, 'docker.tar');
  await promisify(execFile)('tar', ['-C', root, '-cf', path, '.']);
  return path;
}

test('docker-archive: its image is copied with or without a name, packed or not, and read as nothing else', async () => {
  const path = await dockerArchive();
  await writeFile(`${path}.gz`, gzipSync(await readFile(path)));
  await writeFile(`${path}.zst`, zstdCompressSync(await readFile(path)));
  for (const [i, from] of [
    path,
    `${path}:1`,
    `${path}:h.io/app:1`,
    `${path}:app:1`,
    `${path}.gz`,
    `${path}.zst:1`,
  ].entries()) {
    expect(await cli('copy', '--verify', `docker-archive:${from}`, `${place(`d${i}`)}:1`)).toMatchObject({ status: 0 });
    expect(await tagsOf(`d${i}`)).toEqual(['1']);
    expect(await cli('fsck', place(`d${i}`))).toMatchObject({ status: 0 });
  }
  for (const from of [path, `${path}.gz`]) {
    const refused = await cli('copy', `oci-archive:${from}:1`, `${place('x')}:1`);
    expect(refused.status).toBe(1);
    expect(refused.err).toContain('a docker archive (docker save), not an OCI layout');
    expect(refused.err).toContain('docker-archive:');
  }
  expect(await cli('copy', `docker-archive:${path}:1`, `docker-archive:${path}:2`)).toMatchObject({ status: 1 });
});

test.each([
  ['./', './'],
  ['/', '/'],
  ['', './'],
  ['/', ''],
])('docker-archive: files are named with %j in the tar and with %j in manifest.json', async (inTar, listed) => {
  const layer = 'layer'.repeat(2048);
  const config = JSON.stringify({ rootfs: { type: 'layers', diff_ids: [`sha256:${sha(layer)}`] } });
  const images = [{ Config: `${listed}c.json`, RepoTags: ['h.io/app:1'], Layers: [`${listed}one/layer.tar`] }];
  const files = { 'c.json': config, 'one/layer.tar': layer, 'manifest.json': JSON.stringify(images) };
  const path = join(dir, 'named.tar');
  const forged = Object.entries(files).map(([name, content]) => ({ type: '0', name: `${inTar}${name}`, content }));
  await writeFile(path, forgeTar([{ type: '5', name: inTar || './', content: '' }, ...forged]));
  expect(await cli('copy', '--verify', `docker-archive:${path}`, `${place('named')}:1`)).toMatchObject({ status: 0 });
  await writeFile(path, forgeTar([...forged, { type: '0', name: 'c.json', content: config }]));
  expect((await cli('copy', `docker-archive:${path}`, `${place('twice')}:1`)).err).toContain('duplicate name');
});

test('docker-archive: a layer that is not what its config declares is not copied', async () => {
  for (const change of [
    (layer: Buffer) => Buffer.from(layer).fill('x', 0, 4),
    (layer: Buffer) => gzipSync(Buffer.from(layer).fill('x', 0, 4)),
  ]) {
    await rm(join(dir, 'docker'), { recursive: true, force: true });
    const path = await dockerArchive(change);
    const { status, out, err } = await cli('copy', `docker-archive:${path}:1`, `${place('bad')}:1`);
    expect(status).not.toBe(0);
    expect(`${out}${err}`).toContain('ERR_EXPORT_DIGEST_MISMATCH');
  }
});

test('archives of something else, or packed one folder too high, say what they are', async () => {
  const pack = (name: string, ...args: string[]) => promisify(execFile)('tar', ['-cf', join(dir, name), ...args]);
  await layout.tag(await pushArtifact(layout, 'artifact'), '1');
  await layout.flush?.();
  await writeFile(join(dir, 'repositories'), '{}');
  await pack('high.tar', '-C', dir, 'l');
  await pack('old.tar', '-C', dir, 'repositories');
  expect((await cli('copy', `oci-archive:${dir}/high.tar:1`, place('out:1'))).err).toMatch(
    /the layout is in the directory "l" of the tar\nhint: pack the content of that directory/,
  );
  expect((await cli('copy', `docker-archive:${dir}/old.tar`, place('out:1'))).err).toMatch(
    /a tar without manifest.json\nhint: .*docker save/,
  );
});

test('docker-archive: compressed layers keep their bytes', async () => {
  const path = await dockerArchive((layer) => gzipSync(layer));
  expect(await cli('copy', '--verify', `docker-archive:${path}`, `${place('gz')}:1`)).toMatchObject({ status: 0 });
});

test('an archive of a layout is read compressed, and not written to', async () => {
  const artifact = await pushArtifact(layout, 'artifact');
  await layout.tag(artifact, '1');
  const tar = join(dir, 'l.tar');
  expect(await cli('copy', `${place('l')}:1`, `oci-archive:${tar}`)).toMatchObject({ status: 0 });
  for (const [name, pack] of [
    ['l.tar.gz', gzipSync],
    ['l.tar.zst', zstdCompressSync],
  ] as const) {
    const packed = join(dir, name);
    await writeFile(packed, pack(await readFile(tar)));
    expect(await cli('copy', '--all-tags', `oci-archive:${packed}`, place(`${name}.out`))).toMatchObject({ status: 0 });
    expect(await tagsOf(`${name}.out`)).toEqual(['1']);
    expect(await cli('tag', `oci-archive:${packed}:1`, '2')).toMatchObject({ status: 1 });
    expect(await cli('copy', `${place('l')}:1`, `oci-archive:${packed}:2`)).toMatchObject({
      status: 1,
      err: expect.stringContaining('is read-only'),
    });
  }
});
