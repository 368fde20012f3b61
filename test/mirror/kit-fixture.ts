import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Descriptor } from '#core';
import type { Repository } from '#oci/image';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { noise, pushArtifact } from '../oci/content.ts';
import type { RegistryDouble } from '../oci/registry-double.ts';
import { jsonOf, type MirrorFixture, openMirror, signWith, startRegistry, within } from './mirror-fixture.ts';

/** A registry with content, its mirror, and kits of it. */
export interface KitFixture {
  readonly registry: RegistryDouble;
  readonly mirror: MirrorFixture;
  /** Takes a snapshot and exports it as a directory, signed with the stream's key unless told. */
  export(name: string, ...more: string[]): Promise<string>;
}

/** What is mirrored: images, a referrer, signatures in both forms, one blob in two repositories. */
export async function fillSource(host: string, signer: MirrorFixture['cosign']['signer']): Promise<void> {
  await within(`${host}/apps/web`, async (repository) => {
    const web = await pushTagged(repository, '1.0', 'web');
    await pushTagged(repository, 'latest', noiseText(300_000));
    await pushArtifact(repository, 'sbom', { subject: web, artifactType: 'text/spdx' });
    await signWith(repository, web, signer, 'tag');
    await signWith(repository, web, signer, 'bundle');
  });
  await within(`${host}/apps/api`, (repository) => pushTagged(repository, '2.0', 'web'));
}

export async function pushTagged(repository: Repository, tag: string, text: string): Promise<Descriptor> {
  const descriptor = await pushArtifact(repository, text);
  await repository.tag(descriptor, tag);
  return descriptor;
}

export function noiseText(size: number, seed = 'layer'): string {
  return Buffer.from(noise(size, seed)).toString('latin1');
}

const ALL = '  - { name: "apps/*", signatures: none }\n';

export async function openKits(options: Parameters<typeof openMirror>[1] = {}): Promise<KitFixture> {
  const registry = await startRegistry();
  const mirror = await openMirror(registry.host, options);
  await fillSource(registry.host, mirror.cosign.signer);
  await mirror.writeSpec(ALL);
  return {
    registry,
    mirror,
    async export(name, ...more) {
      jsonOf(await mirror.snapshot('--output', 'json'));
      const to = mirror.path(name);
      const key = more.includes('--unsigned') ? [] : ['--kit-key', mirror.path('stream.pem')];
      const rest = more.filter((each) => each !== '--unsigned');
      const ended = await mirror.exportTo(to, ...key, ...rest);
      if (ended.status !== 0) throw new Error(ended.err);
      return to;
    },
  };
}

/** A copy of a kit that a test may damage. */
export async function copyOf(kit: string): Promise<string> {
  const copy = join(await makeTempDir(), 'kit');
  await cp(kit, copy, { recursive: true });
  return copy;
}

export async function flipByte(path: string, at?: number): Promise<void> {
  const bytes = await readFile(path);
  const place = at ?? bytes.length >> 1;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

/** Writes a file of a kit and makes checksums.txt say so, as an attacker does who cannot sign. */
export async function forge(kit: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const sums = join(kit, 'checksums.txt');
  const lines = new Map<string, string>();
  for (const line of (await readFile(sums, 'utf8')).split('\n').slice(0, -1)) lines.set(line.slice(66), line);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(kit, path)), { recursive: true });
    await writeFile(join(kit, path), content);
    lines.set(path, `${createHash('sha256').update(content).digest('hex')}  ${path}`);
  }
  const sorted = [...lines].sort(([a], [b]) => (a < b ? -1 : 1));
  await writeFile(sums, sorted.map(([, line]) => `${line}\n`).join(''));
}

export async function kitJson(kit: string) {
  return readJson(await readFile(join(kit, 'kit.json'), 'utf8'));
}
