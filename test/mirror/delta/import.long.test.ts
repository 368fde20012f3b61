import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { readJson } from '../../core/read-json.ts';
import { type RegistryDouble, send, sendError } from '../../oci/registry-double.ts';
import { copyOf, forge, type KitFixture, kitJson, noiseText, openKits, pushTagged } from '../kit-fixture.ts';
import { contentOf, type Ended, jsonOf, startRegistry, treeOf, withCatalog, within } from '../mirror-fixture.ts';

let kits: KitFixture;
/** Full kits of three snapshots, and deltas by their base and target. */
const full: Record<number, string> = {};
let from1to2: string;
let from1to3: string;
let from2to3: string;
let count = 0;

/**
 * Snapshot 2: a new tag whose layer api has already, a moved tag, a removed one. Snapshot 3: `latest` is moved back to
 * what it was in snapshot 1, a removed repository, a new image.
 */
beforeAll(async () => {
  kits = await openKits();
  const { host } = kits.registry;
  full[1] = await kits.export('full-1');
  const latest = kits.registry.tags.get('apps/web latest') as string;
  await within(`${host}/apps/web`, async (repository) => {
    await pushTagged(repository, '1.1', noiseText(80_000, 'new'));
    await pushTagged(repository, 'latest', 'moved');
    await repository.untag('1.0');
  });
  await within(`${host}/apps/api`, (repository) => pushTagged(repository, '2.1', noiseText(300_000)));
  full[2] = await kits.export('full-2');
  from1to2 = await kits.export('from-1-to-2', '--base', 'main.1');
  await within(`${host}/apps/web`, async (repository) => {
    const back = await repository.resolve(latest);
    await repository.tag(back as NonNullable<typeof back>, 'latest');
  });
  await within(`${host}/apps/new`, (repository) => pushTagged(repository, '1', noiseText(80_000, 'new')));
  full[3] = await kits.export('full-3');
  from1to3 = await kits.export('from-1-to-3', '--base', 'main.1');
  from2to3 = await kits.export('from-2-to-3', '--base', 'main.2');
});
afterAll(() => kits.registry.close());

const fresh = (name: string) => kits.mirror.path(`${name}-${++count}`);
const writes = (registry: RegistryDouble) => registry.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method));
const kitOf = (sequence: number) => full[sequence] as string;

/** A zone: a registry, its state, and imports into it. */
interface Zone {
  readonly registry: RegistryDouble;
  readonly state: string;
  import(kit: string, ...more: string[]): Promise<Ended>;
}

async function withZone<T>(work: (zone: Zone) => Promise<T>): Promise<T> {
  const registry = await startRegistry();
  const state = fresh('state');
  try {
    return await work({
      registry,
      state,
      import: (kit, ...more) => kits.mirror.importTo(kit, registry.host, '--state', state, '--output', 'json', ...more),
    });
  } finally {
    await registry.close();
  }
}

/** Tags of the mirrored repositories and of the new snapshot, and what they lead to. */
function tagsIn({ tags }: RegistryDouble, sequence: number): string[] {
  const isMeant = (key: string) => key.startsWith('apps/') || key === `mirrors/main main.${sequence}`;
  return [...tags]
    .filter(([key]) => isMeant(key))
    .map(([key, digest]) => `${key} ${digest}`)
    .toSorted();
}

/** The blobs of a kit or a layout. */
async function digestsIn(dir: string): Promise<string[]> {
  return Object.keys(await treeOf(join(dir, 'blobs/sha256'))).map((name) => `sha256:${name}`);
}

/** All that a registry holds. */
function heldBy({ blobs, manifests }: RegistryDouble): string[] {
  return [...blobs.keys(), ...manifests.keys()];
}

describe('an import of a delta', () => {
  test('gives zones with different bases, and one with nothing, the same mirror', () =>
    withZone((nothing) =>
      withZone((first) =>
        withZone(async (second) => {
          jsonOf(await nothing.import(kitOf(3)));
          jsonOf(await first.import(kitOf(1)));
          jsonOf(await first.import(from1to3, '--prune'));
          jsonOf(await second.import(kitOf(1)));
          jsonOf(await second.import(from1to2, '--prune'));
          const report = jsonOf(await second.import(from2to3, '--prune'));
          expect(report.fidelity).toMatchObject({ repositories: 4, lacking: [] });
          const tags = tagsIn(nothing.registry, 3);
          for (const { registry } of [first, second]) {
            expect(tagsIn(registry, 3)).toEqual(tags);
            const stateOfZone = /mirrors\/main /;
            const expected = heldBy(nothing.registry).filter((key) => !stateOfZone.test(key));
            expect(heldBy(registry)).toEqual(expect.arrayContaining(expected));
          }
        }),
      ),
    ));

  test('sends what the kit carries, and mounts what another repository has', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      registry.seen.length = 0;
      jsonOf(await importKit(from1to2));
      // The layer of apps/api:2.1 is that of apps/web:latest in snapshot 1.
      expect(registry.count('POST', /apps\/api\/blobs\/uploads\/\?.*mount=/)).toBe(1);
      expect(registry.count('PUT', /apps\/api\/blobs/)).toBe(0);
    }));

  test('copies within the target where a registry mounts nothing', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      registry.fault = withCatalog(registry, (request, response, path) => {
        const isMount = request.method === 'POST' && path.includes('mount=');
        if (isMount) sendError(response, 405, 'UNSUPPORTED');
        return isMount;
      });
      const report = jsonOf(await importKit(from1to2));
      expect(report.fidelity.lacking).toEqual([]);
      expect(registry.tags.get('apps/api 2.1')).toBe(kits.registry.tags.get('apps/api 2.1'));
    }));

  test('into a layout, from a tar', async () => {
    const [dir, state] = [fresh('layout'), fresh('state')];
    const tar = fresh('kit.tar');
    execFileSync('tar', ['-cf', tar, '-C', from1to3, '.']);
    const options = ['--state', state, '--output', 'json'];
    jsonOf(await kits.mirror.importTo(kitOf(1), `oci:${dir}`, ...options));
    const report = jsonOf(await kits.mirror.importTo(tar, `oci:${dir}`, ...options, '--prune'));
    expect(report.fidelity.lacking).toEqual([]);
    expect(report.tombstones.pruned).toContain('apps/web:1.0');
    const index = await readFile(join(dir, 'index.json'), 'utf8');
    expect(await digestsIn(dir)).toEqual(expect.arrayContaining(await digestsIn(kitOf(3))));
    expect(index).toContain('apps/new:1');
    expect(index).not.toContain('apps/web:1.0');
  });

  test('run twice writes nothing', () =>
    withZone(async ({ registry, state, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      jsonOf(await importKit(from1to3));
      const before = await treeOf(state);
      registry.seen.length = 0;
      expect(jsonOf(await importKit(from1to3))).toMatchObject({ bytesSent: 0, tagged: [] });
      expect(writes(registry)).toEqual([]);
      expect(Object.keys(await treeOf(state))).toEqual(Object.keys(before));
    }));

  test('names what the target lost meanwhile, and not the kit', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      const digest = kits.registry.tags.get('apps/web latest') as string;
      registry.fault = withCatalog(registry, (request, response, path) => {
        const isLost = request.method === 'GET' && path === `/v2/apps/web/manifests/${digest}`;
        if (isLost) sendError(response, 404, 'MANIFEST_UNKNOWN');
        return isLost;
      });
      const ended = await importKit(from1to3);
      expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('lost content while it was imported') });
      expect(ended.err).toContain(digest);
      registry.fault = withCatalog(registry);
      expect(jsonOf(await importKit(from1to3)).fidelity.lacking).toEqual([]);
    }));

  test('interrupted in the middle, it resumes', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      registry.fault = withCatalog(registry, (request, response, path) => {
        const isLast = request.method === 'PUT' && path.endsWith('/manifests/main.3');
        if (isLast) sendError(response, 400, 'DENIED');
        return isLast;
      });
      expect((await importKit(from1to3)).status).not.toBe(0);
      registry.fault = withCatalog(registry);
      expect(jsonOf(await importKit(from1to3)).fidelity.lacking).toEqual([]);
    }));
});

describe('an import of a delta is refused before the first write', () => {
  /** Refused with nothing written. @returns the error */
  async function expectMissing(zone: Zone, kit: string): Promise<string> {
    const before = contentOf(zone.registry);
    zone.registry.seen.length = 0;
    const ended = await zone.import(kit);
    expect(ended, ended.err).toMatchObject({ status: 2 });
    expect(ended.err).toContain('ERR_EXPORT_BASE_MISSING');
    expect(writes(zone.registry)).toEqual([]);
    expect(contentOf(zone.registry)).toBe(before);
    return ended.err;
  }

  test('where a base was skipped, naming each missing digest and the base to use', () =>
    withZone(async (zone) => {
      jsonOf(await zone.import(kitOf(1)));
      const error = await expectMissing(zone, from2to3);
      const [had, third] = [await digestsIn(kitOf(1)), await digestsIn(kitOf(3))];
      const missing = (await digestsIn(kitOf(2))).filter((digest) => third.includes(digest) && !had.includes(digest));
      // The image 1.1 and its layer.
      expect(missing).toHaveLength(2);
      for (const digest of missing) expect(error).toContain(digest);
      expect(error).toContain('--base main.1');
      jsonOf(await zone.import(from1to3));
    }));

  test('where the zone has nothing: it needs a full kit', () =>
    withZone(async (zone) => {
      const error = await expectMissing(zone, from1to2);
      expect(error).toContain('get a full kit');
      jsonOf(await zone.import(kitOf(2)));
    }));

  test('where the zone has lost a blob of its base', () =>
    withZone(async (zone) => {
      jsonOf(await zone.import(kitOf(1)));
      const key = [...zone.registry.blobs].find(([, bytes]) => bytes.length > 100_000)?.[0] as string;
      zone.registry.blobs.delete(key);
      const error = await expectMissing(zone, from1to2);
      expect(error).toContain(key.split(' ')[1] as string);
      expect(error).toContain('get a full kit');
    }));

  test('where the delta itself lacks a file', () =>
    withZone(async (zone) => {
      jsonOf(await zone.import(kitOf(1)));
      const copy = await copyOf(from1to2);
      const digest = (kits.registry.tags.get('apps/web 1.1') as string).replace(':', '/');
      await rm(join(copy, 'blobs', digest));
      zone.registry.seen.length = 0;
      const ended = await zone.import(copy);
      expect(ended).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_KIT_INCOMPLETE') });
      expect(ended.err).toContain(digest.replace('/', ':'));
      expect(writes(zone.registry)).toEqual([]);
    }));

  test('where a stranger leaves a file out of checksums.txt too', () =>
    withZone(async (zone) => {
      jsonOf(await zone.import(kitOf(1)));
      const copy = await copyOf(from1to2);
      await rm(join(copy, 'checksums.txt.sig'));
      const digest = kits.registry.tags.get('apps/web 1.1') as string;
      const path = `blobs/${digest.replace(':', '/')}`;
      await rm(join(copy, path));
      const sums = await readFile(join(copy, 'checksums.txt'), 'utf8');
      await writeFile(
        join(copy, 'checksums.txt'),
        sums
          .split('\n')
          .filter((line) => !line.endsWith(path))
          .join('\n'),
      );
      expect(await expectMissing(zone, copy)).toContain(digest);
    }));

  test('where index.json lists more or less than the kit carries', () =>
    withZone(async (zone) => {
      jsonOf(await zone.import(kitOf(1)));
      const copy = await copyOf(from1to2);
      await rm(join(copy, 'checksums.txt.sig'));
      await forge(copy, { 'index.json': await readFile(join(kitOf(2), 'index.json')) });
      zone.registry.seen.length = 0;
      const ended = await zone.import(copy);
      expect(ended).toMatchObject({ status: 3, err: expect.stringContaining('index.json') });
      expect(writes(zone.registry)).toEqual([]);
    }));

  test('where a stranger makes a delta of a full kit that lacks a blob', () =>
    withZone(async (zone) => {
      const copy = await copyOf(kitOf(1));
      await rm(join(copy, 'checksums.txt.sig'));
      const json = await kitJson(copy);
      const [blob] = Object.keys(await treeOf(join(copy, 'blobs/sha256'))).filter(
        (name) => !name.includes(json.snapshot.digest),
      );
      await rm(join(copy, 'blobs/sha256', blob as string));
      const bases = [{ kind: 'snapshot', digest: json.snapshot.digest }];
      await forge(copy, { 'kit.json': JSON.stringify({ ...json, bases }) });
      zone.registry.seen.length = 0;
      const ended = await zone.import(copy);
      expect(ended.status).not.toBe(0);
      expect(writes(zone.registry)).toEqual([]);
    }));
});

describe('tags that the new snapshot does not have', () => {
  test('are listed, and removed with --prune, at once or later', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      const listed = jsonOf(await importKit(from1to2)).tombstones;
      expect(listed.pruned).toEqual([]);
      expect(listed.left.map(({ name }: { name: string }) => name)).toContain('apps/web:1.0');
      expect(registry.tags.has('apps/web 1.0')).toBe(true);
      jsonOf(await importKit(from2to3));
      expect(registry.tags.has('apps/web 1.0')).toBe(true);
      const { tombstones } = jsonOf(await importKit(from2to3, '--prune'));
      expect(tombstones.pruned).toContain('apps/web:1.0');
      // Cosign's tag of what is gone goes with it.
      expect(tombstones.pruned.some((name: string) => name.endsWith('.sig'))).toBe(true);
      expect(registry.tags.has('apps/web 1.0')).toBe(false);
      expect(jsonOf(await importKit(from2to3, '--prune')).tombstones).toEqual({ pruned: [], left: [] });
    }));

  test('stay where they lead to something else in the zone', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      const own = await within(`${registry.host}/apps/web`, (repository) => pushTagged(repository, '1.0', 'own'));
      const { tombstones } = jsonOf(await importKit(from1to2, '--prune'));
      expect(tombstones.left).toContainEqual(
        expect.objectContaining({ name: 'apps/web:1.0', reason: expect.stringContaining(own.digest) }),
      );
      expect(registry.tags.get('apps/web 1.0')).toBe(own.digest);
    }));

  test('of the zone itself are not touched', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      await within(`${registry.host}/apps/web`, (repository) => pushTagged(repository, 'local', 'own'));
      jsonOf(await importKit(from1to3, '--prune'));
      expect(registry.tags.has('apps/web local')).toBe(true);
    }));

  test('are not removed one after the other where that removes manifests, and what is lost is lacking', async () => {
    const own = await openKits();
    try {
      await within(`${own.registry.host}/apps/web`, async (repository) => {
        const web = (await repository.resolve('1.0')) as Descriptor;
        for (const tag of ['1.0-rc1', 'same']) await repository.tag(web, tag);
        await pushTagged(repository, '1.0-rc2', 'other');
      });
      const before = await own.export('full-1');
      await within(`${own.registry.host}/apps/web`, async (repository) => {
        for (const tag of ['1.0-rc1', '1.0-rc2']) await repository.untag(tag);
      });
      const after = await own.export('delta-2', '--base', 'main.1');
      await withZone(async ({ registry, state }) => {
        const importKit = (kit: string, ...more: string[]) =>
          own.mirror.importTo(kit, registry.host, '--state', state, '--output', 'json', ...more);
        jsonOf(await importKit(before));
        registry.fault = withCatalog(registry, (request, response, path) => {
          const [, name = '', tag] = /^\/v2\/(.+)\/manifests\/([^:]+)$/.exec(path) ?? [];
          const digest = registry.tags.get(`${name} ${tag}`);
          if (request.method !== 'DELETE' || digest === undefined) return undefined;
          registry.manifests.delete(`${name} ${digest}`);
          for (const [key, led] of registry.tags) {
            if (key.startsWith(`${name} `) && led === digest) registry.tags.delete(key);
          }
          send(response, 202, {});
          return true;
        });
        const ended = await importKit(after, '--prune');
        expect(ended.status).not.toBe(0);
        const { tombstones, fidelity } = readJson(ended.out.toString());
        expect(tombstones.pruned).toEqual(['apps/web:1.0-rc1']);
        expect(tombstones.left).toEqual([
          { name: 'apps/web:1.0-rc2', isRefused: true, reason: expect.stringContaining('together with a tag') },
        ]);
        const lacking = fidelity.lacking.map(({ name }: { name: string }) => name);
        expect(lacking).toEqual(expect.arrayContaining(['apps/web:1.0', 'apps/web:same']));
        expect(lacking.some((name: string) => name.startsWith('apps/web@sha256:'))).toBe(true);
      });
    } finally {
      await own.registry.close();
    }
  });

  test('that a registry refuses to remove are named, and fail the command after the import', () =>
    withZone(async ({ registry, import: importKit }) => {
      jsonOf(await importKit(kitOf(1)));
      registry.fault = withCatalog(registry, (request, response) => {
        if (request.method === 'DELETE') sendError(response, 405, 'UNSUPPORTED');
        return request.method === 'DELETE';
      });
      const ended = await importKit(from1to2, '--prune');
      expect(ended).toMatchObject({ status: 1, err: expect.stringContaining('did not remove') });
      registry.fault = withCatalog(registry);
      expect(jsonOf(await importKit(from1to2, '--prune')).tombstones.pruned).toContain('apps/web:1.0');
    }));
});

describe('the base of an export', () => {
  const plan = (...more: string[]) => kits.mirror.plan('--output', 'json', ...more);

  test('is a registry that is asked for each content', () =>
    withZone(async (zone) => {
      jsonOf(await zone.import(kitOf(1)));
      zone.registry.seen.length = 0;
      const facts = jsonOf(await plan('--base', zone.registry.host));
      const bySnapshot = jsonOf(await plan('--base', 'main.1'));
      expect(facts.contentBytes).toBe(bySnapshot.contentBytes);
      expect(facts.tags).toEqual({ ...bySnapshot.tags, removed: [] });
      expect(facts.bases).toEqual([{ kind: 'registry', digest: expect.stringMatching(/^sha256:/) }]);
      expect(zone.registry.seen.every(({ method }) => method === 'HEAD' || method === 'GET')).toBe(true);
      expect(zone.registry.count('GET', /blobs/)).toBe(0);
      const kit = await kits.export('from-registry', '--base', zone.registry.host);
      expect(jsonOf(await zone.import(kit)).fidelity.lacking).toEqual([]);
    }));

  test('is refused where it is no snapshot that TUF lists, no registry with the mirror, no list', () =>
    withZone(async (zone) => {
      const ended = await plan('--base', 'main.9');
      expect(ended).toMatchObject({ status: 1, err: expect.stringContaining('main.1 to main.3') });
      const unknown = `sha256:${'0'.repeat(64)}`;
      expect((await plan('--base', unknown)).err).toContain('not a snapshot of main that TUF lists');
      expect((await plan('--base', zone.registry.host)).err).toContain('has nothing of the mirror');
      const list = fresh('list.txt');
      await writeFile(list, 'sha256:abc\n');
      expect(await plan('--base', `list:${list}`)).toMatchObject({ status: 2, err: expect.stringContaining('line 1') });
      expect((await plan('--base', `list:${list}.none`)).status).not.toBe(0);
    }));
});
