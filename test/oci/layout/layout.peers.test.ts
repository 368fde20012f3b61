import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { annotationKeys, type Descriptor } from '#core';
import { packManifest, parseReference, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { copy, openRepository } from '#oci/transfer';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { type DockerRegistry, describePeers, type RunResult, runPeer, startDockerRegistry } from '../../peers/peers.ts';
import { inPieces, listAll, noise, pushArtifact, pushBytes, readAll } from '../content.ts';

const TOOLS = ['oras', 'skopeo', 'crane', 'regctl'] as const;
type Tool = (typeof TOOLS)[number];

let root: string;
let registry: DockerRegistry;

async function run(name: Tool, args: readonly string[]): Promise<RunResult> {
  const result = await runPeer(name, args);
  expect({ name, args, code: result.code, stderr: result.code === 0 ? '' : result.stderr }).toEqual({
    name,
    args,
    code: 0,
    stderr: '',
  });
  return result;
}

const regctl = (...args: string[]) => run('regctl', ['--host', `reg=${registry.host},tls=disabled`, ...args]);
const skopeo = (from: string, to: string) =>
  run('skopeo', [
    '--insecure-policy',
    'copy',
    '--all',
    '--preserve-digests',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    from,
    to,
  ]);

/** How each tool takes an image from a registry into a layout, and back. */
const tools: Record<
  Tool,
  {
    toLayout: (from: string, layout: string, tag: string) => Promise<unknown>;
    toRegistry: (layout: string, tag: string, to: string) => Promise<unknown>;
  }
> = {
  oras: {
    toLayout: (from, layout, tag) =>
      run('oras', ['cp', '-r', '--from-plain-http', '--to-oci-layout', from, `${layout}:${tag}`, '--no-tty']),
    toRegistry: (layout, tag, to) =>
      run('oras', ['cp', '-r', '--from-oci-layout', '--to-plain-http', `${layout}:${tag}`, to, '--no-tty']),
  },
  skopeo: {
    toLayout: (from, layout, tag) => skopeo(`docker://${from}`, `oci:${layout}:${tag}`),
    toRegistry: (layout, tag, to) => skopeo(`oci:${layout}:${tag}`, `docker://${to}`),
  },
  crane: {
    toLayout: (from, layout) => run('crane', ['pull', '--insecure', '--format=oci', '--annotate-ref', from, layout]),
    toRegistry: (layout, _, to) => run('crane', ['push', '--insecure', layout, to]),
  },
  regctl: {
    toLayout: (from, layout, tag) => regctl('image', 'copy', '--referrers', from, `ocidir://${layout}:${tag}`),
    toRegistry: (layout, tag, to) => regctl('image', 'copy', '--referrers', `ocidir://${layout}:${tag}`, to),
  },
};

/** An image that every tool takes for one, tagged. */
async function pushImage(repository: Repository, text: string, tag: string): Promise<Descriptor> {
  const layer = await pushBytes(
    repository,
    Buffer.concat([noise(100_000), Buffer.from(text)]),
    'application/vnd.oci.image.layer.v1.tar+gzip',
  );
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  const packed = packManifest({
    config: await pushBytes(repository, Buffer.from(config), 'application/vnd.oci.image.config.v1+json'),
    layers: [layer],
    annotations: { [annotationKeys.title]: text },
  });
  await repository.push(packed.descriptor, inPieces(packed.bytes, 1000));
  await repository.tag(packed.descriptor, tag);
  return packed.descriptor;
}

const remote = (name: string) => openRepository(parseReference(`${registry.host}/${name}`), { env: {} });

async function readWhole(repository: Repository, image: Descriptor): Promise<void> {
  const report = await copy(repository, await openLayout(await mkdtemp(join(root, 'whole-')), { create: true }), [
    image,
  ]);
  expect(report.outcomes.size).toBe(3);
}

describePeers([...TOOLS, 'docker-registry'], 'layouts of other tools', () => {
  beforeAll(async () => {
    root = await makeTempDir();
    registry = await startDockerRegistry({ deletes: true });
  });

  afterAll(async () => {
    await registry.stop();
  });

  test.each(TOOLS)('a layout that %s wrote is read, and written on', { timeout: 180_000 }, async (tool) => {
    const from = await remote(`written/${tool}`);
    const [first, second] = [await pushImage(from, 'first', 'v1'), await pushImage(from, 'second', 'v2')];
    const path = join(root, `by-${tool}`);
    await tools[tool].toLayout(`${registry.host}/written/${tool}:v1`, path, 'v1');
    await tools[tool].toLayout(`${registry.host}/written/${tool}:v2`, path, 'v2');
    const layout = await openLayout(path);
    expect((await layout.resolve('v1'))?.digest).toBe(first.digest);
    expect((await layout.resolve('v2'))?.digest).toBe(second.digest);
    expect(await listAll(layout.tags())).toEqual(['v1', 'v2']);
    await readWhole(layout, first);
    const ours = await pushImage(layout, 'ours', 'v3');
    await layout.tag(second, 'v1');
    await layout.close();
    const reread = await openLayout(path);
    expect((await reread.resolve('v1'))?.digest).toBe(second.digest);
    expect((await reread.resolve('v2'))?.digest).toBe(second.digest);
    expect((await reread.resolve('v3'))?.digest).toBe(ours.digest);
    await readWhole(reread, first);
    await from.close();
  });

  test.each(TOOLS)('a layout that we wrote is read by %s', { timeout: 180_000 }, async (tool) => {
    const path = join(root, `for-${tool}`);
    const layout = await openLayout(path, { create: true });
    const image = await pushImage(layout, 'one', 'v1');
    // crane takes a layout as a whole, so it gets one of one image.
    if (tool !== 'crane') await pushImage(layout, 'two', 'v2');
    await layout.close();
    await tools[tool].toRegistry(path, 'v1', `${registry.host}/read/${tool}:v1`);
    const to = await remote(`read/${tool}`);
    expect((await to.resolve('v1'))?.digest).toBe(image.digest);
    await readWhole(to, image);
    await to.close();
  });

  test.each(['oras', 'regctl'] as const)('referrers in a layout that %s wrote', { timeout: 180_000 }, async (tool) => {
    const from = await remote(`referred/${tool}`);
    const image = await pushImage(from, 'subject', 'v1');
    const signature = await pushArtifact(from, 'signature', { subject: image, annotations: { a: 'b' } });
    const path = join(root, `referrers-by-${tool}`);
    await tools[tool].toLayout(`${registry.host}/referred/${tool}:v1`, path, 'v1');
    const layout = await openLayout(path);
    const found = await listAll(layout.referrers(image.digest));
    expect(found.map(({ digest, annotations }) => [digest, annotations])).toEqual([[signature.digest, { a: 'b' }]]);
    await from.close();
  });

  test('referrers in a layout that we wrote, as oras discovers and takes them along', {
    timeout: 180_000,
  }, async () => {
    const path = join(root, 'referrers-for-oras');
    const layout = await openLayout(path, { create: true });
    const image = await pushImage(layout, 'subject', 'v1');
    const signature = await pushArtifact(layout, 'signature', {
      subject: image,
      artifactType: 'application/x.signature',
    });
    await layout.close();
    const { stdout } = await run('oras', ['discover', '--oci-layout', '--format', 'json', `${path}:v1`]);
    const { referrers } = readJson(stdout);
    expect(
      referrers.map((entry: { digest: string; artifactType: string }) => [entry.digest, entry.artifactType]),
    ).toEqual([[signature.digest, 'application/x.signature']]);
    await tools.oras.toRegistry(path, 'v1', `${registry.host}/referrers-for-oras:v1`);
    const to = await remote('referrers-for-oras');
    expect((await listAll(to.referrers(image.digest))).map(({ digest }) => digest)).toEqual([signature.digest]);
    await to.close();
  });

  test.each(['oras', 'skopeo', 'regctl'] as const)(
    'what %s adds to a layout of ours loses nothing',
    { timeout: 180_000 },
    async (tool) => {
      const path = join(root, `added-by-${tool}`);
      const layout = await openLayout(path, { create: true });
      const image = await pushImage(layout, 'ours', 'v1');
      const signature = await pushArtifact(layout, 'signature', { subject: image });
      await layout.close();
      const from = await remote(`added/${tool}`);
      const theirs = await pushImage(from, 'theirs', 'v2');
      await tools[tool].toLayout(`${registry.host}/added/${tool}:v2`, path, 'v2');
      const after = await openLayout(path);
      expect((await after.resolve('v2'))?.digest).toBe(theirs.digest);
      expect((await after.resolve('v1'))?.digest).toBe(image.digest);
      await readWhole(after, image);
      const found = await listAll(after.referrers(image.digest));
      expect(found.map(({ digest }) => digest)).toEqual([signature.digest]);
      await readAll(await after.fetch(signature));
      await from.close();
    },
  );

  test('an archive that skopeo wrote is read, and one of ours by skopeo and oras', { timeout: 180_000 }, async () => {
    const from = await remote('archive');
    const image = await pushImage(from, 'image', 'v1');
    await skopeo(`docker://${registry.host}/archive:v1`, `oci-archive:${join(root, 'theirs.tar')}:v1`);
    const theirs = await openRepository(parseReference(`oci-archive:${join(root, 'theirs.tar')}`));
    expect((await theirs.resolve('v1'))?.digest).toBe(image.digest);
    await readWhole(theirs, image);
    const ours = await openRepository(parseReference(`oci-archive:${join(root, 'ours.tar')}`), { create: true });
    await copy(theirs, ours, [image], { tags: [{ tag: 'v1', descriptor: image }] });
    await ours.close();
    await theirs.close();
    await skopeo(`oci-archive:${join(root, 'ours.tar')}:v1`, `docker://${registry.host}/archive-skopeo:v1`);
    await run('oras', [
      'cp',
      '--from-oci-layout',
      '--to-plain-http',
      `${join(root, 'ours.tar')}:v1`,
      `${registry.host}/archive-oras:v1`,
      '--no-tty',
    ]);
    for (const name of ['archive-skopeo', 'archive-oras']) {
      const to = await remote(name);
      expect((await to.resolve('v1'))?.digest).toBe(image.digest);
      await to.close();
    }
    await from.close();
  });
});
