import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Descriptor, mediaTypes } from '#core';
import type { Repository } from '#oci/image';
import { createSigner, generateKeyPair } from '#signing';
import { readJson } from '../core/read-json.ts';
import { describe as descriptorOf, pushArtifact, pushBytes } from '../oci/content.ts';
import { type RegistryDouble, send } from '../oci/registry-double.ts';
import {
  cliBytes,
  contentOf,
  jsonOf,
  type MirrorFixture,
  openMirror,
  signWith,
  startRegistry,
  withCatalog,
  within,
} from './mirror-fixture.ts';

let registry: RegistryDouble;
let mirror: MirrorFixture;

beforeEach(async () => {
  registry = await startRegistry();
  mirror = await openMirror(registry.host);
});
afterEach(() => registry.close());

const at = <T>(repository: string, work: (repository: Repository) => Promise<T>) =>
  within(`${registry.host}/${repository}`, work);

/** Pushes an artifact and tags it. */
async function push(repository: Repository, tag: string, text = tag, parts = {}): Promise<Descriptor> {
  const descriptor = await pushArtifact(repository, text, parts);
  await repository.tag(descriptor, tag);
  return descriptor;
}

async function pushIndex(repository: Repository, tag: string, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const descriptor = await pushBytes(repository, bytes, mediaTypes.ociIndex);
  await repository.tag(descriptor, tag);
  return descriptor;
}

/** Pushes a manifest of its own making. */
async function pushManifest(repository: Repository, manifest: object, mediaType: string = mediaTypes.ociManifest) {
  return pushBytes(repository, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...manifest })), mediaType);
}

/** The document of the snapshot that a command has published. */
function documentOf(digest: string) {
  const manifest = readJson(registry.manifests.get(`mirrors/main ${digest}`)?.bytes.toString() ?? '');
  return readJson(registry.blobs.get(`mirrors/main ${manifest.layers[0].digest}`)?.toString() ?? '');
}

const taken = async (...more: string[]) => jsonOf(await mirror.snapshot('--output', 'json', ...more));

const ALL = '  - { name: "*", signatures: none }\n';

describe('a snapshot', () => {
  test('lists tags, manifests, blobs and referrers in byte order, and is named by its digest', async () => {
    const [child, attached] = await at('apps/web', async (repository) => {
      const web = await push(repository, 'b');
      await push(repository, 'a');
      await pushIndex(repository, 'index', [web]);
      return [web, await pushArtifact(repository, 'sbom', { subject: web, artifactType: 'text/spdx' })];
    });
    await at('apps/api', (repository) => push(repository, '2'));
    await mirror.writeSpec(ALL);
    const { digest, sequence, isNew } = await taken();
    expect({ sequence, isNew }).toEqual({ sequence: 1, isNew: true });
    const { repositories, stream, snapshots } = documentOf(digest);
    expect([stream, snapshots]).toEqual(['main', 'mirrors/main']);
    expect(repositories.map(({ name }: { name: string }) => name)).toEqual(['apps/api', 'apps/web']);
    const [, web] = repositories;
    expect(web.tags.map(({ tag }: { tag: string }) => tag)).toEqual(['a', 'b', 'index']);
    expect(web.referrers).toEqual([{ subject: child.digest, digest: attached.digest }]);
    for (const list of [web.manifests, web.blobs]) {
      const digests = list.map((each: { digest: string }) => each.digest);
      expect(digests).toEqual(digests.toSorted());
    }
    expect(web.manifests).toHaveLength(4);
    const { mediaType, size } = child;
    expect(web.manifests).toContainEqual(
      expect.objectContaining({ digest: child.digest, mediaType, sizeBytes: size, blobs: expect.any(Array) }),
    );
  });

  test('taken twice has one digest, writes nothing, and asks for each tag and each list of referrers once', async () => {
    await at('apps/web', async (repository) => {
      const web = await push(repository, 'b');
      await push(repository, 'a');
      await pushIndex(repository, 'index', [web]);
      await pushArtifact(repository, 'sbom', { subject: web });
      await signWith(repository, web, mirror.cosign.signer, 'tag');
      await signWith(repository, web, mirror.cosign.signer, 'bundle');
    });
    await mirror.writeSpec('  - { name: apps/web, signatures: none }\n');
    const first = await taken();
    const before = contentOf(registry);
    registry.seen.length = 0;
    const second = await taken();
    expect(second).toEqual({ ...first, isNew: false });
    expect(contentOf(registry)).toBe(before);
    // The tags a, b, index, and that of the signature; a manifest under it, an index, three artifacts and a bundle.
    expect(registry.count('HEAD', /\/apps\/web\/manifests\//)).toBe(4);
    expect(registry.count('GET', /\/apps\/web\/referrers\//)).toBe(6);
    expect(registry.count('GET', /\/apps\/web\/(manifests|blobs)\//)).toBe(0);
    expect(registry.seen.filter(({ method }) => !['GET', 'HEAD'].includes(method))).toEqual([]);
  });

  test('of the same content in another registry, pushed in another order, is the same', async () => {
    const fill = async (repository: Repository, tags: string[]) => {
      for (const tag of tags) await push(repository, tag);
    };
    await at('apps/web', (repository) => fill(repository, ['a', 'b', 'c']));
    await mirror.writeSpec(ALL);
    const { digest } = await taken();
    const other = await startRegistry();
    try {
      await within(`${other.host}/apps/web`, (repository) => fill(repository, ['c', 'a', 'b']));
      const second = await openMirror(other.host);
      await second.writeSpec(ALL);
      expect(jsonOf(await second.snapshot('--output', 'json')).digest).toBe(digest);
    } finally {
      await other.close();
    }
  });

  test('of a changed source is the next of its stream', async () => {
    await at('apps/web', (repository) => push(repository, 'a'));
    await mirror.writeSpec(ALL);
    const first = await taken();
    await at('apps/web', (repository) => push(repository, 'b'));
    const second = await taken();
    expect(second).toMatchObject({ sequence: 2, isNew: true, tag: 'main.2' });
    expect(second.digest).not.toBe(first.digest);
    expect(registry.tags.get('mirrors/main main.1')).toBe(first.digest);
  });
});

describe('what a snapshot leaves out', () => {
  test('it says: a tag that is listed and gone, a referrer of another subject, one that is gone', async () => {
    const [one, two, lost] = await at('apps/web', async (repository) => {
      const one = await push(repository, 'one');
      const two = await push(repository, 'two');
      return [one, two, await pushArtifact(repository, 'lost', { subject: one })];
    });
    registry.tags.set('apps/web ghost', `sha256:${'0'.repeat(64)}`);
    const claimed = { mediaType: two.mediaType, digest: two.digest, size: two.size, artifactType: 'x/y' };
    const gone = { ...descriptorOf(Buffer.from('gone'), mediaTypes.ociManifest), artifactType: 'x/y' };
    registry.fault = withCatalog(registry, (_, response, path) => {
      if (path !== `/v2/apps/web/referrers/${one.digest}`) return false;
      const manifests = [claimed, gone, { ...claimed, digest: lost.digest, size: lost.size }];
      const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
      send(response, 200, { 'content-type': mediaTypes.ociIndex }, body);
      return true;
    });
    await mirror.writeSpec('  - { name: apps/web, signatures: none }\n');
    const first = await taken();
    const name = `${registry.host}/apps/web`;
    expect(first.leftOut.toSorted(byName)).toEqual(
      [
        { name: `${name}:ghost`, reason: 'listed but not found' },
        { name: `${name}@${gone.digest}`, reason: `listed as a referrer of ${one.digest}, but not found` },
        { name: `${name}@${two.digest}`, reason: `listed as a referrer of ${one.digest}, but has another subject` },
      ].toSorted(byName),
    );
    expect(documentOf(first.digest).repositories[0].referrers).toEqual([{ subject: one.digest, digest: lost.digest }]);
    expect((await mirror.snapshot()).err).toContain('left out: ');
  });

  test('foreign layers, each time it is taken', async () => {
    const foreign = {
      ...descriptorOf(Buffer.from('windows')),
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      urls: ['https://example.org/layer'],
    };
    await at('apps/web', async (repository) => {
      const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
      registry.blobs.set(`apps/web ${foreign.digest}`, Buffer.from('windows'));
      await repository.tag(await pushManifest(repository, { config, layers: [foreign] }), 'win');
    });
    registry.blobs.delete(`apps/web ${foreign.digest}`);
    await mirror.writeSpec(ALL);
    const first = await taken();
    expect(first.leftOut).toEqual([
      { name: `${registry.host}/apps/web@${foreign.digest}`, reason: expect.stringContaining('foreign layer') },
    ]);
    const second = await taken();
    expect(second).toMatchObject({ digest: first.digest, isNew: false });
    expect(second.leftOut).toEqual(first.leftOut);
  });

  test('referrers by type, and cosign tags, as the spec says', async () => {
    const web = await at('apps/web', async (repository) => {
      const web = await push(repository, 'a');
      await pushArtifact(repository, 'spdx', { subject: web, artifactType: 'text/spdx' });
      await pushArtifact(repository, 'cyclonedx', { subject: web, artifactType: 'application/vnd.cyclonedx' });
      await signWith(repository, web, mirror.cosign.signer, 'tag');
      return web;
    });
    const count = async (members: string) => {
      await mirror.writeSpec(`  - { name: apps/web, signatures: none${members} }\n`);
      const [state] = documentOf((await taken()).digest).repositories;
      return [state.tags.length, state.referrers.length];
    };
    expect(await count('')).toEqual([2, 2]);
    expect(await count(', referrers: ["text/*"]')).toEqual([2, 1]);
    registry.seen.length = 0;
    expect(await count(', referrers: [], cosignTags: false')).toEqual([1, 0]);
    expect(registry.count('GET', /apps.web.referrers/)).toBe(0);
    expect(web.size).toBeGreaterThan(0);
  });

  test('tags that are not bundles of the profile; those that are, are not read again', async () => {
    await at('feeds/db', async (repository) => {
      const annotations = { 'org.opencontainers.image.source': 'urn:export-center:profile:trivy:db:r1' };
      await push(repository, 'bundle', 'b', { annotations });
      const other = { 'org.opencontainers.image.source': 'urn:export-center:profile:trivy:db-other:r1' };
      await push(repository, 'other', 'o', { annotations: other });
      await push(repository, 'plain');
    });
    await mirror.writeSpec('  - { name: feeds/db, profile: "trivy:db", signatures: none }\n');
    const first = await taken();
    expect(documentOf(first.digest).repositories[0].tags).toMatchObject([{ tag: 'bundle' }]);
    expect(first.leftOut).toHaveLength(2);
    await mirror.writeSpec('  - { name: feeds/db, profile: "trivy:db", tags: [bundle], signatures: none }\n');
    registry.seen.length = 0;
    expect((await taken()).isNew).toBe(false);
    expect(registry.count('GET', /feeds.db.manifests/)).toBe(0);
  });
});

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

describe('a snapshot is refused', () => {
  test('where an immutable tag has moved, whatever else has', async () => {
    await at('apps/web', async (repository) => {
      await push(repository, '1.0');
      await push(repository, 'latest');
    });
    await mirror.writeSpec('  - { name: apps/web, immutable: ["1.*"], signatures: none }\n');
    await taken();
    await at('apps/web', (repository) => push(repository, 'latest', 'new'));
    await taken();
    const before = contentOf(registry);
    await at('apps/web', (repository) => push(repository, '1.0', 'forged'));
    const ended = await mirror.snapshot();
    expect(ended).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_TAG_MOVED') });
    expect(ended.err).toMatch(/1\.0 from sha256:.* to sha256:/);
    expect(ended.err).toContain('hint: ');
    expect(contentOf(registry).includes('main.3')).toBe(false);
    expect(before).toContain('main.2');
  });

  test.each(['tag', 'bundle'] as const)('where a signature is missing or by another key (%s)', async (form) => {
    const key = mirror.cosign.publicFile;
    await mirror.writeSpec(`  - { name: apps/web, signatures: { keys: [${key}] } }\n`);
    const [a, b] = await at('apps/web', async (repository) => [
      await push(repository, 'a'),
      await push(repository, 'b'),
    ]);
    const refused = async (tags: string) => {
      const ended = await mirror.snapshot();
      expect(ended).toMatchObject({ status: 3, err: expect.stringContaining(`on the tags ${tags}\n`) });
      expect(ended.err).toContain('hint: ');
      expect([...registry.manifests.keys()].some((name) => name.startsWith('mirrors/'))).toBe(false);
    };
    await refused('a, b');
    const otherSigner = createSigner(generateKeyPair().privateKey);
    await at('apps/web', async (repository) => {
      await signWith(repository, a, mirror.cosign.signer, form);
      await signWith(repository, b, otherSigner, form);
    });
    await refused('b');
    await at('apps/web', (repository) =>
      signWith(repository, b, mirror.cosign.signer, form === 'tag' ? 'bundle' : 'tag'),
    );
    const { digest } = await taken();
    expect(documentOf(digest).repositories[0].signedBy).toEqual([expect.stringMatching(/^SHA256:/)]);
  });

  test('where the source has no catalog and a glob needs one', async () => {
    await at('apps/web', (repository) => push(repository, 'a'));
    registry.fault = undefined;
    await mirror.writeSpec(ALL);
    const ended = await mirror.snapshot();
    expect(ended).toMatchObject({ status: 1, err: expect.stringContaining('ERR_EXPORT_UNSUPPORTED') });
    expect(ended.err).toContain('hint: ');
    await mirror.writeSpec('  - { name: apps/web, signatures: none }\n');
    expect((await taken()).sequence).toBe(1);
  });

  test('where a glob matches no repository, or a repository has no tag', async () => {
    await at('apps/web', (repository) => push(repository, 'a'));
    for (const rule of ['{ name: "db/*", signatures: none }', '{ name: apps/web, tags: [b], signatures: none }']) {
      await mirror.writeSpec(`  - ${rule}\n`);
      const ended = await mirror.snapshot();
      expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('ERR_EXPORT_SELECTION_EMPTY') });
      expect(ended.err).toContain('hint: ');
    }
    await mirror.writeSpec('  - { name: "*", tags: [b], signatures: none }\n');
    expect((await taken()).leftOut).toContainEqual(expect.objectContaining({ reason: 'no tag is selected' }));
  });

  test('at once where one repository cannot be read, although another does not answer', async () => {
    for (const name of ['apps/bad', 'apps/slow']) await at(name, (repository) => push(repository, 'a'));
    registry.fault = withCatalog(registry, (_, response, path) => {
      if (path.startsWith('/v2/apps/bad/')) {
        send(response, 403, {});
        return true;
      }
      return path.startsWith('/v2/apps/slow/');
    });
    await mirror.writeSpec('  - { name: apps/slow, signatures: none }\n  - { name: apps/bad, signatures: none }\n');
    registry.seen.length = 0;
    expect(await mirror.snapshot()).toMatchObject({ status: 4, err: expect.stringContaining('apps/bad') });
    const open = registry.seen.filter(({ path }) => path.startsWith('/v2/apps/slow/'));
    expect(open).toHaveLength(1);
  });

  test('with as few connections for many repositories as for one: registries limit those of one address', async () => {
    for (let i = 0; i < 30; i++) await at(`apps/r${i}`, (repository) => push(repository, 'a'));
    const sockets = new Set<unknown>();
    registry.fault = withCatalog(registry, (request) => {
      sockets.add(request.socket);
      return false;
    });
    await mirror.writeSpec(ALL);
    expect((await taken()).repositories).toBe(30);
    expect(sockets.size).toBeLessThanOrEqual(16);
    sockets.clear();
    expect(await mirror.exportTo(mirror.path('many'))).toMatchObject({ status: 0 });
    expect(sockets.size).toBeLessThanOrEqual(16);
    sockets.clear();
    const ended = await mirror.importTo(mirror.path('many'), `${registry.host}/zone`);
    expect(ended).toMatchObject({ status: 0 });
    expect(sockets.size).toBeLessThanOrEqual(16);
  });

  test('without the key that lists it names the option', async () => {
    await at('apps/web', (repository) => push(repository, 'a'));
    await mirror.writeSpec(ALL);
    const keys = ['--key', mirror.path('cosign', 'cosign.key'), '--stream-key', mirror.path('stream.pem')];
    const ended = await cliBytes('mirror', 'snapshot', mirror.spec, ...keys);
    expect(ended).toMatchObject({ status: 2, err: expect.stringContaining('with --targets-key;') });
  });

  test('with a password from standard input, which is read once', async () => {
    await at('apps/web', (repository) => push(repository, 'a'));
    await mirror.writeSpec(ALL);
    const login = ['--username', 'alice', '--password-stdin'];
    const basic = `Basic ${Buffer.from('alice:secret').toString('base64')}`;
    const asked = new Set<string | undefined>();
    registry.fault = withCatalog(registry, (request, response) => {
      asked.add(request.headers.authorization);
      if (request.headers.authorization === basic) return false;
      send(response, 401, { 'www-authenticate': 'Basic realm="registry"' });
      return true;
    });
    const ended = await mirror.snapshotWith('secret\n', ...login);
    expect(ended).toMatchObject({ status: 0 });
    expect([...asked].toSorted()).toEqual([basic, undefined]);
    expect(`${ended.out}${ended.err}`).not.toContain('secret');
  });

  test('where a manifest is of a type whose contents cannot be found', async () => {
    await at('apps/web', async (repository) => {
      const mediaType = 'application/vnd.example.unknown+json';
      const layer = await pushBytes(repository, Buffer.from('content'));
      const bytes = Buffer.from(JSON.stringify({ mediaType, parts: [layer] }));
      const descriptor = descriptorOf(bytes, mediaType);
      registry.manifests.set(`apps/web ${descriptor.digest}`, { bytes, type: mediaType });
      registry.tags.set('apps/web odd', descriptor.digest);
    });
    await mirror.writeSpec(ALL);
    const ended = await mirror.snapshot();
    expect(ended).toMatchObject({ status: 1, err: expect.stringContaining('ERR_EXPORT_UNSUPPORTED') });
  });
});

describe('a source that changes meanwhile', () => {
  /** Moves a tag the first time that something is asked for. */
  function moveAt(pattern: RegExp, move: () => void): void {
    let moved = false;
    registry.fault = withCatalog(registry, (_, __, path) => {
      if (!moved && pattern.test(path)) {
        moved = true;
        move();
      }
      return false;
    });
  }

  test('a tag that moves while manifests are read ends it with 5, and says which; the next run is consistent', async () => {
    const [a, b] = await at('apps/web', async (repository) => [
      await push(repository, 'a'),
      await push(repository, 'b'),
    ]);
    await mirror.writeSpec(ALL);
    moveAt(/referrers/, () => registry.tags.set('apps/web a', b.digest));
    const ended = await mirror.snapshot();
    expect(ended).toMatchObject({ status: 5, err: expect.stringContaining(`${registry.host}/apps/web:a`) });
    expect(ended.err).toContain('ERR_EXPORT_SOURCE_MOVED');
    expect(ended.err).toContain('hint: ');
    expect(contentOf(registry)).not.toContain('mirrors/main');
    expect(documentOf((await taken()).digest).repositories[0].tags).toEqual([
      { tag: 'a', digest: b.digest },
      { tag: 'b', digest: b.digest },
    ]);
    expect(a.digest).not.toBe(b.digest);
  });

  test('so does one whose old manifest is deleted before it is read, and one that is deleted', async () => {
    const [a, b] = await at('apps/web', async (repository) => [
      await push(repository, 'a'),
      await push(repository, 'b'),
    ]);
    await mirror.writeSpec(ALL);
    const held = registry.manifests.get(`apps/web ${a.digest}`);
    if (held === undefined) throw new Error('no manifest');
    moveAt(/^\/v2\/apps\/web\/manifests\/sha256/, () => {
      registry.tags.set('apps/web a', b.digest);
      registry.manifests.delete(`apps/web ${a.digest}`);
    });
    const ended = await mirror.snapshot();
    expect(ended).toMatchObject({ status: 5, err: expect.stringContaining(`${registry.host}/apps/web:a`) });
    registry.manifests.set(`apps/web ${a.digest}`, held);
    moveAt(/referrers/, () => registry.tags.delete('apps/web a'));
    expect((await mirror.snapshot()).status).toBe(5);
  });

  test('an image that is incomplete at the source is not one that has moved', async () => {
    await at('apps/web', async (repository) => {
      const child = await pushArtifact(repository, 'child');
      await pushIndex(repository, 'index', [child]);
      registry.manifests.delete(`apps/web ${child.digest}`);
    });
    await mirror.writeSpec(ALL);
    expect(await mirror.snapshot()).toMatchObject({ status: 1, err: expect.stringContaining('ERR_EXPORT_NOT_FOUND') });
  });
});
