import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { contentOf, packManifest } from '#oci/image';
import { openLayout } from '#oci/layout';
import { openStore, openStoreRepository } from '#oci/store';
import { readJson } from '../core/read-json.ts';
import { noise, pushBytes, readAll } from '../oci/content.ts';
import { describePeers, type RunResult, runPeer } from '../peers/peers.ts';
import { serving } from './serving.ts';

const { start, folder } = serving();

/** How each client takes an image from a layout to a registry, and from there into a layout. */
const clients = {
  oras: {
    push: (layout: string, to: string) =>
      run('oras', ['cp', '--from-oci-layout', `${layout}:v1`, '--to-plain-http', to, '--no-tty']),
    pull: (from: string, layout: string) =>
      run('oras', ['cp', '--from-plain-http', from, '--to-oci-layout', `${layout}:v1`, '--no-tty']),
  },
  crane: {
    push: (layout: string, to: string) => run('crane', ['push', '--insecure', layout, to]),
    pull: (from: string, layout: string) =>
      run('crane', ['pull', '--insecure', '--format=oci', '--annotate-ref', from, layout]),
  },
  skopeo: {
    push: (layout: string, to: string) =>
      run('skopeo', ['copy', '--preserve-digests', '--dest-tls-verify=false', `oci:${layout}:v1`, `docker://${to}`]),
    pull: (from: string, layout: string) =>
      run('skopeo', ['copy', '--preserve-digests', '--src-tls-verify=false', `docker://${from}`, `oci:${layout}:v1`]),
  },
  regctl: {
    push: (layout: string, to: string) => regctl(to, ['image', 'copy', `ocidir://${layout}:v1`, to]),
    pull: (from: string, layout: string) => regctl(from, ['image', 'copy', from, `ocidir://${layout}:v1`]),
  },
} as const;

type Client = keyof typeof clients;
const names = Object.keys(clients) as Client[];

async function run(name: Client | 'cosign3' | 'trivy', args: readonly string[]): Promise<RunResult> {
  const policy = join(await folder(), 'policy.json');
  await writeFile(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  return await runPeer(name, name === 'skopeo' ? ['--policy', policy, ...args] : args);
}

async function regctl(reference: string, args: readonly string[]): Promise<RunResult> {
  const host = reference.slice(0, reference.indexOf('/'));
  return await runPeer('regctl', ['--host', `reg=${host},tls=disabled`, ...args]);
}

function succeeded({ code, stderr }: RunResult): void {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}

/** An image of several layers, one of them large and one empty, in a layout under the tag v1. */
async function makeImage(): Promise<{ layout: string; image: Descriptor }> {
  const path = join(await folder(), 'layout');
  const layout = await openLayout(path, { create: true });
  const layers: Descriptor[] = [];
  for (const [i, size] of [3_000_000, 1, 70_000].entries()) {
    layers.push(await pushBytes(layout, noise(size, `layer ${i}`), 'application/vnd.oci.image.layer.v1.tar+gzip'));
  }
  const diffIds = layers.map(({ digest }) => digest);
  const text = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } });
  const config = await pushBytes(layout, Buffer.from(text), 'application/vnd.oci.image.config.v1+json');
  const { descriptor: image, bytes } = packManifest({ config, layers });
  await layout.push(image, contentOf(bytes));
  await layout.tag(image, 'v1');
  await layout.close();
  return { layout: path, image };
}

describePeers(names, 'clients of the registry', () => {
  test.each(names)('what %s pushes, all pull with the same digest', { timeout: 120_000 }, async (pusher) => {
    const { layout, image } = await makeImage();
    const { address } = await start();
    const reference = `${address}/clients/${pusher}:v1`;
    succeeded(await clients[pusher].push(layout, reference));
    expect((await run('crane', ['digest', '--insecure', reference])).stdout.trim()).toBe(image.digest);
    for (const puller of names) {
      const path = join(await folder(), 'pulled');
      succeeded(await clients[puller].pull(reference, path));
      const pulled = await openLayout(path);
      const bytes = await readAll(await pulled.fetch(image));
      const { layers } = readJson(Buffer.from(bytes).toString()) as { layers: Descriptor[] };
      expect(layers).toHaveLength(3);
      for (const layer of layers) await readAll(await pulled.fetch(layer));
      await pulled.close();
    }
    // A second push finds all of it there.
    succeeded(await clients[pusher].push(layout, reference));
  });

  test('oras: files, referrers, tags and deletes', async () => {
    const { address } = await start();
    const here = await folder();
    await writeFile(join(here, 'a.txt'), 'one file');
    await writeFile(join(here, 'big.bin'), noise(400_000));
    const reference = `${address}/files:v1`;
    const at = { cwd: here };
    const oras = async (...args: string[]) => {
      const result = await runPeer('oras', args, at);
      succeeded(result);
      return result.stdout;
    };
    await oras('push', '--plain-http', '--artifact-type', 'application/x.files', reference, 'a.txt', 'big.bin');
    await oras('attach', '--plain-http', '--artifact-type', 'application/x.note', reference, 'a.txt');
    await oras('tag', '--plain-http', reference, 'v2', 'latest');
    expect(await oras('repo', 'tags', '--plain-http', `${address}/files`)).toBe('latest\nv1\nv2\n');
    expect(await oras('discover', '--plain-http', '--format', 'json', reference)).toContain('application/x.note');
    const there = join(here, 'pulled');
    await oras('pull', '--plain-http', '-o', there, reference);
    expect(await readFile(join(there, 'a.txt'), 'utf8')).toBe('one file');
    expect(Buffer.compare(await readFile(join(there, 'big.bin')), noise(400_000))).toBe(0);
    await oras('manifest', 'delete', '--plain-http', '--force', reference);
    expect((await runPeer('oras', ['repo', 'tags', '--plain-http', `${address}/files`])).stdout).toBe('');
  });

  test('crane, oras and regctl list the repositories, in pages too', async () => {
    const { layout } = await makeImage();
    const { address } = await start();
    const repositories = ['team/a', 'team/b/c', 'z'];
    for (const name of repositories) succeeded(await clients.oras.push(layout, `${address}/${name}:v1`));
    const lines = ({ code, stdout, stderr }: RunResult) => {
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      return stdout.split('\n').filter((line) => line !== '');
    };
    expect(lines(await run('crane', ['catalog', '--insecure', address]))).toEqual(repositories);
    expect(lines(await run('oras', ['repo', 'ls', '--plain-http', address]))).toEqual(repositories);
    expect(lines(await run('oras', ['repo', 'ls', '--plain-http', `${address}/team`]))).toEqual(['a', 'b/c']);
    expect(lines(await run('oras', ['repo', 'ls', '--plain-http', '--last', 'team/a', address]))).toEqual(
      repositories.slice(1),
    );
    const listed = ['repo', 'ls', address];
    expect(lines(await regctl(`${address}/`, listed))).toEqual(repositories);
    expect(lines(await regctl(`${address}/`, [...listed, '--limit', '2']))).toEqual(repositories.slice(0, 2));
    expect(lines(await regctl(`${address}/`, [...listed, '--limit', '2', '--last', 'team/b/c']))).toEqual(['z']);
  });

  describe('damage on the disk of the registry', () => {
    test.each(names)('%s refuses a layer with a wrong byte, and one that was cut', async (client) => {
      const { layout, image } = await makeImage();
      const { address, dataDir } = await start();
      const reference = `${address}/damaged:v1`;
      succeeded(await clients.oras.push(layout, reference));
      const { paths } = await openStore(join(dataDir, 'registry'), { tenant: 'default' });
      const { layers } = readJson(await readFile(paths.blob(image.digest), 'utf8')) as { layers: Descriptor[] };
      const [layer = image] = layers;
      const bytes = await readFile(paths.blob(layer.digest));
      bytes[1_500_000] = (bytes[1_500_000] ?? 0) ^ 1;
      await writeFile(paths.blob(layer.digest), bytes);
      expect((await clients[client].pull(reference, join(await folder(), 'p'))).code).not.toBe(0);
      await truncate(paths.blob(layer.digest), 2_000_000);
      expect((await clients[client].pull(reference, join(await folder(), 'p'))).code).not.toBe(0);
    });
  });
});

describePeers(['crane', 'cosign3', 'oras', 'skopeo', 'regctl'], 'signatures in the registry', () => {
  test('cosign signs what is there, finds its signature, and so does nobody with another key', async () => {
    const { layout, image } = await makeImage();
    const { address } = await start();
    const reference = `${address}/signed:v1`;
    succeeded(await clients.oras.push(layout, reference));
    const here = await folder();
    const cosign = (...args: string[]) => runPeer('cosign3', args, { cwd: here });
    succeeded(await cosign('generate-key-pair'));
    await writeFile(join(here, 'tr.json'), '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
    const digest = `${address}/signed@${image.digest}`;
    succeeded(
      await cosign('sign', '--yes', '--key=cosign.key', '--use-signing-config=false', '--tlog-upload=false', digest),
    );
    const verify = ['verify', '--insecure-ignore-tlog', '--trusted-root=tr.json'];
    succeeded(await cosign(...verify, '--key=cosign.pub', digest));
    await mkdir(join(here, 'other'));
    succeeded(await runPeer('cosign3', ['generate-key-pair'], { cwd: join(here, 'other') }));
    expect((await cosign(...verify, '--key=other/cosign.pub', digest)).code).not.toBe(0);
  });
});

describePeers(['trivy'], 'a vulnerability database in the registry', () => {
  test('trivy downloads it', async () => {
    const tar = pack();
    tar.entry({ name: 'trivy.db' }, 'not a database yet');
    tar.entry({ name: 'metadata.json' }, '{"Version":2,"NextUpdate":"2999-01-01T00:00:00Z"}');
    tar.finalize();
    const archive = await readAll(tar.pipe(createGzip()));
    const { address, dataDir } = await start();
    const store = await openStore(join(dataDir, 'registry'), { tenant: 'default' });
    const target = openStoreRepository(store, 'security/trivy-db');
    const config = await pushBytes(target, Buffer.from('{}'), 'application/vnd.aquasec.trivy.config.v1+json');
    const layer = await pushBytes(target, archive, 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip');
    const annotations = { 'org.opencontainers.image.title': 'db.tar.gz' };
    const { descriptor, bytes } = packManifest({ config, layers: [{ ...layer, annotations }] });
    await target.push(descriptor, contentOf(bytes));
    await target.tag(descriptor, '2');
    const cache = await folder();
    const flags = ['--skip-version-check', '--disable-telemetry', '--no-progress', '--cache-dir', cache];
    const source = ['--db-repository', `${address}/security/trivy-db:2`];
    succeeded(await run('trivy', ['image', '--download-db-only', ...flags, ...source]));
    expect(await readFile(join(cache, 'db', 'trivy.db'), 'utf8')).toBe('not a database yet');
  });
});
