import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { exportReport, type Report, sample, succeed } from './cli.ts';
import { openDockerRegistry, openLayouts, openServe, type Place, type Registry } from './places.ts';

/** The two artifacts of the line, as quickstart names them. */
export const artifacts = [
  { profile: 'json:raw', repository: 'line/evidence', tag: '1' },
  { profile: 'trivy:db', repository: 'line/trivy-db', tag: '2' },
] as const;

type Artifact = (typeof artifacts)[number];
export type Profile = Artifact['profile'];

/** The registries by name, for tests that are made before the registries are there. */
export const registryNames = ['docker-registry', 'serve'] as const;
type RegistryName = (typeof registryNames)[number];

/** Two empty registries and a folder of layouts, a key, and the key of another signer. */
export interface PipelineFixture {
  readonly dir: string;
  readonly key: string;
  readonly publicKey: string;
  readonly trustedRoot: string;
  readonly otherKey: string;
  readonly otherPublicKey: string;
  readonly layouts: ReturnType<typeof openLayouts>;
  registry(name: RegistryName): Registry;
  place(name: Place['name']): Place;
  /** Exports the sample, signed, to both registries and a layout at once; a repository other than its own if told. */
  publish(artifact: Artifact, repository?: string): Promise<Report>;
  /** A fresh folder. */
  folder(): Promise<string>;
  close(): Promise<void>;
}

export async function openFixture(): Promise<PipelineFixture> {
  const dir = await makeTempDir();
  await succeed(['keys', 'generate', '--out', join(dir, 'keys')]);
  await succeed(['keys', 'generate', '--out', join(dir, 'otherSigner')]);
  const registries = [await openDockerRegistry(), await openServe(join(dir, 'data'))];
  const layouts = openLayouts(dir);
  const places: readonly Place[] = [...registries, layouts];
  const key = join(dir, 'keys', 'cosign.key');
  return {
    dir,
    key,
    publicKey: join(dir, 'keys', 'cosign.pub'),
    trustedRoot: join(dir, 'keys', 'trusted_root.json'),
    otherKey: join(dir, 'otherSigner', 'cosign.key'),
    otherPublicKey: join(dir, 'otherSigner', 'cosign.pub'),
    layouts,
    registry: (name) => registries[registryNames.indexOf(name)] as Registry,
    place: (name) => places.find((place) => place.name === name) as Place,
    publish: ({ profile, repository: own, tag }, repository = own) => {
      const to = places.flatMap((place) => ['--to', place.reference(repository, tag)]);
      return exportReport(['--profile', profile, '--source', sample, '--key', key, ...to]);
    },
    folder: () => mkdtemp(join(dir, 'folder-')),
    close: async () => {
      for (const place of places) await place.close();
    },
  };
}
