import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest } from '#core';
import { packManifest, parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { readJson } from '../../core/read-json.ts';
import { inPieces, pushBytes } from '../../oci/content.ts';
import { describePeers, runPeer } from '../../peers/peers.ts';
import { runHere, succeed } from '../cli.ts';
import { openFixture, type PipelineFixture, registryNames } from '../fixture.ts';
import { type Cosign, content } from './cosigns.ts';
import type { Form } from './signed-copy.ts';

const readers = ['cosign26', 'cosign3'] as const;
/** cosign 2.6 saves no sigstore bundles. */
const makers = [
  { maker: 'cosign26', form: 'tag' },
  { maker: 'cosign3', form: 'tag' },
  { maker: 'cosign3', form: 'sigstoreBundle' },
] as const;
const PREDICATE = '{"buildDefinition":{"buildType":"x","externalParameters":{}},"runDetails":{"builder":{"id":"x"}}}';

interface Saved {
  readonly dir: string;
  readonly digest: Digest;
}

describePeers([...readers, 'docker-registry'], 'layouts of cosign save', () => {
  let fixture: PipelineFixture;
  let images = 0;
  const saved = new Map<string, Saved>();

  beforeAll(async () => {
    fixture = await openFixture();
    await writeFile(join(fixture.dir, 'predicate.json'), PREDICATE);
    for (const each of makers) saved.set(JSON.stringify(each), await save(each.maker, each.form));
  }, 120_000);
  afterAll(() => fixture.close());

  /** An image that a cosign signed, attested and saved. */
  async function save(maker: Cosign, form: Form): Promise<Saved> {
    const name = `saved/image-${++images}`;
    const reference = fixture.registry('serve').reference(name, '1');
    const digest = await pushImage(reference, name);
    const pinned = `${reference.slice(0, reference.lastIndexOf(':'))}@${digest}`;
    const dir = join(fixture.dir, `saved-${images}`);
    const formFlag = `--new-bundle-format=${form === 'sigstoreBundle'}`;
    const signing = ['--yes', `--key=${fixture.key}`, '--tlog-upload=false', '--use-signing-config=false', formFlag];
    await run(maker, ['sign', ...signing, pinned]);
    const predicate = ['--predicate', join(fixture.dir, 'predicate.json'), '--type', 'slsaprovenance1'];
    await run(maker, ['attest', ...signing, ...predicate, pinned]);
    await run(maker, ['save', '--dir', dir, reference]);
    return { dir, digest };
  }

  async function verdicts(repository: string, digest: Digest, publicKey: string) {
    const reference = `${repository}@${digest}`;
    const trust = { publicKey, trustedRoot: fixture.trustedRoot };
    return {
      signature: await content(readers, 'signature', reference, trust),
      provenance: await content(readers, 'provenance', reference, trust),
    };
  }

  async function checkVerifies(repository: string, digest: Digest): Promise<void> {
    expect(await verdicts(repository, digest, fixture.publicKey)).toEqual({ signature: readers, provenance: readers });
    expect(await verdicts(repository, digest, fixture.otherPublicKey)).toEqual({ signature: [], provenance: [] });
  }

  const cases = makers.flatMap((each) => registryNames.map((registry) => ({ ...each, registry })));

  test.each(cases)('of $maker ($form): what is copied to $registry verifies', async ({ registry, ...maker }) => {
    const { dir, digest } = saved.get(JSON.stringify(maker)) as Saved;
    for (const [suffix, args] of [
      ['one', [`oci:${dir}@${digest}`]],
      ['all', ['--all-tags', `oci:${dir}`]],
    ] as const) {
      const target = fixture
        .registry(registry)
        .reference(`copied/${maker.maker}-${maker.form.toLowerCase()}-${suffix}`, '1');
      const repository = target.slice(0, target.lastIndexOf(':'));
      const out = await succeed(['copy', '--output=json', ...args, suffix === 'one' ? target : repository], runHere);
      expect(readJson(out).fidelity.complete).toBe(true);
      await checkVerifies(repository, digest);
    }
  });

  test('the same tags as cosign load sets', async () => {
    const { dir, digest } = saved.get(JSON.stringify(makers[0])) as Saved;
    const tagsIn = async (name: string) => {
      const reference = fixture.registry('docker-registry').reference(name, '1');
      return readJson(
        await succeed(['ls', '--long', '--output=json', reference.slice(0, reference.lastIndexOf(':'))], runHere),
      ).tags;
    };
    await run('cosign26', ['load', '--dir', dir, fixture.registry('docker-registry').reference('loaded/theirs', '1')]);
    await succeed(
      ['copy', `oci:${dir}@${digest}`, fixture.registry('docker-registry').reference('loaded/ours', '1')],
      runHere,
    );
    expect(await tagsIn('loaded/ours')).toEqual(await tagsIn('loaded/theirs'));
  });

  test('a store as hauler keeps it, of several images: each verifies, and has what is its own', async () => {
    const store = join(fixture.dir, 'store');
    const parts = makers.slice(0, 2).map((maker) => saved.get(JSON.stringify(maker)) as Saved);
    const entries: object[] = [];
    for (const [i, { dir }] of parts.entries()) {
      await mkdir(store, { recursive: true });
      await cp(dir, store, { recursive: true });
      const { manifests } = readJson(await readFile(join(dir, 'index.json'), 'utf8'));
      for (const entry of manifests) {
        const name = `mirror.example/team/image-${i}:1`;
        const names = { 'org.opencontainers.image.ref.name': name, 'io.containerd.image.name': name };
        entries.push({ ...entry, annotations: { ...entry.annotations, ...names } });
      }
    }
    await writeFile(join(store, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries.reverse() }));
    for (const [i, { digest }] of parts.entries()) {
      const target = fixture.registry('docker-registry').reference(`store/image-${i}`, '1');
      const repository = target.slice(0, target.lastIndexOf(':'));
      await succeed(['copy', `oci:${store}:mirror.example/team/image-${i}:1`, target], runHere);
      await checkVerifies(repository, digest);
      const { tags } = readJson(await succeed(['ls', '--output=json', repository], runHere));
      const tag = digest.replace(':', '-');
      expect(tags.map((each: { tag: string }) => each.tag)).toEqual(['1', `${tag}.att`, `${tag}.sig`]);
    }
  });
});

async function run(name: Cosign, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runPeer(name, args);
  expect({ name, args, code, stderr: code === 0 ? '' : stderr }).toEqual({ name, args, code: 0, stderr: '' });
}

async function pushImage(reference: string, text: string): Promise<Digest> {
  const repository = await openRepository(parseReference(reference), { env: {} });
  const layer = await pushBytes(repository, Buffer.from(text), 'application/vnd.oci.image.layer.v1.tar+gzip');
  const config = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [layer.digest] } };
  const configType = 'application/vnd.oci.image.config.v1+json';
  const packed = packManifest({
    config: await pushBytes(repository, Buffer.from(JSON.stringify(config)), configType),
    layers: [layer],
  });
  await repository.push(packed.descriptor, inPieces(packed.bytes, 1000));
  await repository.tag(packed.descriptor, '1');
  await repository.close();
  return packed.descriptor.digest;
}
