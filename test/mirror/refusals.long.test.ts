import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addSeconds, type Instant, instantOf, mediaTypes, systemClock } from '#core';
import { encodeKitIndex, type KitSnapshot, repositoriesOf } from '../../src/mirror/kit/contents.ts';
import { contentsOf } from '../../src/mirror/snapshot.ts';
import { readJson } from '../core/read-json.ts';
import type { RegistryDouble } from '../oci/registry-double.ts';
import { copyOf, flipByte, forge, type KitFixture, kitJson, openKits, pushTagged } from './kit-fixture.ts';
import { contentOf, type Ended, jsonOf, startRegistry, treeOf, within, writePem } from './mirror-fixture.ts';

const DAY = 86_400;
const NOW = instantOf(systemClock.now());
const later = (days: number): Instant => addSeconds(NOW, days * DAY);

let kits: KitFixture;
/** The first kit of the stream and the one after it, both signed. */
let first: string;
let second: string;
let zone: RegistryDouble;
let states = 0;

beforeAll(async () => {
  kits = await openKits();
  first = await kits.export('first');
  await within(`${kits.registry.host}/apps/web`, (repository) => pushTagged(repository, '1.1', 'next'));
  second = await kits.export('second');
  zone = await startRegistry();
});
afterAll(async () => {
  await kits.registry.close();
  await zone.close();
});

const newState = () => kits.mirror.path(`state-${++states}`);

/** A registry and a layout refuse the kit alike, and neither they nor a request have written anything. */
function fullIndexOf(snapshot: KitSnapshot): Uint8Array {
  const repositories = repositoriesOf(snapshot);
  return encodeKitIndex(repositories, new Set(contentsOf(repositories).map(({ digest }) => digest)));
}

async function expectRefused(kit: string, code: string, words: string | readonly string[] = [], ...more: string[]) {
  const layout = kits.mirror.path(`layout-${++states}`);
  const [registryBefore, stateOption] = [contentOf(zone), more.includes('--state')];
  zone.seen.length = 0;
  for (const to of [zone.host, `oci:${layout}`]) {
    const ended: Ended = await kits.mirror.importTo(kit, to, ...(stateOption ? [] : ['--state', newState()]), ...more);
    expect({ status: ended.status, err: ended.err }).toEqual({
      status: 3,
      err: expect.stringContaining(`error ${code}: `),
    });
    for (const word of [words].flat()) expect(ended.err).toContain(word);
    expect(ended.err).toContain('hint: ');
  }
  expect(contentOf(zone)).toBe(registryBefore);
  expect(zone.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([]);
  expect(await readdir(layout).catch(() => 'absent')).toBe('absent');
}

/** A state that has accepted a kit, over a layout. */
async function stateAfter(kit: string, ...more: string[]): Promise<string> {
  const state = newState();
  const ended = await kits.mirror.importTo(kit, `oci:${kits.mirror.path(`old-${states}`)}`, '--state', state, ...more);
  expect(ended).toMatchObject({ status: 0 });
  return state;
}

describe('time', () => {
  test('a replayed older kit', async () => {
    const state = await stateAfter(second);
    await expectRefused(first, 'ERR_EXPORT_TUF_ROLLBACK', 'snapshot 1, but 2 was imported', '--state', state);
  });

  test('a clock that was set back', async () => {
    const state = await stateAfter(first, '--at', later(2));
    await expectRefused(first, 'ERR_EXPORT_TUF_CLOCK', '', '--state', state, '--at', later(1));
  });

  test.each([
    ['a timestamp', 8, 'timestamp'],
    ['a snapshot', 31, 'snapshot'],
  ])('%s that has expired, unless that was so shortly ago as is accepted', async (_, days, role) => {
    await expectRefused(first, 'ERR_EXPORT_TUF_EXPIRED', '', '--at', later(days));
    await expectRefused(first, 'ERR_EXPORT_TUF_EXPIRED', '', '--at', later(days), '--accept-expired', '1h');
    const zoneKey = kits.mirror.path('zone.pem');
    const state = newState();
    const to = `oci:${kits.mirror.path(`waived-${role}`)}`;
    const waiving = ['--at', later(days), '--accept-expired', '30d', '--zone-key', zoneKey, '--state', state];
    const report = jsonOf(await kits.mirror.importTo(first, to, ...waiving, '--output', 'json'));
    expect(report.waived.map((each: { role: string }) => each.role)).toContain(role);
    const envelope = readJson(await readFile(report.receipt, 'utf8'));
    const statement = readJson(Buffer.from(envelope.payload, 'base64').toString());
    expect(statement.predicate.mirror.waived).toEqual(report.waived);
    expect(statement.predicate).toMatchObject({ timeVerified: later(days), verificationResult: 'PASSED' });
    const text = await kits.mirror.importTo(first, to, ...waiving);
    expect(text.out.toString()).toContain(`waived: ${role} `);
  });

  test('an expired stream, and an expired root, which nothing waives', async () => {
    const waive = ['--accept-expired', '1000d'];
    await expectRefused(first, 'ERR_EXPORT_TUF_EXPIRED', 'main', '--at', later(91), ...waive);
    await expectRefused(first, 'ERR_EXPORT_TUF_EXPIRED', 'root', '--at', later(366), ...waive);
  });
});

describe('another maker', () => {
  test('a root that is not the one of the zone', async () => {
    const other = await openKits();
    try {
      const kit = await other.export('kit');
      await expectRefused(kit, 'ERR_EXPORT_SIGNATURE_INVALID');
      await expectRefused(first, 'ERR_EXPORT_SIGNATURE_INVALID', '', '--trust', other.mirror.root);
    } finally {
      await other.registry.close();
    }
    for (const notRoot of ['tuf/metadata/timestamp.json', 'README.txt']) {
      const ended = await kits.mirror.importTo(
        first,
        zone.host,
        '--trust',
        join(first, notRoot),
        '--state',
        newState(),
      );
      expect(ended.status).not.toBe(0);
      expect(ended.err).toContain('hint: ');
    }
  });

  test('another key for the kit itself', async () => {
    await writePem(kits.mirror.path('other-signer.pem'));
    const kit = kits.mirror.path('by-another-key');
    expect(await kits.mirror.exportTo(kit, '--kit-key', kits.mirror.path('other-signer.pem'))).toMatchObject({
      status: 0,
    });
    await expectRefused(kit, 'ERR_EXPORT_SIGNATURE_INVALID', 'a key of stream main');
    const key = kits.mirror.path('other-signer.pem.pub');
    await expectRefused(second, 'ERR_EXPORT_SIGNATURE_INVALID', 'the key of --kit-key', '--kit-key', key);
    const unsigned = await copyOf(second);
    await rm(join(unsigned, 'checksums.txt.sig'));
    await expectRefused(unsigned, 'ERR_EXPORT_SIGNATURE_MISSING', '', '--kit-key', key);
  });

  test('a kit of another stream', async () => {
    const kit = await copyOf(second);
    const json = await kitJson(kit);
    await forge(kit, { 'kit.json': JSON.stringify({ ...json, stream: 'other' }) });
    await expectRefused(kit, 'ERR_EXPORT_KIT_INVALID');
    const state = await stateAfter(first);
    await expectRefused(kit, 'ERR_EXPORT_STREAM_MISMATCH', 'stream other', '--state', state);
  });
});

describe('parts of several kits', () => {
  test('a timestamp of one and a snapshot of the other', async () => {
    const mixed = await copyOf(second);
    await cp(join(first, 'tuf/metadata/timestamp.json'), join(mixed, 'tuf/metadata/timestamp.json'));
    await expectRefused(mixed, 'ERR_EXPORT_TUF_MISMATCH', 'snapshot.json: missing');
    const names = await readdir(join(second, 'tuf/metadata'));
    const newest = names.find((name) => /^\d+\.snapshot\.json$/.test(name)) ?? '';
    const renamed = await copyOf(second);
    const old = (await readdir(join(first, 'tuf/metadata'))).find((name) => /snapshot/.test(name)) ?? '';
    await cp(join(first, 'tuf/metadata', old), join(renamed, 'tuf/metadata', newest));
    await expectRefused(renamed, 'ERR_EXPORT_TUF_MISMATCH');
  });

  test('an older snapshot with the metadata of today', async () => {
    const kit = await copyOf(first);
    await rm(join(kit, 'tuf'), { recursive: true });
    await cp(join(second, 'tuf'), join(kit, 'tuf'), { recursive: true });
    const [target = ''] = await readdir(join(first, 'tuf/targets'));
    await cp(join(first, 'tuf/targets', target), join(kit, 'tuf/targets', target));
    await rm(join(kit, 'checksums.txt.sig'));
    await expectRefused(kit, 'ERR_EXPORT_TUF_ROLLBACK', 'lists a newer one');
  });

  test('a sequence number that was altered', async () => {
    for (const [sequence, code] of [
      [1, 'ERR_EXPORT_TUF_ROLLBACK'],
      [3, 'ERR_EXPORT_KIT_INVALID'],
    ] as const) {
      const kit = await copyOf(second);
      await forge(kit, { 'kit.json': JSON.stringify({ ...(await kitJson(kit)), sequence }) });
      await expectRefused(kit, code);
    }
  });
});

describe('damage', () => {
  const classes: readonly (readonly [string, RegExp])[] = [
    ['a blob', /^blobs\/sha256\//],
    ['kit.json', /^kit\.json$/],
    ['index.json', /^index\.json$/],
    ['oci-layout', /^oci-layout$/],
    ['checksums.txt', /^checksums\.txt$/],
    ['its signature', /^checksums\.txt\.sig$/],
    ['README.txt', /^README\.txt$/],
    ['verify.sh', /^verify\.sh$/],
    ['TUF metadata', /^tuf\/metadata\//],
    ['a TUF target', /^tuf\/targets\//],
    ['trust', /^trust\//],
  ];

  /** The second kit, with a key in trust/. */
  let kit: string;
  let names: string[];
  beforeAll(async () => {
    const spec = await readFile(kits.mirror.spec, 'utf8');
    await writeFile(
      kits.mirror.spec,
      spec.replace('repositories:', `trust: [${kits.mirror.cosign.publicFile}]\nrepositories:`),
    );
    kit = await kits.export('with-trust');
    await writeFile(kits.mirror.spec, spec);
    names = Object.keys(await treeOf(kit));
  });

  test('each class of files is there', () => {
    for (const name of names) expect(classes.filter(([, pattern]) => pattern.test(name))).toHaveLength(1);
    for (const [, pattern] of classes) expect(names.some((name) => pattern.test(name))).toBe(true);
  });

  test.each(classes)('one byte flipped in %s: at its beginning, in the middle, at its end', async (_, pattern) => {
    const damaged = await copyOf(kit);
    for (const name of names.filter((each) => pattern.test(each))) {
      const path = join(damaged, name);
      const bytes = await readFile(path);
      for (const at of new Set([0, bytes.length >> 1, bytes.length - 1])) {
        await flipByte(path, at);
        const state = newState();
        const ended = await kits.mirror.importTo(damaged, zone.host, '--state', state);
        expect({ name, at, status: ended.status, err: ended.err }).toMatchObject({
          status: 3,
          err: expect.stringContaining('hint: '),
        });
        await writeFile(path, bytes);
      }
    }
    expect(zone.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([]);
  });

  test.each(classes)('a missing file: %s', async (_, pattern) => {
    const damaged = await copyOf(kit);
    for (const name of names.filter((each) => pattern.test(each) && each !== 'checksums.txt.sig')) {
      await rename(join(damaged, name), join(damaged, 'aside'));
      const ended = await kits.mirror.importTo(damaged, zone.host, '--state', newState());
      expect({ name, status: ended.status, err: ended.err }).toMatchObject({
        status: 3,
        err: expect.stringMatching(/ERR_EXPORT_(KIT_INCOMPLETE|KIT_INVALID|TUF_MISMATCH)/),
      });
      expect(ended.err).toContain('hint: ');
      await rename(join(damaged, 'aside'), join(damaged, name));
    }
  });

  test('every missing blob is named, and every damaged one', async () => {
    const { digest } = (await kitJson(kit)).snapshot;
    const pathOf = (of: string) => `blobs/${of.replace(':', '/')}`;
    const [document] = readJson(await readFile(join(kit, pathOf(digest)), 'utf8')).layers;
    const blobs = names.filter((name) => name.startsWith('blobs/') && name !== pathOf(document.digest));
    const digests = blobs.map((name) => name.replace('blobs/', '').replace('/', ':'));
    const hollow = await copyOf(kit);
    for (const name of blobs) await rm(join(hollow, name));
    await expectRefused(hollow, 'ERR_EXPORT_KIT_INCOMPLETE', digests);
    const spoilt = await copyOf(kit);
    const evidence = (await kitJson(kit)).snapshot.evidence.map((each: { digest: string }) => pathOf(each.digest));
    const others = blobs.filter((name) => !evidence.includes(name));
    for (const name of others) await flipByte(join(spoilt, name));
    const damaged = others.map((name) => name.replace('blobs/', '').replace('/', ':'));
    await expectRefused(spoilt, 'ERR_EXPORT_KIT_INVALID', damaged);
  });

  test('an extra file in checksums.txt, and a file listed twice', async () => {
    const extra = await copyOf(kit);
    await rm(join(extra, 'checksums.txt.sig'));
    await forge(extra, { 'extra.sh': 'rm -rf /' });
    await expectRefused(extra, 'ERR_EXPORT_KIT_INVALID', 'extra.sh (not part of a kit)');
    const twice = await copyOf(kit);
    await rm(join(twice, 'checksums.txt.sig'));
    const sums = await readFile(join(twice, 'checksums.txt'), 'utf8');
    await writeFile(join(twice, 'checksums.txt'), `${sums}${sums.split('\n')[0]}\n`);
    await expectRefused(twice, 'ERR_EXPORT_KIT_INVALID', 'checksums.txt');
  });

  test('a tag that is swapped inside index.json', async () => {
    const swapped = await copyOf(kit);
    await rm(join(swapped, 'checksums.txt.sig'));
    const index = await readFile(join(swapped, 'index.json'), 'utf8');
    const [a, b] = ['apps/web:1.0"', 'apps/web:latest"'];
    const changed = index.replace(a, 'XX').replace(b, a).replace('XX', b);
    expect(changed).not.toBe(index);
    await forge(swapped, { 'index.json': changed });
    await expectRefused(swapped, 'ERR_EXPORT_KIT_INVALID', 'index.json');
  });

  test('evidence in kit.json that is not the snapshot’s: a tag, a repository, a manifest, blobs', async () => {
    const json = await kitJson(kit);
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: { mediaType: mediaTypes.ociEmpty, digest: `sha256:${hex('{}')}`, size: 2 },
        layers: [],
      }),
    );
    const digest = hex(manifest);
    const blobs = [{ digest: `sha256:${hex('{}')}`, sizeBytes: 2 }];
    const own = { digest: `sha256:${digest}`, sizeBytes: manifest.length, blobs };
    const signature = `${json.snapshot.digest.replace(':', '-')}.sbom`;
    const sorted = (evidence: object[]) =>
      evidence.toSorted((a, b) => ((a as typeof own).digest < (b as typeof own).digest ? -1 : 1));
    const forgeries: readonly (readonly [object, string])[] = [
      [{ evidence: sorted([...json.snapshot.evidence, { ...own, tag: 'stable' }]) }, 'has the tag stable'],
      [{ evidence: sorted([...json.snapshot.evidence, own]) }, 'refers to something else'],
      [{ evidence: sorted([...json.snapshot.evidence, { ...own, tag: signature, blobs: [] }]) }, 'names other blobs'],
      [{ repository: 'apps/web' }, 'another repository of snapshots'],
      [{ repository: 'apps/else' }, 'another repository of snapshots'],
    ];
    const [document] = readJson(await readFile(join(kit, blobOf(json.snapshot.digest)), 'utf8')).layers;
    const snapshot = readJson(await readFile(join(kit, blobOf(document.digest)), 'utf8'));
    const manifestBytes = (await readFile(join(kit, blobOf(json.snapshot.digest)))).length;
    for (const [change, words] of forgeries) {
      const copy = await copyOf(kit);
      await rm(join(copy, 'checksums.txt.sig'));
      const forged = { ...json, snapshot: { ...json.snapshot, ...change } };
      const state = {
        kit: forged,
        snapshot,
        manifestBytes,
        document: { digest: document.digest, sizeBytes: document.size },
      };
      await forge(copy, {
        'kit.json': JSON.stringify(forged),
        'index.json': fullIndexOf(state),
        [`blobs/sha256/${digest}`]: manifest,
      });
      await expectRefused(copy, 'ERR_EXPORT_KIT_INVALID', words);
    }
  });

  test('path tricks in kit.json', async () => {
    const json = await kitJson(kit);
    const [file] = json.files;
    for (const change of [
      { files: [{ ...file, path: '../../etc/passwd' }] },
      { files: [{ ...file, path: 'tuf/metadata/../../../etc/passwd' }] },
      { files: [{ ...file, path: '/etc/passwd' }] },
      { snapshot: { ...json.snapshot, repository: '../x' } },
      { snapshot: { ...json.snapshot, tag: '../x' } },
      { stream: '../x' },
    ]) {
      const copy = await copyOf(kit);
      await forge(copy, { 'kit.json': JSON.stringify({ ...json, ...change }) });
      await expectRefused(copy, 'ERR_EXPORT_KIT_INVALID');
    }
  });
});

describe('a tar', () => {
  const tarOf = async (dir: string, ...args: string[]): Promise<string> => {
    const tar = `${dir}.tar`;
    execFileSync('tar', ['-cf', tar, '-C', dir, ...(args.length > 0 ? args : ['.'])]);
    return tar;
  };

  test('with path tricks or links in it', async () => {
    const kit = await copyOf(second);
    const parent = join(kit, '..');
    await writeFile(join(parent, 'outside'), 'x');
    const transforms = [
      's,^README.txt$,../README.txt,',
      's,^README.txt$,/README.txt,',
      's,^README.txt$,a/../../README.txt,',
    ];
    for (const [i, transform] of transforms.entries()) {
      const tar = join(parent, `${i}.tar`);
      const names = Object.keys(await treeOf(kit));
      execFileSync('tar', ['-cPf', tar, '-C', kit, `--transform=${transform}`, ...names]);
      const ended = await kits.mirror.importTo(tar, zone.host, '--state', newState());
      expect(ended.status).not.toBe(0);
      expect(ended.err).toContain('hint: ');
    }
    for (const [name, target] of [
      ['README.txt', '/etc/passwd'],
      ['kit.json', 'index.json'],
      ['trust/key', '../../outside'],
    ] as const) {
      const linked = await copyOf(kit);
      await mkdir(join(linked, 'trust'), { recursive: true });
      await rm(join(linked, name), { force: true });
      await symlink(target, join(linked, name));
      const ended = await kits.mirror.importTo(await tarOf(linked), zone.host, '--state', newState());
      expect({ name, status: ended.status }).not.toMatchObject({ status: 0 });
      expect(ended.err).toContain('hint: ');
    }
    expect(zone.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([]);
  });

  test('that is cut short, damaged, or not a tar', async () => {
    const tar = await tarOf(await copyOf(second));
    const bytes = await readFile(tar);
    for (const damaged of [bytes.subarray(0, bytes.length >> 1), Buffer.from('kit'), Buffer.alloc(0)]) {
      await writeFile(tar, damaged);
      const ended = await kits.mirror.importTo(tar, zone.host, '--state', newState());
      expect(ended.status).not.toBe(0);
      expect(ended.err).toMatch(/hint: (?:copy the kit again|specify the directory or the tar)/);
    }
    await writeFile(tar, gzipSync(bytes));
    const compressed = await kits.mirror.importTo(tar, zone.host, '--state', newState());
    expect(compressed.err).toMatch(/compressed.*\nhint: copy the kit again.*without compression/);
    await writeFile(tar, bytes);
    await flipByte(tar, bytes.indexOf('This is a mirror kit') + 5);
    await expectRefused(tar, 'ERR_EXPORT_KIT_INVALID', 'README.txt');
  });

  test('with a --trust that is not a root is not the fault of the kit, and says what to specify', async () => {
    for (const other of [join(second, 'tuf/metadata/timestamp.json'), kits.mirror.path('stream.pem.pub')]) {
      await expectRefused(
        second,
        'ERR_EXPORT_TUF_INVALID',
        ['the trusted root', 'specify 1.root.json'],
        '--trust',
        other,
      );
    }
  });

  test('with a --zone-key of another kind says how to make one', async () => {
    const key = kits.mirror.path('p256.pem');
    await writePem(key, 'p256');
    const ended = await kits.mirror.importTo(second, zone.host, '--state', newState(), '--zone-key', key);
    expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('keys generate --type ed25519 --out DIR') });
  });

  test('of another directory is not a kit', async () => {
    const dir = await copyOf(second);
    await rm(join(dir, 'kit.json'));
    await expectRefused(dir, 'ERR_EXPORT_KIT_INVALID', 'not a mirror kit');
    expect(await kits.mirror.importTo(join(dir, 'absent'), zone.host)).toMatchObject({ status: 1 });
  });
});

function blobOf(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function hex(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
