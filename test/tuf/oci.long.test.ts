import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, test, vi } from 'vitest';
import { addSeconds, annotationKeys, type Descriptor, type Instant, mediaTypes } from '#core';
import { contentOf, fetchBytes, packManifest, parseManifest, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { refreshRepository } from '../../src/tuf/client/refresh.ts';
import { memoryState } from '../../src/tuf/client/state.ts';
import { readPublication } from '../../src/tuf/oci/publication.ts';
import { attachArtifact, publishArtifact } from '../../src/tuf/oci/publish.ts';
import { openArtifactSource } from '../../src/tuf/oci/source.ts';
import { rotateRoot, signRoot } from '../../src/tuf/repository/ceremony.ts';
import { refreshOnlineRoles } from '../../src/tuf/repository/streams.ts';
import { describe as describeContent } from '../oci/content.ts';
import { serving } from '../server/serving.ts';
import { refusal } from './refusal.ts';
import { type RepositoryFixture, START, signedFixture } from './repository-fixture.ts';

const { start, folder } = serving();

/** Where a repository may be published to. */
const places: Readonly<Record<string, () => Promise<() => Promise<Repository>>>> = {
  'a registry': async () => {
    const { address } = await start();
    const reference = { kind: 'registry', registry: address, repository: 'security/tuf' } as const;
    return () => openRepository(reference);
  },
  'a layout': async () => {
    const path = join(await folder(), 'layout');
    return () => openRepository({ kind: 'layout', path }, { create: true });
  },
};

async function publishTo(open: () => Promise<Repository>, dir: string, tag = 'latest') {
  const repository = await open();
  try {
    return await publishArtifact(await readPublication(dir), repository, tag);
  } finally {
    await repository.close();
  }
}

/** Refreshes from an artifact as a client that trusts the first root. */
async function refreshFrom(
  { dir }: RepositoryFixture,
  open: () => Promise<Repository>,
  state = memoryState(),
  name = 'latest',
) {
  const repository = await open();
  const trustedRoot = await readFile(join(dir, 'metadata/1.root.json'));
  const trusted = await refreshRepository({
    trustedRoot,
    source: await openArtifactSource(repository, name),
    state,
    at: START,
  });
  const newest = [
    ...((await trusted.find('feed.2.json')) === undefined ? ['feed.1.json'] : ['feed.2.json']),
  ][0] as string;
  const found = await trusted.find(newest);
  const bytes = found && (await trusted.download(found));
  await repository.close();
  return bytes && Buffer.from(bytes).toString();
}

describe.each(Object.keys(places))('in %s', (name) => {
  const place = () => (places[name] as () => Promise<() => Promise<Repository>>)();

  it('has the published files, byte for byte, below one tag', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const open = await place();
    const { digest } = await publishTo(open, fixture.dir);
    const repository = await open();
    const descriptor = (await repository.resolve('latest')) as Descriptor;
    expect(descriptor.digest).toBe(digest);
    const manifest = parseManifest(await fetchBytes(repository, descriptor), descriptor.mediaType, 'it');
    expect(manifest).toMatchObject({ kind: 'manifest', artifactType: mediaTypes.tufRepository, subject: undefined });
    const layers = manifest.kind === 'manifest' ? manifest.layers : [];
    const files = await fixture.files();
    const published = [...files.keys()].filter((file) => /^(?:metadata|targets)\//.test(file));
    // Versions before the newest are of no use to a client, but all roots are.
    expect(layers.map(({ annotations }) => annotations?.[annotationKeys.title]).sort()).toEqual(
      published.filter((file) => file !== 'metadata/1.snapshot.json' && file !== 'metadata/1.targets.json').sort(),
    );
    for (const layer of layers) {
      const title = layer.annotations?.[annotationKeys.title] ?? '';
      expect(Buffer.from(await fetchBytes(repository, layer))).toEqual(files.get(title));
      expect(layer.annotations?.['tuf.io/filename']).toBe(title.replace(/^.*\//, ''));
      expect(layer.mediaType).toBe(
        title.startsWith('targets/') ? 'application/vnd.tuf.target' : 'application/vnd.tuf.metadata+json',
      );
    }
    await repository.close();
    expect(await refreshFrom(fixture, open)).toBe('one');
  });

  it('is left alone when nothing has changed, and replaced when something has', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const open = await place();
    const first = await publishTo(open, fixture.dir);
    expect(first).toMatchObject({ state: 'pushed' });
    expect(await publishTo(open, fixture.dir)).toEqual({ digest: first.digest, state: 'present' });
    const state = memoryState();
    expect(await refreshFrom(fixture, open, state)).toBe('one');
    await fixture.add('two', START, 1);
    expect(await publishTo(open, fixture.dir)).toMatchObject({ state: 'pushed', previousDigest: first.digest });
    expect(await refreshFrom(fixture, open, state)).toBe('two');
  });

  it('shows the old state or the new one when the publication is killed at any step', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const open = await place();
    await publishTo(open, fixture.dir);
    await fixture.add('two', START, 1);
    let kills = 0;
    const state = memoryState();
    for (let step = 1; ; step++) {
      const repository = killedAfter(await open(), step);
      const done = await publishArtifact(await readPublication(fixture.dir), repository, 'latest').then(
        () => true,
        (error: unknown) => {
          expect(String(error)).toContain('killed');
          return false;
        },
      );
      await repository.close().catch(() => undefined);
      const seen = await refreshFrom(fixture, open, state);
      if (done) {
        expect(seen).toBe('two');
        break;
      }
      kills++;
      expect(['one', 'two']).toContain(seen);
    }
    // The target, five documents, the manifest, the tag; a registry is not asked for what its manifest names.
    expect(kills).toBeGreaterThanOrEqual(6);
  });

  it('refuses an older state, and another repository, below the tag', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const old = `${fixture.dir}-old`;
    await cp(fixture.dir, old, { recursive: true });
    await fixture.add('two', START, 1);
    const open = await place();
    const { digest } = await publishTo(open, fixture.dir);
    await expect(publishTo(open, old)).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK', 'a newer state'));
    // As new as the published one, but of a copy that went another way.
    await refreshOnlineRoles(old, [fixture.online], addSeconds(START, 60));
    await expect(publishTo(open, old)).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK', 'with other content'));
    await using other = await signedFixture();
    await expect(publishTo(open, other.dir)).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'another TUF repository'));
    const repository = await open();
    expect(await repository.resolve('latest')).toMatchObject({ digest });
    await repository.close();
  });

  it('takes no tag away from something else', async () => {
    await using fixture = await signedFixture();
    const open = await place();
    const repository = await open();
    await pushArtifact(repository, 'feed');
    await expect(publishTo(open, fixture.dir, 'feed')).rejects.toThrow(
      refusal('ERR_EXPORT_TUF_STATE', 'not a TUF repository'),
    );
    await attachArtifact(await readPublication(fixture.dir), repository, await tagged(repository, 'feed'));
    await repository.close();
    await expect(publishTo(open, fixture.dir, 'feed')).rejects.toThrow(
      refusal('ERR_EXPORT_TUF_STATE', 'the tag of another artifact'),
    );
  });

  it('is attached to an artifact, and the newest of those attached is read from there', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const open = await place();
    const repository = await open();
    await pushArtifact(repository, 'bundle');
    const subject = await tagged(repository, 'bundle');
    const attach = async () => attachArtifact(await readPublication(fixture.dir), repository, subject);
    const first = await attach();
    expect(await attach()).toEqual({ digest: first.digest, state: 'present' });
    for (let i = 0; i < 9; i++) await refreshOnlineRoles(fixture.dir, [fixture.online], START);
    await fixture.add('two', START, 1);
    await attach();
    const listed: Descriptor[] = [];
    for await (const each of repository.referrers(subject.digest)) listed.push(each);
    expect(
      listed.map(({ artifactType, annotations }) => [artifactType, annotations?.[annotationKeys.version]]),
    ).toEqual(
      expect.arrayContaining([
        [mediaTypes.tufRepository, '2'],
        [mediaTypes.tufRepository, '12'],
      ]),
    );
    await repository.close();
    expect(await refreshFrom(fixture, open, memoryState(), 'bundle')).toBe('two');
    expect(await refreshFrom(fixture, open, memoryState(), first.digest)).toBe('one');
  });
});

test('a registry is asked for nothing that its manifest of before names', async () => {
  await using fixture = await signedFixture();
  for (let i = 0; i < 5; i++) await fixture.add(`content ${i}`);
  const open = await (places['a registry'] as () => Promise<() => Promise<Repository>>)();
  await publishTo(open, fixture.dir);
  await fixture.add('two');
  const repository = await open();
  const push = vi.spyOn(repository, 'push');
  await publishArtifact(await readPublication(fixture.dir), repository, 'latest');
  // The target, the stream, the snapshot, the timestamp, the manifest.
  expect(push.mock.calls).toHaveLength(5);
  await repository.close();
});

describe('an artifact', () => {
  async function published() {
    const fixture = await signedFixture();
    await fixture.add('one');
    const open = await (places['a layout'] as () => Promise<() => Promise<Repository>>)();
    const { digest } = await publishTo(open, fixture.dir);
    return { fixture, open, digest };
  }

  type Change = (layers: Descriptor[], push: (text: string, title: string) => Promise<Descriptor>) => unknown;

  /** Publishes other layers below the tag. */
  async function tamper(open: () => Promise<Repository>, change: Change) {
    const repository = await open();
    const push = async (text: string, title: string): Promise<Descriptor> => {
      const bytes = Buffer.from(text);
      const descriptor = describeContent(bytes, mediaTypes.tufMetadata);
      await repository.push(descriptor, contentOf(bytes));
      return { ...descriptor, annotations: { 'tuf.io/filename': title } };
    };
    const { descriptor } = await manifestOf(repository);
    const manifest = parseManifest(await fetchBytes(repository, descriptor), descriptor.mediaType, 'it');
    if (manifest.kind !== 'manifest') throw new Error('no manifest');
    const layers = [...manifest.layers];
    await change(layers, push);
    const packed = packManifest({ artifactType: mediaTypes.tufRepository, config: manifest.config, layers });
    await repository.push(packed.descriptor, contentOf(packed.bytes));
    await repository.tag(packed.descriptor, 'latest');
    await repository.close();
  }

  const manifestOf = async (repository: Repository) => ({ descriptor: await tagged(repository, 'latest') });
  const indexOf = (layers: readonly Descriptor[], title: string) =>
    layers.findIndex(({ annotations }) => annotations?.['tuf.io/filename'] === title);

  it.each([
    [
      'two layers of one name',
      (layers: Descriptor[]) => layers.push(layers[0] as Descriptor),
      refusal('ERR_EXPORT_TUF_INVALID', 'two layers are metadata/1.root.json'),
    ],
    [
      'no timestamp',
      (layers: Descriptor[]) => layers.splice(indexOf(layers, 'timestamp.json'), 1),
      refusal('ERR_EXPORT_NOT_FOUND', 'timestamp.json'),
    ],
    [
      'no snapshot',
      (layers: Descriptor[]) => layers.splice(indexOf(layers, '2.snapshot.json'), 1),
      refusal('ERR_EXPORT_TUF_MISMATCH', '2.snapshot.json: missing'),
    ],
    [
      'another snapshot',
      async (layers: Descriptor[], push: Parameters<Change>[1]) => {
        layers[indexOf(layers, '2.snapshot.json')] = await push('{}', '2.snapshot.json');
      },
      refusal('ERR_EXPORT_TUF_MISMATCH', '2.snapshot.json'),
    ],
    [
      'a timestamp that is too large',
      async (layers: Descriptor[], push: Parameters<Change>[1]) => {
        layers[indexOf(layers, 'timestamp.json')] = await push(' '.repeat(20_000), 'timestamp.json');
      },
      refusal('ERR_EXPORT_TUF_INVALID', 'timestamp.json: 20000 bytes'),
    ],
  ])('with %s is refused', async (_, change, error) => {
    const { fixture, open } = await published();
    await using _fixture = fixture;
    await tamper(open, change);
    await expect(refreshFrom(fixture, open)).rejects.toThrow(error);
  });

  it('whose bytes were changed is refused', async () => {
    const { fixture, open } = await published();
    await using _fixture = fixture;
    const repository = await open();
    const blob = describeContent(Buffer.from('one')).digest.slice('sha256:'.length);
    await writeFile(join(repository.name.replace(/^oci:/, ''), 'blobs/sha256', blob), 'two');
    await repository.close();
    await expect(refreshFrom(fixture, open)).rejects.toThrow(refusal('ERR_EXPORT_DIGEST_MISMATCH'));
  });

  it('that is something else, or is not there, is refused', async () => {
    const { fixture, open } = await published();
    await using _fixture = fixture;
    const repository = await open();
    await pushArtifact(repository, 'bundle');
    await expect(openArtifactSource(repository, 'bundle')).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE'));
    await expect(openArtifactSource(repository, 'nothing')).rejects.toThrow(refusal('ERR_EXPORT_NOT_FOUND'));
    await repository.close();
  });
});

describe('a directory', () => {
  it('is not published while a client would refuse it', async () => {
    await using fixture = await signedFixture();
    const { dir, root, online } = fixture;
    await fixture.add('one');
    const before = await fixture.files();
    await refreshOnlineRoles(dir, [online], START);
    await writeFile(join(dir, 'metadata/timestamp.json'), '{}');
    await expect(readPublication(dir)).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', 'timestamp.json'));
    await writeFile(join(dir, 'metadata/timestamp.json'), before.get('metadata/timestamp.json') as Buffer);
    await rotateRoot(dir, 'root', { add: [], remove: [], threshold: undefined }, START);
    await signRoot(dir, { rootSigners: root, copies: [], signers: [online], at: START });
    await rm(join(dir, 'metadata/1.root.json'));
    await expect(readPublication(dir)).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', '1.root.json: missing'));
  });

  it('without a file of a target is not published', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const target = [...(await fixture.files()).keys()].find((file) => file.startsWith('targets/')) as string;
    await rm(join(fixture.dir, target));
    const open = await (places['a layout'] as () => Promise<() => Promise<Repository>>)();
    await expect(publishTo(open, fixture.dir)).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', 'feed.1.json'));
    const repository = await open();
    expect(await repository.resolve('latest')).toBeUndefined();
    await repository.close();
  });

  it('that has expired is published, for the client to judge', async () => {
    await using fixture = await signedFixture('2020-01-01T00:00:00Z' as Instant);
    const { version } = await readPublication(fixture.dir);
    expect(version).toBe(1);
  });
});

async function tagged(repository: Repository, tag: string): Promise<Descriptor> {
  return (await repository.resolve(tag)) as Descriptor;
}

/** Some artifact that is no TUF repository. */
async function pushArtifact(repository: Repository, tag: string): Promise<void> {
  const bytes = Buffer.from('content');
  const layer = describeContent(bytes, 'text/plain');
  await repository.push(layer, contentOf(bytes));
  const config = describeContent(Buffer.from('{}'), mediaTypes.ociEmpty);
  await repository.push(config, contentOf(Buffer.from('{}')));
  const packed = packManifest({ artifactType: 'application/example', config, layers: [layer] });
  await repository.push(packed.descriptor, contentOf(packed.bytes));
  await repository.tag(packed.descriptor, tag);
}

/** A repository whose process is killed in place of the n-th change. */
function killedAfter(repository: Repository, step: number): Repository {
  let changes = 0;
  return new Proxy(repository, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const work = member.bind(target) as (...args: unknown[]) => unknown;
      if (name !== 'push' && name !== 'tag' && name !== 'flush') return work;
      return async (...args: unknown[]) => {
        if (++changes >= step) throw new Error('killed');
        return work(...args);
      };
    },
  });
}
