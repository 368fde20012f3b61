import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, packManifest, parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { type RunningServer, startServer } from '#server';
import { cli } from '../../cli/command-line.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describePeers, runPeer } from '../../peers/peers.ts';
import { inPieces, pushBytes } from '../content.ts';

/** In this order: of several that fit, all clients choose the first. */
const PLATFORMS = ['linux/amd64', 'linux/arm/v6', 'linux/arm/v7', 'linux/arm64/v8', 'windows/amd64'] as const;

async function pushImage(repository: Repository, os: string, architecture: string, variant?: string) {
  const layer = await pushBytes(repository, Buffer.from(`${os} ${architecture} ${variant}`), 'application/x');
  const text = JSON.stringify({ os, architecture, variant, rootfs: { type: 'layers', diff_ids: [layer.digest] } });
  const config = await pushBytes(repository, Buffer.from(text), 'application/vnd.oci.image.config.v1+json');
  const { descriptor, bytes } = packManifest({ config, layers: [layer] });
  await repository.push(descriptor, inPieces(bytes, 1000));
  return descriptor;
}

describePeers(['crane', 'oras'], 'copy --platform', () => {
  let dir: string;
  let server: RunningServer;
  let source: string;

  beforeAll(async () => {
    dir = await makeTempDir();
    server = await startServer({ dataDir: dir, port: 0 });
    source = `${server.address}/app:1`;
    const repository = await openRepository(parseReference(source), { env: {} });
    const manifests: Descriptor[] = [];
    for (const text of PLATFORMS) {
      const [os, architecture, variant] = text.split('/') as [string, string, string?];
      const image = await pushImage(repository, os, architecture, variant);
      manifests.push({ ...image, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } });
    }
    const index = packIndex({ manifests });
    await repository.push(index.descriptor, inPieces(index.bytes, 1000));
    await repository.tag(index.descriptor, '1');
    await repository.close();
  });
  afterAll(async () => {
    await server.close(100);
  });

  async function crane(args: readonly string[]): Promise<string> {
    return (await runPeer('crane', ['digest', '--insecure', ...args])).stdout.trim();
  }

  async function oras(reference: string, args: readonly string[] = []): Promise<string | undefined> {
    const common = ['manifest', 'fetch', '--plain-http', '--descriptor', ...args, reference];
    const { code, stdout } = await runPeer('oras', common);
    return code === 0 ? readJson(stdout).digest : undefined;
  }

  test.each([...PLATFORMS, 'linux/arm', 'linux/arm64'])('%s is what crane and oras choose', async (platform) => {
    const target = `${server.address}/chosen/${platform}:1`;
    expect(await cli('copy', '--platform', platform, source, target)).toMatchObject({ status: 0 });
    const expected = await crane(['--platform', platform, source]);
    expect(expected).toMatch(/^sha256:/);
    expect(await oras(source, ['--platform', platform])).toBe(expected);
    expect(await crane([target])).toBe(expected);
    expect(await oras(target)).toBe(expected);
    expect((await runPeer('crane', ['pull', '--insecure', '--format=oci', target, join(dir, 'pulled')])).code).toBe(0);
  });

  test.each(['linux/arm/v8', 'linux/riscv64'])('%s is refused, as crane and oras refuse it', async (platform) => {
    const target = `${server.address}/refused:1`;
    expect(await cli('copy', '--platform', platform, source, target)).toMatchObject({ status: 1 });
    expect(await crane(['--platform', platform, source])).toBe('');
    expect(await oras(source, ['--platform', platform])).toBeUndefined();
    expect(await oras(target)).toBeUndefined();
  });
});
