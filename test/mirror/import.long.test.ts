import { execFileSync } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeShortCode } from '#mirror';
import { packManifest, parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { readJson } from '../core/read-json.ts';
import { describe as describeContent, inPieces, pushBytes } from '../oci/content.ts';
import { type RegistryDouble, sendError } from '../oci/registry-double.ts';
import { copyOf, forge, type KitFixture, kitJson, openKits, pushTagged } from './kit-fixture.ts';
import {
  cliBytes,
  contentOf,
  jsonOf,
  openMirror,
  startRegistry,
  treeOf,
  withCatalog,
  within,
} from './mirror-fixture.ts';

let kits: KitFixture;
let first: string;
let second: string;
let count = 0;

beforeAll(async () => {
  kits = await openKits();
  first = await kits.export('first');
  await within(`${kits.registry.host}/apps/web`, (repository) => pushTagged(repository, 'latest', 'moved'));
  second = await kits.export('second');
});
afterAll(() => kits.registry.close());

const fresh = (name: string) => kits.mirror.path(`${name}-${++count}`);
const writes = (registry: RegistryDouble) => registry.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method));

/** A registry for one test. */
async function withZone<T>(work: (zone: RegistryDouble) => Promise<T>): Promise<T> {
  const zone = await startRegistry();
  try {
    return await work(zone);
  } finally {
    await zone.close();
  }
}

describe('an import', () => {
  test('into a registry brings every tag, manifest, blob and referrer, and ends with a report', () =>
    withZone(async (zone) => {
      const report = jsonOf(
        await kits.mirror.importTo(first, zone.host, '--state', fresh('state'), '--output', 'json'),
      );
      const held = [...zone.blobs.keys(), ...zone.manifests.keys()].map((key) => key.split(' ')[1]);
      const blobs = Object.keys(await treeOf(first)).filter((name) => name.startsWith('blobs/'));
      const digests = blobs.map((name) => name.replace('blobs/', '').replace('/', ':'));
      expect(held).toEqual(expect.arrayContaining(digests));
      for (const tag of ['apps/web 1.0', 'apps/api 2.0']) expect(zone.tags.get(tag)).toBe(kits.registry.tags.get(tag));
      expect(report).toMatchObject({ stream: 'main', sequence: 1, target: zone.host, isSigned: true, waived: [] });
      expect(report.fidelity).toMatchObject({ repositories: 3, lacking: [] });
      expect([...zone.tags.keys()]).toEqual(
        expect.arrayContaining([
          'apps/web 1.0',
          'apps/web latest',
          'apps/api 2.0',
          'mirrors/main main.1',
          'mirrors/main main.state',
        ]),
      );
      const status = await cliBytes('mirror', 'status', '--state', fresh('none'));
      expect(status.out.toString()).toBe('nothing imported\n');
    }));

  test('copies the rest of what one refused manifest is not a part of, and names that one', () =>
    withZone(async (zone) => {
      const digest = kits.registry.tags.get('apps/api 2.0') as string;
      zone.fault = withCatalog(zone, (request, response, path) => {
        const isRefused = request.method === 'PUT' && path.includes(`/apps/api/manifests/${digest}`);
        if (isRefused) sendError(response, 400, 'MANIFEST_INVALID');
        return isRefused;
      });
      const ended = await kits.mirror.importTo(first, zone.host, '--state', fresh('state'), '--output', 'json');
      expect(ended).toMatchObject({ status: 5, err: expect.stringContaining('ERR_EXPORT_INCOMPLETE') });
      const { fidelity } = readJson(ended.out.toString()) as { fidelity: { lacking: { name: string }[] } };
      expect(fidelity.lacking.map(({ name }) => name)).toEqual([`apps/api@${digest}`, 'apps/api:2.0']);
      expect([...zone.tags.keys()]).toEqual(expect.arrayContaining(['apps/web 1.0', 'mirrors/main main.1']));
      expect([...zone.tags.keys()]).not.toContain('apps/api 2.0');
      zone.fault = withCatalog(zone);
      expect(await kits.mirror.importTo(first, zone.host, '--state', fresh('state'))).toMatchObject({ status: 0 });
    }));

  test('with a prefix puts every repository below it', () =>
    withZone(async (zone) => {
      const ended = await kits.mirror.importTo(first, `${zone.host}/team/zone`, '--state', fresh('state'));
      expect(ended).toMatchObject({ status: 0 });
      const names = new Set([...zone.tags.keys()].map((key) => key.split(' ')[0]));
      expect([...names].sort()).toEqual(['team/zone/apps/api', 'team/zone/apps/web', 'team/zone/mirrors/main']);
    }));

  test.each(['the directory', 'the tar'])('from %s into a layout is read there by repository and tag', async (form) => {
    const kit = form === 'the tar' ? `${first}.tar` : first;
    const layout = fresh('layout');
    if (form === 'the tar') await tarOf(first, kit);
    expect(await kits.mirror.importTo(kit, `oci:${layout}`, '--state', fresh('state'))).toMatchObject({ status: 0 });
    const found = await openRepository(parseReference(`oci:${layout}:apps/web:1.0`), { env: {} });
    expect((await found.resolve('1.0'))?.digest).toBe(kits.registry.tags.get('apps/web 1.0'));
    await found.close();
    expect(await cliBytes('fsck', `oci:${layout}`)).toMatchObject({ status: 0 });
  });

  test('into the directory of the kit itself is refused', async () => {
    const kit = await copyOf(first);
    const ended = await kits.mirror.importTo(kit, `oci:${kit}/`, '--state', fresh('state'));
    expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('hint: ') });
    expect(await treeOf(kit)).toEqual(await treeOf(first));
  });

  test('run twice sends nothing, and changes no byte of a layout', () =>
    withZone(async (zone) => {
      const state = fresh('state');
      const layout = fresh('layout');
      const layoutState = fresh('state');
      expect(await kits.mirror.importTo(first, zone.host, '--state', state)).toMatchObject({ status: 0 });
      expect(await kits.mirror.importTo(first, `oci:${layout}`, '--state', layoutState)).toMatchObject({ status: 0 });
      const before = await treeOf(layout);
      zone.seen.length = 0;
      const again = jsonOf(await kits.mirror.importTo(first, zone.host, '--state', state, '--output', 'json'));
      expect(again).toMatchObject({ bytesSent: 0, tagged: [] });
      expect(writes(zone)).toEqual([]);
      expect(await kits.mirror.importTo(first, `oci:${layout}`, '--state', layoutState)).toMatchObject({ status: 0 });
      expect(await treeOf(layout)).toEqual(before);
      const { imported, code } = jsonOf(await cliBytes('mirror', 'status', '--state', state, '--output', 'json'));
      expect(imported).toMatchObject({ stream: 'main', sequence: 1, kit: again.kit, snapshot: again.snapshot });
      expect(code).toBe(again.code);
      expect(code).toBe(encodeShortCode(imported));
      const text = (await cliBytes('mirror', 'status', '--state', state)).out.toString();
      expect(text).toContain(`code ${code} (to be read out where no receipt can be carried back; it proves nothing)\n`);
    }));

  test('into a registry that lists no referrers itself sends nothing the second time either', async () => {
    const zone = await startRegistry({ referrers: false });
    try {
      const state = fresh('state');
      expect(await kits.mirror.importTo(first, zone.host, '--state', state)).toMatchObject({ status: 0 });
      zone.seen.length = 0;
      expect(await kits.mirror.importTo(first, zone.host, '--state', state)).toMatchObject({ status: 0 });
      expect(writes(zone)).toEqual([]);
    } finally {
      await zone.close();
    }
  });

  test.each(['odd', 'odd.tar'])('of contents under sha512 and of empty ones, from %s', async (name) => {
    const source = await startRegistry();
    try {
      const mirror = await openMirror(source.host);
      await within(`${source.host}/odd`, async (repository) => {
        const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
        const long = describeContent(Buffer.from('sha512'), 'text/plain', 'sha512');
        await repository.push(long, inPieces(Buffer.from('sha512'), 3));
        const empty = await pushBytes(repository, Buffer.alloc(0), 'text/plain');
        const packed = packManifest({ artifactType: 'text/odd', config, layers: [long, empty] });
        await repository.push(packed.descriptor, inPieces(packed.bytes, 100));
        await repository.tag(packed.descriptor, '1');
      });
      await mirror.writeSpec('  - { name: odd, signatures: none }\n');
      expect(await mirror.snapshot()).toMatchObject({ status: 0 });
      const kit = mirror.path(name);
      expect(await mirror.exportTo(kit)).toMatchObject({ status: 0 });
      const layout = mirror.path('layout');
      expect(await mirror.importTo(kit, `oci:${layout}`)).toMatchObject({ status: 0, err: '' });
      expect(Object.keys(await treeOf(layout)).filter((path) => path.startsWith('blobs/sha512/'))).toHaveLength(1);
      if (name.endsWith('.tar')) return;
      execFileSync('sh', [`${kit}/verify.sh`]);
      const sums = join(kit, 'checksums-sha512.txt');
      await writeFile(sums, (await readFile(sums, 'utf8')).replace(/^./, 'x'));
      expect(await mirror.importTo(kit, `oci:${layout}`)).toMatchObject({ status: 3 });
    } finally {
      await source.close();
    }
  });

  test('of the next kit sends what is new, and moves the tags', () =>
    withZone(async (zone) => {
      const state = fresh('state');
      expect(await kits.mirror.importTo(first, zone.host, '--state', state)).toMatchObject({ status: 0 });
      const report = jsonOf(await kits.mirror.importTo(second, zone.host, '--state', state, '--output', 'json'));
      expect(report.tagged).toContain('apps/web:latest');
      expect(report.bytesSent).toBeLessThan(50_000);
      expect(zone.tags.get('apps/web latest')).toBe(kits.registry.tags.get('apps/web latest'));
    }));

  test('where another one uses the state ends with 75 at once', () =>
    withZone(async (zone) => {
      const state = fresh('state');
      let other: { status: number; err: string } | undefined;
      zone.fault = withCatalog(zone, async (request) => {
        if (request.method === 'POST' && other === undefined) {
          other = { status: -1, err: '' };
          other = await kits.mirror.importTo(first, zone.host, '--state', state);
        }
        return false;
      });
      expect(await kits.mirror.importTo(first, zone.host, '--state', state)).toMatchObject({ status: 0 });
      expect(other).toMatchObject({ status: 75, err: expect.stringContaining('ERR_EXPORT_LOCKED') });
      expect(other?.err).toContain('hint: ');
    }));

  test('that a registry interrupts after any request goes on, and reaches the same end', async () => {
    const expected = await withZone(async (zone) => {
      expect(await kits.mirror.importTo(first, zone.host, '--state', fresh('state'))).toMatchObject({ status: 0 });
      return withoutState(contentOf(zone));
    });
    for (const last of [1, 5, 20, 30, 40, 47]) {
      await withZone(async (zone) => {
        const state = fresh('state');
        let left = last;
        zone.fault = withCatalog(zone, (request, response) => {
          if (['GET', 'HEAD'].includes(request.method ?? '') || left-- > 0) return false;
          sendError(response, 403, 'DENIED');
          return true;
        });
        const ended = await kits.mirror.importTo(first, zone.host, '--state', state);
        zone.fault = withCatalog(zone);
        const { imported, begun } = jsonOf(await cliBytes('mirror', 'status', '--state', state, '--output', 'json'));
        expect(imported).toBe(null);
        expect(begun).toMatchObject({ stream: 'main', sequence: 1 });
        const again = await kits.mirror.importTo(first, zone.host, '--state', state);
        expect({ last, status: again.status, err: again.err, ended: ended.status >= 0 }).toEqual({
          last,
          status: 0,
          err: '',
          ended: true,
        });
        expect(withoutState(contentOf(zone))).toBe(expected);
        expect(jsonOf(await cliBytes('mirror', 'status', '--state', state, '--output', 'json')).begun).toBe(null);
      });
    }
  });

  test('into a target that drops what it accepts ends with 5, and names what is lacking', () =>
    withZone(async (zone) => {
      zone.fault = withCatalog(zone, (request, response, path) => {
        if (request.method !== 'GET' || !/apps\/web\/referrers/.test(path)) return false;
        const type = 'application/vnd.oci.image.index.v1+json';
        response.writeHead(200, { 'content-type': type });
        response.end(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [] }));
        return true;
      });
      const zoneKey = kits.mirror.path('zone.pem');
      const state = fresh('state');
      const ended = await kits.mirror.importTo(first, zone.host, '--state', state, '--zone-key', zoneKey);
      expect(ended).toMatchObject({ status: 5, err: expect.stringContaining('ERR_EXPORT_INCOMPLETE') });
      expect(ended.out.toString()).toMatch(/lacking: apps\/web@sha256:.*not listed as a referrer/);
      const receipt = readJson(await readFile(join(state, 'receipts/main.1.dsse.json'), 'utf8'));
      const { predicate } = readJson(Buffer.from(receipt.payload, 'base64').toString());
      expect(predicate.verificationResult).toBe('FAILED');
      expect(predicate.mirror.fidelity.lacking).not.toEqual([]);
    }));
});

test('a blob of several repositories is sent once, and mounted into the others', () =>
  withZone(async (zone) => {
    const ended = await kits.mirror.importTo(first, `${zone.host}/team`, '--state', fresh('state'));
    expect(ended).toMatchObject({ status: 0 });
    const paths = zone.seen.map(({ path }) => path);
    const sent = paths.map((path) => /\/blobs\/uploads\/.*digest=([^&]+)/.exec(path)?.[1]).filter(Boolean);
    expect(sent.length).toBeGreaterThan(0);
    expect(new Set(sent).size).toBe(sent.length);
    expect(paths).toContainEqual(expect.stringMatching(/^\/v2\/team\/apps\/web.*mount=.*from=team/));
  }));

describe('a lost state', () => {
  test('whose copy is something else says so; where the state is there, the copy is written again', () =>
    withZone(async (zone) => {
      const [state, lost] = [fresh('state'), fresh('state')];
      expect(await kits.mirror.importTo(first, zone.host, '--state', state)).toMatchObject({ status: 0 });
      const copy = zone.tags.get('mirrors/main main.state');
      zone.tags.set('mirrors/main main.state', zone.tags.get('mirrors/main main.1') as string);
      const refused = await kits.mirror.importTo(first, zone.host, '--state', lost);
      expect(refused).toMatchObject({ status: 2, err: expect.stringContaining('not the copy of a mirror state') });
      expect(refused.err).toContain('hint: restore the state directory');
      expect(await kits.mirror.importTo(first, zone.host, '--state', state)).toMatchObject({ status: 0 });
      expect(zone.tags.get('mirrors/main main.state')).not.toBe(zone.tags.get('mirrors/main main.1'));
      expect(copy).toBeDefined();
    }));

  test('is not recovered from where a forged kit says: the older kit stays refused', () =>
    withZone(async (zone) => {
      const into = (kit: string, state: string) => kits.mirror.importTo(kit, zone.host, '--state', state);
      expect(await into(first, fresh('state'))).toMatchObject({ status: 0 });
      // Who may write to another repository of the zone keeps the older state there.
      zone.tags.set('guests/box main.state', zone.tags.get('mirrors/main main.state') as string);
      for (const held of [zone.blobs, zone.manifests] as Map<string, unknown>[]) {
        const own = [...held].filter(([key]) => key.startsWith('mirrors/main '));
        for (const [key, value] of own) held.set(key.replace('mirrors/main', 'guests/box'), value);
      }
      expect(await into(second, fresh('state'))).toMatchObject({ status: 0 });
      const [forged, lost] = [await copyOf(first), fresh('state')];
      const text = await readFile(join(forged, 'kit.json'), 'utf8');
      await forge(forged, { 'kit.json': text.replace('"mirrors/main"', '"guests/box"') });
      expect((await into(forged, lost)).err).toContain('another repository of snapshots');
      const replayed = await into(first, lost);
      expect(replayed).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_TUF_ROLLBACK') });
    }));

  test('is recovered from its copy in the target: the older kit is refused, the newer one accepted', () =>
    withZone(async (zone) => {
      expect(await kits.mirror.importTo(second, zone.host, '--state', fresh('state'))).toMatchObject({ status: 0 });
      const older = await kits.mirror.importTo(first, zone.host, '--state', fresh('state'));
      expect(older).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_TUF_ROLLBACK') });
      const state = fresh('state');
      zone.seen.length = 0;
      expect(await kits.mirror.importTo(second, zone.host, '--state', state)).toMatchObject({ status: 0 });
      expect(writes(zone)).toEqual([]);
    }));

  test.each(['registry', 'layout'])('in a %s whose copy is lost too, needs --reset-baseline', (form) =>
    withZone(async (zone) => {
      const layout = fresh('layout');
      const to = form === 'layout' ? `oci:${layout}` : zone.host;
      expect(await kits.mirror.importTo(second, to, '--state', fresh('state'))).toMatchObject({ status: 0 });
      zone.tags.delete('mirrors/main main.state');
      if (form === 'layout') await removeName(layout, 'mirrors/main:main.state');
      const before = form === 'layout' ? await treeOf(layout) : contentOf(zone);
      const refused = await kits.mirror.importTo(first, to, '--state', fresh('state'));
      expect(refused).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_BASELINE_MISSING') });
      expect(refused.err).toContain('--reset-baseline');
      expect(form === 'layout' ? await treeOf(layout) : contentOf(zone)).toEqual(before);
      const reset = await kits.mirror.importTo(first, to, '--state', fresh('state'), '--reset-baseline');
      expect(reset).toMatchObject({ status: 0 });
    }),
  );

  test('with --reset-baseline goes back to an older kit, as the hint says, although the copy is there', () =>
    withZone(async (zone) => {
      const state = fresh('state');
      expect(await kits.mirror.importTo(second, zone.host, '--state', state)).toMatchObject({ status: 0 });
      const refused = await kits.mirror.importTo(first, zone.host, '--state', state, '--reset-baseline');
      expect(refused).toMatchObject({ status: 3 });
      await rm(state, { recursive: true });
      const back = await kits.mirror.importTo(first, zone.host, '--state', state, '--reset-baseline');
      expect(back).toMatchObject({ status: 0 });
      expect(await kits.mirror.importTo(second, zone.host, '--state', fresh('state'))).toMatchObject({ status: 0 });
    }));

  test('over an empty target is a new beginning', () =>
    withZone(async (zone) => {
      expect(await kits.mirror.importTo(first, zone.host, '--state', fresh('state'))).toMatchObject({ status: 0 });
    }));

  test('that is damaged is an error and not a beginning', () =>
    withZone(async (zone) => {
      const state = fresh('state');
      expect(await kits.mirror.importTo(second, zone.host, '--state', state)).toMatchObject({ status: 0 });
      await writeFile(join(state, 'state.json'), '{"formatVersion":1');
      const ended = await kits.mirror.importTo(first, zone.host, '--state', state);
      expect(ended.status).toBe(2);
      expect(ended.err).toContain('hint: ');
    }));
});

test('mirror verify says what an import would, and writes to the state alone', async () => {
  const state = fresh('state');
  const verify = (kit: string) =>
    cliBytes('mirror', 'verify', kit, '--trust', kits.mirror.root, '--state', state, '--output', 'json');
  expect(jsonOf(await verify(second))).toMatchObject({ sequence: 2, isSigned: true, waived: [] });
  expect(await verify(first)).toMatchObject({ status: 3 });
  const copy = await copyOf(second);
  await cp(join(copy, 'README.txt'), join(copy, 'verify.sh'));
  expect(await verify(copy)).toMatchObject({ status: 3, err: expect.stringContaining('verify.sh') });
  expect((await kitJson(second)).sequence).toBe(2);
});

/** Without the copy of the state, which says when it was written. */
function withoutState(content: string): string {
  const [blobs, manifests, tags] = readJson(content);
  const keep = (names: string[]) => names.filter((name) => !name.startsWith('mirrors/'));
  return JSON.stringify([keep(blobs), keep(manifests), tags.filter(([name]: [string]) => !name.endsWith('.state'))]);
}

async function tarOf(dir: string, tar: string): Promise<void> {
  execFileSync('tar', ['-cf', tar, '-C', dir, '.']);
}

async function removeName(layout: string, name: string): Promise<void> {
  const path = join(layout, 'index.json');
  const index = readJson(await readFile(path, 'utf8'));
  const refName = 'org.opencontainers.image.ref.name';
  const manifests = index.manifests.filter((each: { annotations?: object }) => {
    return (each.annotations as Record<string, string> | undefined)?.[refName] !== name;
  });
  expect(manifests.length).toBe(index.manifests.length - 1);
  await writeFile(path, JSON.stringify({ ...index, manifests }));
}
