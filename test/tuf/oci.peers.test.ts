import { chmod, cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { annotationKeys, type Descriptor, instantOf, systemClock } from '#core';
import { openRepository } from '#oci/transfer';
import { refreshRepository } from '../../src/tuf/client/refresh.ts';
import { memoryState } from '../../src/tuf/client/state.ts';
import { readPublication } from '../../src/tuf/oci/publication.ts';
import { attachArtifact, publishArtifact } from '../../src/tuf/oci/publish.ts';
import { openArtifactSource } from '../../src/tuf/oci/source.ts';
import { readJson } from '../core/read-json.ts';
import { describePeers, runPeer, startDockerRegistry } from '../peers/peers.ts';
import { serving } from '../server/serving.ts';
import { serveDirectory } from './judged.ts';
import { type RepositoryFixture, signedFixture } from './repository-fixture.ts';

const { start, folder } = serving();

let fixture: RepositoryFixture;
let registry: string;
let work: string;
beforeEach(async () => {
  fixture = await signedFixture(instantOf(systemClock.now()));
  registry = (await start()).address;
  work = await folder();
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function run(name: 'oras' | 'crane', ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runPeer(name, args);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return stdout;
}

async function publish(): Promise<void> {
  const repository = await openRepository({ kind: 'registry', registry, repository: 'security/tuf' });
  await publishArtifact(await readPublication(fixture.dir), repository, 'latest');
  await repository.close();
}

/** What brings the artifact into a directory that any TUF client reads. */
const transports: Readonly<Record<'oras' | 'crane', () => Promise<string>>> = {
  async oras() {
    const out = await mkdtemp(join(work, 'oras-'));
    await run('oras', 'pull', '--plain-http', `${registry}/security/tuf:latest`, '--output', out);
    return out;
  },
  async crane() {
    const out = await mkdtemp(join(work, 'crane-'));
    const manifest = readJson(await run('crane', 'manifest', '--insecure', `${registry}/security/tuf:latest`));
    for (const { digest, annotations } of (manifest as { layers: readonly Descriptor[] }).layers) {
      const path = join(out, annotations?.[annotationKeys.title] ?? '');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await run('crane', 'blob', '--insecure', `${registry}/security/tuf@${digest}`));
    }
    return out;
  },
};

/** Lets a client refresh from a directory behind http, and download a target. */
async function judge(client: 'go-tuf' | 'python-tuf', dir: string, target: string, state: string) {
  await using server = await serveDirectory(dir);
  const out = join(await mkdtemp(join(work, 'out-')), 'target');
  const root = join(fixture.dir, 'metadata/1.root.json');
  const urls = [`${server.url}/metadata`, `${server.url}/targets`];
  const { code } = await runPeer(client, [...urls, root, state, target, out]);
  return code === 0 ? await readFile(out, 'utf8') : undefined;
}

describePeers(['docker-registry', 'oras'], 'a registry without a list of referrers', () => {
  test('takes the artifact and one that is attached, which oras lists and our client reads', async () => {
    const docker = await startDockerRegistry();
    try {
      await fixture.add('one', instantOf(systemClock.now()));
      const repository = await openRepository({ kind: 'registry', registry: docker.host, repository: 'tuf' });
      const publication = await readPublication(fixture.dir);
      await publishArtifact(publication, repository, 'latest');
      const place = `${docker.host}/tuf`;
      const file = join(work, 'file');
      await writeFile(file, 'content');
      await run('oras', 'push', '--plain-http', '--disable-path-validation', `${place}:bundle`, file);
      const subject = (await repository.resolve('bundle')) as Descriptor;
      const { digest } = await attachArtifact(publication, repository, subject);
      expect(await run('oras', 'discover', '--plain-http', '--format', 'json', `${place}:bundle`)).toContain(digest);
      for (const name of ['latest', 'bundle']) {
        const trusted = await refreshRepository({
          trustedRoot: await readFile(join(fixture.dir, 'metadata/1.root.json')),
          source: await openArtifactSource(repository, name),
          state: memoryState(),
          at: instantOf(systemClock.now()),
        });
        expect(await trusted.find('feed.1.json')).toBeDefined();
      }
      expect(await attachArtifact(publication, repository, subject)).toEqual({ digest, state: 'present' });
      expect(await publishArtifact(publication, repository, 'latest')).toMatchObject({ state: 'present' });
      await repository.close();
    } finally {
      await docker.stop();
    }
  });
});

describePeers(['oras', 'crane', 'go-tuf', 'python-tuf'], 'a TUF repository in a registry', () => {
  test.each([
    ['oras', 'go-tuf'],
    ['oras', 'python-tuf'],
    ['crane', 'go-tuf'],
    ['crane', 'python-tuf'],
  ] as const)('is pulled by %s and accepted by %s, from version to version', async (transport, client) => {
    const state = await mkdtemp(join(work, 'state-'));
    await fixture.add('one', instantOf(systemClock.now()));
    await publish();
    expect(await judge(client, await transports[transport](), 'feed.1.json', state)).toBe('one');
    await fixture.add('two', instantOf(systemClock.now()), 1);
    await publish();
    const pulled = await transports[transport]();
    expect(await judge(client, pulled, 'feed.2.json', state)).toBe('two');

    const damaged = join(work, 'damaged');
    await cp(pulled, damaged, { recursive: true });
    const stream = join(damaged, 'metadata/2.feed.json');
    await writeFile(stream, (await readFile(stream, 'utf8')).replace('"sequence": 2', '"sequence": 3'));
    expect(await judge(client, damaged, 'feed.2.json', await mkdtemp(join(work, 'state-')))).toBeUndefined();
  });

  test('is refused by oras with a damaged blob', async () => {
    await publish();
    const layout = join(work, 'layout');
    await run('oras', 'copy', '--from-plain-http', `${registry}/security/tuf:latest`, '--to-oci-layout', `${layout}:t`);
    const manifest = readJson(await run('crane', 'manifest', '--insecure', `${registry}/security/tuf:latest`));
    const { layers } = manifest as { layers: readonly [Descriptor] };
    const blob = join(layout, 'blobs/sha256', layers[0].digest.slice('sha256:'.length));
    const text = await readFile(blob, 'utf8');
    await chmod(blob, 0o644);
    await writeFile(blob, text.replace('"version": 1', '"version": 2'));
    const { code } = await runPeer('oras', ['pull', '--oci-layout', `${layout}:t`, '--output', join(work, 'out')]);
    expect(code).not.toBe(0);
  });
});
