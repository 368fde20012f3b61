import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addSeconds, instantOf, systemClock } from '#core';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { fillSource, type KitFixture, openKits } from './kit-fixture.ts';
import {
  cliBytes,
  jsonOf,
  openMirror,
  specHead,
  startRegistry,
  treeOf,
  withCatalog,
  writePem,
} from './mirror-fixture.ts';

let kits: KitFixture;
let kit: string;

beforeAll(async () => {
  kits = await openKits();
  kit = await kits.export('kit', '--unsigned');
});
afterAll(() => kits.registry.close());

const mirror = () => kits.mirror;

describe('a kit', () => {
  test('is the same from another registry with the same content, at another time, in another directory', async () => {
    const other = await startRegistry();
    try {
      for (const key of ['blobs', 'manifests', 'tags'] as const) {
        for (const [name, value] of kits.registry[key]) {
          if (name.startsWith('apps/')) (other[key] as Map<string, unknown>).set(name, value);
        }
      }
      const spec = mirror().path('other.yaml');
      const head = specHead(other.host, `${kits.registry.host}/mirrors/main`);
      await writeFile(spec, `${head}  - { name: "apps/*", signatures: none }\n`);
      const to = mirror().path('from-other');
      expect(await cliBytes('mirror', 'export', spec, '--to', to)).toMatchObject({ status: 0 });
      expect(await treeOf(to)).toEqual(await treeOf(kit));
    } finally {
      await other.close();
    }
  });

  test('as a tar replaces nothing but a file, and waits for no pipe', async () => {
    const dir = await makeTempDir();
    await mkdir(join(dir, 'folder.tar'));
    for (const name of ['pipe.tar', 'kit.tar.part']) execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(dir, name)]);
    for (const name of ['folder.tar', 'pipe.tar', 'kit.tar']) {
      const { status, err } = await mirror().exportTo(join(dir, name));
      expect([status, err]).toEqual([1, expect.stringMatching(/NOT_WRITABLE.*not a regular file/) as string]);
    }
    expect((await readdir(dir)).sort()).toEqual(['folder.tar', 'kit.tar.part', 'pipe.tar']);
  });

  test('as a tar holds the files of the directory, oci-layout first', async () => {
    const tar = mirror().path('kit.tar');
    expect(await mirror().exportTo(tar)).toMatchObject({ status: 0 });
    const names = execFileSync('tar', ['-tf', tar]).toString().split('\n').slice(0, -1);
    expect(names[0]).toBe('oci-layout');
    const dir = await makeTempDir();
    execFileSync('tar', ['-xf', tar, '-C', dir]);
    expect(await treeOf(dir)).toEqual(await treeOf(kit));
    const planned = jsonOf(await cliBytes('mirror', 'plan', mirror().spec, '--output', 'json'));
    expect(planned.tarBytes).toBe((await stat(tar)).size);
    expect(planned.kit).toBe(
      `sha256:${createHash('sha256')
        .update(await readFile(join(kit, 'kit.json')))
        .digest('hex')}`,
    );
  });

  test('to stdout goes on at any offset', async () => {
    const whole = await mirror().exportTo('-');
    expect(whole.status).toBe(0);
    expect(whole.out.equals(await tarOf())).toBe(true);
    for (const offset of [1, 511, 512, 5000, 100_000, whole.out.length - 1, whole.out.length]) {
      const { status, out } = await mirror().exportTo('-', '--offset', String(offset));
      expect([status, out.equals(whole.out.subarray(offset))]).toEqual([0, true]);
    }
    for (const more of [
      ['--offset', String(whole.out.length + 1)],
      ['--offset', '-1'],
      ['--offset', 'x'],
    ]) {
      expect(await mirror().exportTo('-', ...more)).toMatchObject({ status: 2, out: Buffer.alloc(0) });
    }
    expect(await mirror().exportTo(mirror().path('x.tar'), '--offset', '5')).toMatchObject({ status: 2 });
  });

  test('is signed with Ed25519 alone, the same each time', async () => {
    await writePem(mirror().path('p256.pem'), 'p256');
    const refused = await mirror().exportTo(mirror().path('p256'), '--kit-key', mirror().path('p256.pem'));
    expect(refused).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_KEY_INVALID') });
    const signed = await kits.export('signed');
    const again = await kits.export('signed-again');
    expect(await treeOf(signed)).toEqual(await treeOf(again));
    const { 'checksums.txt.sig': signature, ...rest } = await treeOf(signed);
    expect(signature).toBeDefined();
    expect(rest).toEqual(await treeOf(kit));
  });
});

test('files in trust/ have names that an import accepts, and no two have one name', async () => {
  const spec = await readFile(mirror().spec, 'utf8');
  const use = (...paths: string[]) =>
    writeFile(mirror().spec, spec.replace('repositories:', `trust: [${paths.join(', ')}]\nrepositories:`));
  const dir = await makeTempDir();
  for (const name of ['my key.pub', '.key.pub', 'kéy.pub']) {
    await writeFile(join(dir, name), 'key');
    await use(`"${join(dir, name)}"`);
    const ended = await mirror().exportTo(mirror().path('trust'));
    expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_MIRROR_SPEC') });
    expect(ended.err).toContain('hint: ');
  }
  await writeFile(join(dir, 'online.pem.pub'), 'another');
  await use(join(dir, 'online.pem.pub'), mirror().path('online.pem.pub'));
  expect(await mirror().exportTo(mirror().path('trust'))).toMatchObject({ status: 2 });
  await writeFile(mirror().spec, spec);
});

async function tarOf(): Promise<Buffer> {
  const path = mirror().path('reference.tar');
  expect(await mirror().exportTo(path)).toMatchObject({ status: 0 });
  return readFile(path);
}

/** The bytes with one of them changed. */
function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

describe('an export', () => {
  test.each(['again', 'again.tar'])('to %s writes nothing the second time and asks for no content', async (name) => {
    const to = mirror().path(name);
    expect(await mirror().exportTo(to)).toMatchObject({ status: 0 });
    const stamp = async () => {
      const names = name.endsWith('.tar') ? [''] : Object.keys(await treeOf(to));
      return Promise.all(names.map(async (file) => (await stat(join(to, file), { bigint: true })).ctimeNs));
    };
    const before = await stamp();
    kits.registry.seen.length = 0;
    expect(jsonOf(await mirror().exportTo(to, '--output', 'json')).bytesWritten).toBe(0);
    expect(await stamp()).toEqual(before);
    expect(kits.registry.seen.filter(({ path }) => /\/apps\/.*\/(blobs|manifests)\//.test(path))).toEqual([]);
  });

  test('into a directory of another kit or with other content is refused, and changes nothing', async () => {
    const other = mirror().path('other-content');
    await mkdir(other);
    await writeFile(join(other, 'notes.txt'), 'mine');
    const older = mirror().path('older');
    await cp(kit, older, { recursive: true });
    await writeFile(join(older, 'kit.json'), '{}');
    for (const to of [other, older]) {
      const before = await treeOf(to);
      const ended = await mirror().exportTo(to);
      expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_USAGE') });
      expect(ended.err).toContain('hint: ');
      expect(await treeOf(to)).toEqual(before);
    }
  });

  test('finds what is damaged in size, and completes a tar that was cut short', async () => {
    const whole = await tarOf();
    for (const size of [0, 700, 20_000, 150_000, whole.length - 1]) {
      const to = mirror().path(`cut-${size}.tar`);
      await writeFile(`${to}.part`, whole.subarray(0, size));
      expect(await mirror().exportTo(to)).toMatchObject({ status: 0 });
      expect((await readFile(to)).equals(whole)).toBe(true);
      expect(await stat(`${to}.part`).catch(() => undefined)).toBeUndefined();
    }
    const foreign = mirror().path('foreign.tar');
    await writeFile(`${foreign}.part`, Buffer.alloc(150_000, 1));
    expect(await mirror().exportTo(foreign)).toMatchObject({ status: 0 });
    expect((await readFile(foreign)).equals(whole)).toBe(true);
    const dir = mirror().path('shortened');
    await cp(kit, dir, { recursive: true });
    const kept = ['kit.json', 'oci-layout', 'index.json'];
    for (const path of Object.keys(await treeOf(dir))) if (!kept.includes(path)) await truncate(join(dir, path), 0);
    expect(await mirror().exportTo(dir)).toMatchObject({ status: 0 });
    expect(await treeOf(dir)).toEqual(await treeOf(kit));
  });

  test('repairs a content that was damaged after it was written, and fetches no other', async () => {
    const whole = await tarOf();
    const dir = mirror().path('rotten');
    await cp(kit, dir, { recursive: true });
    const [path = ''] = Object.keys(await treeOf(dir)).filter((name) => name.startsWith('blobs/'));
    const bytes = await readFile(join(dir, path));
    await rm(join(dir, path));
    await writeFile(join(dir, path), flipped(bytes, bytes.length - 1));
    expect(jsonOf(await mirror().exportTo(dir, '--output', 'json')).bytesWritten).toBe(bytes.length);
    expect(await treeOf(dir)).toEqual(await treeOf(kit));
    // Within a content, in a header, in what fills a block.
    for (const at of [whole.length - 3000, whole.indexOf('blobs/sha256/'), whole.length - 1025]) {
      for (const [name, size] of [
        ['', whole.length],
        ['.part', whole.length],
        ['.part', at + 1],
      ] as const) {
        const to = mirror().path(`rotten-${at}-${size}${name}.tar`);
        await writeFile(`${to}${name}`, flipped(whole, at).subarray(0, size));
        expect(await mirror().exportTo(to)).toMatchObject({ status: 0 });
        expect((await readFile(to)).equals(whole)).toBe(true);
      }
    }
  });

  test('goes on in a directory where one was killed before its first file', async () => {
    const to = mirror().path('killed-first');
    await mkdir(to);
    await writeFile(join(to, '.0123456789abcdef01.tmp'), 'half');
    expect(await mirror().exportTo(to)).toMatchObject({ status: 0 });
    expect(await treeOf(to)).toEqual(await treeOf(kit));
  });

  test.each(['lost', 'lost.tar', '-'])('to %s ends with 5 where the source has lost what is listed', async (to) => {
    const lost = [...kits.registry.blobs].filter(([key]) => key.startsWith('apps/'));
    const before = new Map(kits.registry.blobs);
    for (const [key] of lost) kits.registry.blobs.delete(key);
    try {
      const ended = await mirror().exportTo(to === '-' ? to : mirror().path(to));
      expect(ended).toMatchObject({ status: 5, err: expect.stringContaining('ERR_EXPORT_SOURCE_MOVED') });
      expect(ended.err).toContain('export-center mirror snapshot');
    } finally {
      for (const [key, bytes] of before) kits.registry.blobs.set(key, bytes);
    }
    if (to !== '-') expect(await mirror().exportTo(mirror().path(to))).toMatchObject({ status: 0 });
  });

  test('without a snapshot says so', async () => {
    const registry = await startRegistry();
    try {
      const fresh = await openMirror(registry.host);
      await fillSource(registry.host, fresh.cosign.signer);
      await fresh.writeSpec('  - { name: apps/web, signatures: none }\n');
      const ended = await fresh.exportTo(fresh.path('kit'));
      expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_TUF_STATE') });
      expect(ended.err).toContain('hint: take a snapshot first');
      registry.fault = withCatalog(registry);
    } finally {
      await registry.close();
    }
  });
});

test('plan and export say until when the zone accepts the kit', async () => {
  const { expiry } = jsonOf(await cliBytes('mirror', 'plan', mirror().spec, '--output', 'json'));
  const timestamp = readJson(await readFile(mirror().path('tuf', 'metadata', 'timestamp.json'), 'utf8'));
  expect(expiry).toEqual({ role: 'timestamp', expires: timestamp.signed.expires });
  const ended = await mirror().exportTo(mirror().path('valid'));
  expect(ended.out.toString()).toContain(`valid until ${expiry.expires}, when its timestamp expires`);
  expect(ended.err).not.toContain('warning');
});

test('export warns of metadata that has expired, and names what renews it', async () => {
  const at = addSeconds(instantOf(systemClock.now()), -10 * 86_400);
  const old = await openKits({ at, rootDays: 5 });
  try {
    const kit = mirror().path('old');
    jsonOf(await old.mirror.snapshot('--output', 'json'));
    const ended = await old.mirror.exportTo(kit);
    expect(ended).toMatchObject({ status: 0, err: expect.stringContaining('warning: root in ') });
    expect(ended.err).toContain(`next: export-center tuf rotate ${old.mirror.path('tuf')} root`);
    const imported = await old.mirror.importTo(kit, `oci:${mirror().path('old-zone')}`);
    expect(imported).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_TUF_EXPIRED') });
  } finally {
    await old.registry.close();
  }
});

test.each([
  ['kit.tar.gz', 'a kit is not compressed'],
  ['kit.tgz', 'a kit is not compressed'],
  ['oci:kit', 'a reference, not a path'],
])('--to %s is refused instead of becoming a directory', async (to, words) => {
  const ended = await mirror().exportTo(to);
  expect(ended).toMatchObject({ status: 2, err: expect.stringContaining(words) });
  expect(ended.err).toContain('hint: ');
  await expect(stat(to)).rejects.toThrow('ENOENT');
});

test('--to a file that is not a tar by its name is refused, and says how to write one', async () => {
  const file = mirror().path('kitfile');
  await writeFile(file, 'x');
  const ended = await mirror().exportTo(file);
  expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('kitfile: a file, not a directory') });
  expect(ended.err).toContain('ends with .tar');
});

test('verify.sh takes KIT_KEY relative to where it is started', async () => {
  const bin = await makeTempDir();
  const seen = join(bin, 'seen');
  await writeFile(join(bin, 'cosign'), `#!/bin/sh\ncat "$3" > ${seen}\n`, { mode: 0o755 });
  const signed = await kits.export('signed');
  for (const key of ['stream.pem.pub', mirror().path('stream.pem.pub')]) {
    const env = { PATH: `${bin}:${process.env['PATH']}`, KIT_KEY: key };
    execFileSync('sh', [join(signed, 'verify.sh')], { cwd: mirror().dir, env });
    expect(await readFile(seen, 'utf8')).toBe(await readFile(mirror().path('stream.pem.pub'), 'utf8'));
    await rm(seen);
  }
});
