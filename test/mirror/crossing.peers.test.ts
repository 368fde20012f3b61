import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyTrustedRoot } from '#signing';
import { CliFixture } from '../bad-input/fixture.ts';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describeRealData } from '../line/real-data.ts';
import { type DockerRegistry, requirePeer, runCommand, runPeer, startDockerRegistry } from '../peers/peers.ts';
import { serveDirectory } from '../tuf/judged.ts';
import { flipByte } from './kit-fixture.ts';
import { jsonOf, type MirrorFixture, openMirror } from './mirror-fixture.ts';
import { countMirror, fillReferenceMirror, makerTools, repositories } from './reference-mirror.ts';

const cosigns = ['cosign25', 'cosign26', 'cosign3'] as const;
const tufClients = ['go-tuf', 'python-tuf'] as const;

/** Whatever is not on loopback meets a proxy that is not there. */
const OFFLINE = { HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };

/** Rules of a spec; each tag that carries a signature must have a valid one. */
const rulesFor = (key: string) => `  - { name: security/trivy-db, signatures: { keys: [${key}] } }
  - { name: apps/web, tags: ["1.0", "1.1", stable], immutable: ["1.*"], signatures: { keys: [${key}] } }
  - { name: apps/api, tags: ["2.1", latest], signatures: { keys: [${key}] } }
`;

const peers = [...Object.values(makerTools), 'docker-registry', 'trivydb-ref', 'cosign26', 'crane', 'skopeo'] as const;

describeRealData([...peers, ...tufClients], 'the reference mirror across the gap', () => {
  let source: DockerRegistry;
  let zone: DockerRegistry;
  let cli: CliFixture;
  let served: string;
  let mirror: MirrorFixture;
  let key: string;
  let kit: string;
  let layout: string;
  let digest: string;

  beforeAll(async () => {
    source = await startDockerRegistry({ deletes: true });
    zone = await startDockerRegistry({ deletes: true });
    cli = await CliFixture.open();
    const server = cli.start(['serve', '--data', 'served', '--listen', '127.0.0.1:0']);
    served = (await server.said(/http:\/\/(127\.0\.0\.1:\d+)/))[1] ?? '';
    mirror = await openMirror(source.host);
    key = await fillReferenceMirror(mirror.dir, source.host);
    await mirror.writeSpec('  - { name: "*", signatures: none }\n');
    digest = jsonOf(await mirror.snapshot('--output', 'json')).digest;
    kit = mirror.path('kit');
    layout = mirror.path('layout');
    expect(await mirror.exportTo(kit, '--kit-key', mirror.path('stream.pem'))).toMatchObject({ status: 0 });
    for (const to of [zone.host, served, `oci:${layout}`]) {
      const state = mirror.path(`state-${to.replaceAll(/\W/g, '-')}`);
      expect(await mirror.importTo(kit, to, '--state', state)).toMatchObject({ status: 0, err: '' });
    }
  });
  afterAll(async () => {
    await source.stop();
    await zone.stop();
    await cli[Symbol.asyncDispose]();
  });

  test('loses nothing, into docker-registry, serve and a layout', async () => {
    for (const target of [zone.host, served, layout]) {
      const counted = await countMirror(source.host, target);
      expect({ target, ...counted }).toMatchObject({ target, code: 0 });
    }
  });

  test('from serve, whose repositories are named, gives the same snapshot, and a tar that loses nothing', async () => {
    const second = await openMirror(served);
    const rule = (name: string) => `  - { name: ${name}, signatures: none }\n`;
    await second.writeSpec(repositories.map(rule).join(''));
    expect(jsonOf(await second.snapshot('--output', 'json')).digest).toBe(digest);
    const tar = second.path('kit.tar');
    expect(await second.exportTo(tar)).toMatchObject({ status: 0 });
    const other = await startDockerRegistry({ deletes: true });
    try {
      expect(await second.importTo(tar, other.host)).toMatchObject({ status: 0, err: '' });
      expect(await countMirror(source.host, other.host)).toMatchObject({ code: 0 });
    } finally {
      await other.stop();
    }
  });

  test('with the signatures that it demands is taken; with another key it is not', async () => {
    const demanding = await openMirror(source.host);
    const rules = rulesFor(key);
    await demanding.writeSpec(rules);
    expect(await demanding.snapshot()).toMatchObject({ status: 0 });
    await demanding.writeSpec(rules.replaceAll(key, demanding.cosign.publicFile));
    expect(await demanding.snapshot()).toMatchObject({
      status: 3,
      err: expect.stringContaining('ERR_EXPORT_SIGNATURE_MISSING'),
    });
  });

  describe.each(['docker-registry', 'serve'])('in the zone, in %s', (name) => {
    const host = () => (name === 'serve' ? served : zone.host);

    test.each(cosigns)('%s verifies what was signed, and the snapshot with its provenance', async (cosign) => {
      const trustedRoot = join(await makeTempDir(), 'trusted-root.json');
      await writeFile(trustedRoot, emptyTrustedRoot);
      const flags = ['--insecure-ignore-tlog', '--allow-insecure-registry', '--allow-http-registry'];
      const verify = (verb: readonly string[], publicKey: string, reference: string) => {
        const args = [...verb, '--key', publicKey, '--trusted-root', trustedRoot, ...flags, `${host()}/${reference}`];
        return runPeer(cosign, args, { env: OFFLINE });
      };
      const signed = [
        'security/trivy-db:2',
        'apps/web:1.1',
        'apps/api:2.1',
        ...(cosign === 'cosign25' ? [] : ['apps/web:1.0']),
      ];
      for (const reference of signed) {
        expect(await verify(['verify'], key, reference)).toMatchObject({ code: 0 });
        expect((await verify(['verify'], mirror.cosign.publicFile, reference)).code).not.toBe(0);
      }
      expect(await verify(['verify-attestation', '--type', 'spdxjson'], key, 'apps/api:2.1')).toMatchObject({
        code: 0,
      });
      const own = mirror.cosign.publicFile;
      expect(await verify(['verify'], own, 'mirrors/main:main.1')).toMatchObject({ code: 0 });
      const provenance = await verify(['verify-attestation', '--type', 'slsaprovenance1'], own, 'mirrors/main:main.1');
      expect(provenance).toMatchObject({ code: 0 });
    });

    test('oras finds the SBOMs and crane the digests', async () => {
      for (const reference of ['apps/web:1.1', 'apps/api:2.1']) {
        const args = ['discover', '--plain-http', '--format', 'json', `${host()}/${reference}`];
        const found = await runPeer('oras', args);
        expect(found.code, found.stderr).toBe(0);
        expect(found.stdout).toContain('application/spdx+json');
      }
      for (const reference of [
        'security/trivy-db:2',
        'apps/web:1.0',
        'apps/web:stable',
        'apps/api:2.0',
        'evidence/sboms:b',
      ]) {
        const [here, there] = [await craneDigest(host(), reference), await craneDigest(source.host, reference)];
        expect(here).toBe(there);
      }
      for (const reference of ['apps/web:1.1', 'apps/api:2.1']) {
        const valid = await runPeer('crane', ['validate', '--insecure', '--remote', `${host()}/${reference}`]);
        expect(valid.code, valid.stderr).toBe(0);
      }
    });
  });

  describe('the kit itself', () => {
    test('is read by oras cp -r and skopeo copy as README.txt says', async () => {
      const target = await startDockerRegistry({ deletes: true });
      try {
        for (const reference of ['apps/web:1.1', 'security/trivy-db:2']) {
          const to = `${target.host}/${reference}`;
          const args = ['cp', '-r', '--from-oci-layout-path', '.', '--to-plain-http', reference, to];
          const copied = await runPeer('oras', args, { cwd: kit });
          expect(copied.code, copied.stderr).toBe(0);
          expect(await craneDigest(target.host, reference)).toBe(await craneDigest(source.host, reference));
        }
        const found = await runPeer('oras', [
          'discover',
          '--plain-http',
          '--format',
          'json',
          `${target.host}/apps/web:1.1`,
        ]);
        expect(found.stdout).toContain('application/spdx+json');
        const reference = 'apps/api:2.1';
        const to = `docker://${target.host}/${reference}`;
        const args = ['copy', '--insecure-policy', '--all', '--dest-tls-verify=false', `oci:.:${reference}`, to];
        const copied = await runPeer('skopeo', args, { cwd: kit });
        expect(copied.code, copied.stderr).toBe(0);
        expect(await craneDigest(target.host, reference)).toBe(await craneDigest(source.host, reference));
      } finally {
        await target.stop();
      }
    });

    test('verify.sh accepts it, and refuses each damaged class of files, with sh and with busybox', async () => {
      for (const shell of await shells()) {
        const run = (dir: string) => runCommand(shell[0] ?? 'sh', [...shell.slice(1), join(dir, 'verify.sh')]);
        expect(await run(kit)).toMatchObject({ code: 0, stdout: expect.stringContaining('complete: ') });
        for (const name of [
          'kit.json',
          'index.json',
          'README.txt',
          'oci-layout',
          await firstIn('blobs/sha256'),
          await firstIn('tuf/metadata'),
        ]) {
          const copy = await copyOfKit();
          await flipByte(join(copy, name));
          expect({ name, code: (await run(copy)).code }).not.toMatchObject({ code: 0 });
          await rm(join(copy, name));
          expect({ name, code: (await run(copy)).code }).not.toMatchObject({ code: 0 });
        }
      }
    });

    test.each(cosigns)('%s verifies checksums.txt, by hand and from verify.sh, and refuses another', async (cosign) => {
      const bin = await makeTempDir();
      await symlink(requirePeer(cosign), join(bin, 'cosign'));
      const { PATH = '' } = process.env;
      const publicKey = mirror.path('stream.pem.pub');
      const run = (dir: string, by: string) =>
        runCommand('sh', [join(dir, 'verify.sh')], { env: { ...OFFLINE, PATH: `${bin}:${PATH}`, KIT_KEY: by } });
      expect(await run(kit, publicKey)).toMatchObject({ code: 0 });
      expect((await run(kit, mirror.path('zone.pem.pub'))).code).not.toBe(0);
      const copy = await copyOfKit();
      const sums = join(copy, 'checksums.txt');
      const lines = (await readFile(sums, 'utf8')).split('\n');
      await writeFile(sums, lines.slice(1).join('\n'));
      expect((await run(copy, publicKey)).code).not.toBe(0);
      const args = [
        'verify-blob',
        '--key',
        publicKey,
        '--insecure-ignore-tlog=true',
        '--signature',
        'checksums.txt.sig',
      ];
      expect(await runPeer(cosign, [...args, 'checksums.txt'], { cwd: kit, env: OFFLINE })).toMatchObject({ code: 0 });
    });

    test.each(tufClients)('%s refreshes and downloads from tuf/, and refuses it damaged', async (client) => {
      const copy = await copyOfKit();
      await using server = await serveDirectory(join(copy, 'tuf'));
      const dir = await makeTempDir();
      const ask = async () => {
        const [state, out] = [await mkdtemp(join(dir, 'state-')), join(await mkdtemp(join(dir, 'out-')), 'target')];
        const args = [`${server.url}/metadata`, `${server.url}/targets`, mirror.root, state, 'main.1.json', out];
        const { code } = await runPeer(client, args);
        return { code, bytes: await readFile(out, 'utf8').catch(() => '') };
      };
      const asked = await ask();
      expect(asked.code).toBe(0);
      expect(readJson(asked.bytes).artifactType).toBe('application/vnd.stellaops.export.mirror.snapshot.v1+json');
      for (const folder of ['tuf/metadata', 'tuf/targets']) {
        for (const name of await readdir(join(copy, folder))) {
          // The root that a client trusts already is not read again.
          if (name === '1.root.json') continue;
          const path = join(copy, folder, name);
          const bytes = await readFile(path);
          await flipByte(path, bytes.lastIndexOf('"') - 1);
          expect({ name, code: (await ask()).code }).not.toMatchObject({ code: 0 });
          await writeFile(path, bytes);
        }
      }
    });
  });

  async function copyOfKit(): Promise<string> {
    const copy = join(await makeTempDir(), 'kit');
    await cp(kit, copy, { recursive: true });
    return copy;
  }

  async function firstIn(folder: string): Promise<string> {
    return join(folder, (await readdir(join(kit, folder))).sort()[0] ?? '');
  }
});

/** The shells to run verify.sh with; busybox only where it is installed. */
async function shells(): Promise<string[][]> {
  const busybox = await runCommand('sh', ['-c', 'command -v busybox']);
  return [['sh'], ...(busybox.code === 0 ? [[busybox.stdout.trim(), 'sh']] : [])];
}

async function craneDigest(host: string, reference: string): Promise<string> {
  const { code, stdout, stderr } = await runPeer('crane', ['digest', '--insecure', `${host}/${reference}`]);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}
