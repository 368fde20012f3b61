import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packManifest, parseManifest, type Repository } from '#oci/image';
import { checkLayout, openLayout } from '#oci/layout';
import { checkStore, openStoreRepository } from '#oci/store';
import { type RunningServer, startServer } from '#server';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact, pushBytes, readAll } from '../content.ts';
import { openServed } from '../store/upkeep.ts';
import { type Client, startClient } from './client.ts';

/**
 * Clients are killed at moments spread over their whole run. KILL_ROUNDS says how often in all: 20 unless told, 200
 * for the proof that a release is given (some five minutes).
 */
const { KILL_ROUNDS } = process.env;
const rounds = Math.ceil(Number(KILL_ROUNDS ?? 20) / 4);
const MiB = 1024 * 1024;

let root: string;
let server: RunningServer;
let place: string;
/** Digests of the tags `v0`, `v1`, … */
const tagged = new Map<string, string>();

beforeAll(async () => {
  root = await makeTempDir();
  place = join(root, 'source');
  const source = await openLayout(place, { create: true });
  for (let i = 0; i < 3; i++) {
    const artifact = await pushTitled(source, `v${i}`);
    await pushArtifact(source, `signature ${i}`, { subject: artifact });
    await source.tag(artifact, `v${i}`);
    tagged.set(`v${i}`, artifact.digest);
  }
  await source.close();
  server = await startServer({ dataDir: join(root, 'data'), port: 0 });
  expect((await start('copy', '--all-tags', `oci:${place}`, `${server.address}/source`).ended).status).toBe(0);
});

afterAll(async () => {
  await server.close(0);
});

async function pushTitled(repository: Repository, seed: string): Promise<Descriptor> {
  const sizes = { 'large.bin': 12 * MiB, 'middle.bin': 2 * MiB, 'small.bin': 1000 };
  const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layers: Descriptor[] = [];
  for (const [title, size] of Object.entries(sizes)) {
    const layer = await pushBytes(repository, noise(size, `${seed} ${title}`));
    layers.push({ ...layer, annotations: { 'org.opencontainers.image.title': title } });
  }
  const { descriptor, bytes } = packManifest({ artifactType: 'application/vnd.example.test', config, layers });
  await repository.push(descriptor, inPieces(bytes, 1000));
  return descriptor;
}

const start = (...args: string[]): Client => startClient(root, args);

/** Runs `command(i)` for each round and kills it at another moment; every third is then run to its end. */
async function killing(
  command: (round: number) => string[],
  check: (round: number, complete: boolean) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const whole = await start(...command(-1)).ended;
  expect(whole).toEqual({ status: 0, err: '' });
  const wholeMs = performance.now() - began;
  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    const client = start(...command(round));
    // The golden ratio spreads the moments evenly, however many there are; little happens before the program is read.
    const moment = (0.35 + 0.65 * ((round * 0.618034) % 1)) * wholeMs;
    const timer = setTimeout(() => client.child.kill('SIGKILL'), moment);
    if ((await client.ended).status === null) killed++;
    clearTimeout(timer);
    await check(round, false);
    if (round % 3 !== 2 && round !== rounds - 1) continue;
    expect(await start(...command(round)).ended).toEqual({ status: 0, err: '' });
    await check(round, true);
  }
  expect(killed).toBeGreaterThan(0);
}

/** Findings that are faults. */
async function faults(findings: AsyncIterable<{ kind: string }>): Promise<unknown[]> {
  return (await listAll(findings)).filter(({ kind }) => kind === 'missing' || kind === 'damaged');
}

async function tagsOf(repository: Repository): Promise<Map<string, string | undefined>> {
  const tags = new Map<string, string | undefined>();
  for await (const tag of repository.tags()) tags.set(tag, (await repository.resolve(tag))?.digest);
  return tags;
}

function expectTags(tags: Map<string, string | undefined>, complete: boolean): void {
  for (const [tag, digest] of tags) expect(digest).toBe(tagged.get(tag));
  if (complete) expect([...tags.keys()]).toEqual([...tagged.keys()]);
}

const timeout = 60_000 + rounds * 10_000;

test('copy to a registry, killed: nothing damaged or missing is visible, and the next run completes it', {
  timeout,
}, async () => {
  const name = (round: number) => `push/r${Math.floor(round / 3) + 1}`;
  await killing(
    (round) => ['copy', '--all-tags', `oci:${place}`, `${server.address}/${name(round)}`],
    async (round, complete) => {
      expect(await faults(checkStore(await openServed(join(root, 'data'))))).toEqual([]);
      expectTags(await tagsOf(openStoreRepository(server.store, name(round))), complete);
    },
  );
});

test('copy to a layout, killed: the same', { timeout }, async () => {
  const at = (round: number) => join(root, `layout${Math.floor(round / 3)}`);
  await killing(
    (round) => ['copy', '--all-tags', `${server.address}/source`, `oci:${at(round)}`],
    async (round, complete) => {
      if (!(await readdir(at(round)).catch((): string[] => [])).includes('oci-layout')) return;
      expect(await faults(checkLayout(at(round)))).toEqual([]);
      const layout = await openLayout(at(round));
      expectTags(await tagsOf(layout), complete);
      await layout.close();
      if (complete) expect((await readdir(at(round))).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    },
  );
});

test('copy to an archive, killed: it is whole or not there', { timeout }, async () => {
  const at = (round: number) => join(root, `archive${Math.floor(round / 3)}`, 'layout.tar');
  await killing(
    (round) => ['copy', '--all-tags', `${server.address}/source`, `oci-archive:${at(round)}`],
    async (round, complete) => {
      const names = await readdir(join(at(round), '..')).catch((): string[] => []);
      if (complete) expect(names).toEqual(['layout.tar']);
      if (!names.includes('layout.tar')) return;
      expect(
        await start('copy', '--all-tags', `oci-archive:${at(round)}`, `oci:${root}/unpacked${round}`).ended,
      ).toEqual({ status: 0, err: '' });
      expect(await faults(checkLayout(join(root, `unpacked${round}`)))).toEqual([]);
    },
  );
});

test('pull, killed: files that have their names are whole', { timeout }, async () => {
  const source = await openLayout(place);
  const descriptor = (await source.resolve('v0')) as Descriptor;
  const manifest = parseManifest(await readAll(await source.fetch(descriptor)), undefined, 'v0');
  const layers = manifest.kind === 'manifest' ? manifest.layers : [];
  const digests = new Map(layers.map((layer) => [layer.annotations?.['org.opencontainers.image.title'], layer.digest]));
  await source.close();
  const at = (round: number) => join(root, `pulled${Math.floor(round / 3)}`);
  await killing(
    (round) => ['pull', `${server.address}/source:v0`, '-o', at(round)],
    async (round, complete) => {
      const names = (await readdir(at(round)).catch((): string[] => [])).filter(
        (name) => complete || !name.endsWith('.partial'),
      );
      for (const name of names) expect(describe(await readFile(join(at(round), name))).digest).toBe(digests.get(name));
      if (complete) expect(names.sort()).toEqual([...digests.keys()].sort());
    },
  );
});
