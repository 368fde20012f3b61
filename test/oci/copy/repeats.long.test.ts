import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '#core';
import { packManifest, type Repository } from '#oci/image';
import { checkLayout, openLayout } from '#oci/layout';
import { checkStore } from '#oci/store';
import { type RunningServer, startServer } from '#server';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushBytes } from '../content.ts';
import { openServed } from '../store/upkeep.ts';
import { type Client, startClient } from './client.ts';
import { PacedProxy } from './paced-proxy.ts';

const MiB = 1024 * 1024;
const SIZE = 40 * MiB;
/** What a client sends or reads at a time at most; the rest that is repeated are heads and small contents. */
const CHUNK = 4 * MiB;
const SMALL = MiB;
const content = noise(SIZE, 'large');

let root: string;
let server: RunningServer;
let proxy: PacedProxy;

beforeEach(async () => {
  root = await makeTempDir();
  server = await startServer({ dataDir: join(root, 'data'), port: 0 });
  proxy = await PacedProxy.start(server.port);
});

afterEach(async () => {
  proxy.close();
  await server.close(0);
});

async function pushLarge(repository: Repository): Promise<void> {
  const layer = await pushBytes(repository, content);
  const layers = [{ ...layer, annotations: { 'org.opencontainers.image.title': 'large.bin' } }];
  const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const { descriptor, bytes } = packManifest({ artifactType: 'application/x', config, layers });
  await repository.push(descriptor, inPieces(bytes, 1000));
  await repository.tag(descriptor, 'v1');
}

/** A folder with the artifact, and a repository `source` at the server. */
async function prepare(): Promise<string> {
  const folder = join(root, 'source');
  const layout = await openLayout(folder, { create: true });
  await pushLarge(layout);
  await layout.close();
  expect(await start('copy', `oci:${folder}:v1`, `${server.address}/source:v1`).ended).toEqual({ status: 0, err: '' });
  return folder;
}

const start = (...args: string[]): Client => startClient(root, args);

/** Bytes of the largest file below a folder: what has arrived of the large layer, wherever it is kept on the way. */
async function arrivedIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async ({ parentPath, name }) => {
      return (await stat(join(parentPath, name)).catch(() => undefined))?.size ?? 0;
    });
  return Math.max(0, ...(await Promise.all(sizes)));
}

interface Kills {
  readonly direction: 'up' | 'down';
  /** Where the large layer arrives. */
  readonly folder: string;
  readonly proxies?: readonly PacedProxy[];
}

/** Kills a run twice when some of it has passed, and lets a third end. */
async function killTwice({ direction, folder, proxies = [proxy] }: Kills, ...args: string[]): Promise<void> {
  for (const part of [0.3, 0.7]) {
    const ahead = proxy.passed[direction] - (await arrivedIn(folder));
    proxy.mayPass = async () => proxy.passed[direction] - (await arrivedIn(folder)) - ahead < CHUNK;
    const { child, ended } = start(...args);
    while (proxy.passed[direction] < part * SIZE && child.exitCode === null) await delay(1);
    child.kill('SIGKILL');
    expect((await ended).status).toBe(null);
    for (const each of proxies) await each.quiet();
  }
  proxy.mayPass = async () => true;
  expect(await start(...args).ended).toEqual({ status: 0, err: '' });
}

const layerDigest: Digest = describe(content).digest;

test('pull, killed twice: hardly anything is fetched again', { timeout: 180_000 }, async () => {
  await prepare();
  const kills: Kills = { direction: 'down', folder: join(root, 'pulled') };
  await killTwice(kills, 'pull', `${proxy.address}/source:v1`, '-o', join(root, 'pulled'));
  expect(describe(await readFile(join(root, 'pulled/large.bin'))).digest).toBe(layerDigest);
  expect(proxy.passed.down).toBeLessThan(SIZE + 2 * CHUNK + SMALL);
});

test('copy to a layout, killed twice: hardly anything is fetched again', { timeout: 180_000 }, async () => {
  await prepare();
  const place = join(root, 'copied');
  await killTwice({ direction: 'down', folder: place }, 'copy', `${proxy.address}/source:v1`, `oci:${place}:v1`);
  expect((await listAll(checkLayout(place))).filter(({ kind }) => kind !== 'unreachable')).toEqual([]);
  expect(proxy.passed.down).toBeLessThan(SIZE + 2 * CHUNK + SMALL);
});

test('copy from a layout, killed twice: hardly anything is sent again', { timeout: 180_000 }, async () => {
  const folder = await prepare();
  const kills: Kills = { direction: 'up', folder: join(root, 'data/registry/default/repositories/target/_uploads') };
  await killTwice(kills, 'copy', `oci:${folder}:v1`, `${proxy.address}/target:v1`);
  expect(
    (await listAll(checkStore(await openServed(join(root, 'data'))))).filter(({ kind }) => kind !== 'unreachable'),
  ).toEqual([]);
  expect(await server.store.repository('target').blobs.size(layerDigest)).toBe(SIZE);
  expect(proxy.passed.up).toBeLessThan(SIZE + 2 * CHUNK + SMALL);
});

test('copy from one registry to another, killed twice: nor either way', { timeout: 180_000 }, async () => {
  await prepare();
  const other = await startServer({ dataDir: join(root, 'other'), port: 0 });
  const target = await PacedProxy.start(other.port);
  const kills: Kills = { direction: 'down', folder: join(root, 'other/registry'), proxies: [proxy, target] };
  try {
    await killTwice(kills, 'copy', `${proxy.address}/source:v1`, `${target.address}/target:v1`);
    expect(
      (await listAll(checkStore(await openServed(join(root, 'other'))))).filter(({ kind }) => kind !== 'unreachable'),
    ).toEqual([]);
    expect(await other.store.repository('target').blobs.size(layerDigest)).toBe(SIZE);
    for (const bytes of [proxy.passed.down, target.passed.up]) expect(bytes).toBeLessThan(SIZE + 2 * CHUNK + SMALL);
  } finally {
    target.close();
    await other.close(0);
  }
});
