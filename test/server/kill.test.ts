import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Descriptor, mediaTypes } from '#core';
import { packManifest } from '#oci';
import { describe, noise } from '../oci/content.ts';
import { serving } from './serving.ts';

const { folder } = serving();
const ROUNDS = 25;

/** What the server has said is done. */
interface Acknowledged {
  readonly blobs: Set<string>;
  readonly manifests: Map<string, Uint8Array>;
  /** The last manifest that a tag was pushed with, and those tried after it, any of which may have come through. */
  readonly tags: Map<string, { done: string | undefined; tried: string[] }>;
  readonly referrers: Map<string, Set<string>>;
  /** Bytes that an upload had at its last answer. */
  readonly uploads: Map<string, number>;
}

async function startProcess(dataDir: string): Promise<{ url: string; server: ChildProcess }> {
  const script = join(import.meta.dirname, 'serve.process.ts');
  const server = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (server.stdout === null) throw new TypeError('the server needs a pipe for stdout');
  const [address] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
  return { url: `http://${address}`, server };
}

/** Pushes images, referrers and chunks without end, and notes each that is acknowledged; ends when the server dies. */
async function pushOn(url: string, worker: string, seen: Acknowledged): Promise<void> {
  const api = `${url}/v2/crash/repo`;
  const send = async (method: string, path: string, body: Uint8Array, headers = {}): Promise<Response> => {
    const response = await fetch(path, { method, body: Buffer.from(body), headers });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const pushBlob = async (bytes: Uint8Array): Promise<Descriptor> => {
    const descriptor = describe(bytes, 'text/plain');
    await send('POST', `${api}/blobs/uploads/?digest=${descriptor.digest}`, bytes);
    seen.blobs.add(descriptor.digest);
    return descriptor;
  };
  const pushManifest = async (name: string, layer: Descriptor, subject?: Descriptor): Promise<Descriptor> => {
    const config = { ...(await pushBlob(Buffer.from('{}'))), mediaType: mediaTypes.ociEmpty };
    const { descriptor, bytes } = packManifest({ artifactType: 'application/x', config, layers: [layer], subject });
    const tag = seen.tags.get(name) ?? { done: undefined, tried: [] };
    if (subject === undefined) seen.tags.set(name, { ...tag, tried: [...tag.tried, descriptor.digest] });
    const reference = subject === undefined ? name : descriptor.digest;
    await send('PUT', `${api}/manifests/${reference}`, bytes, { 'content-type': descriptor.mediaType });
    seen.manifests.set(descriptor.digest, bytes);
    if (subject === undefined) seen.tags.set(name, { done: descriptor.digest, tried: [] });
    else seen.referrers.set(subject.digest, (seen.referrers.get(subject.digest) ?? new Set()).add(descriptor.digest));
    return descriptor;
  };
  for (let i = 0; ; i++) {
    const image = await pushManifest(
      `tag-${worker}-${i % 3}`,
      await pushBlob(noise(20_000 + i * 977, `${worker} ${i}`)),
    );
    await pushManifest('', await pushBlob(Buffer.from(`signature ${worker} ${i}`)), image);
    const location = (await send('POST', `${api}/blobs/uploads/`, Buffer.alloc(0))).headers.get('location') ?? '';
    for (let chunk = 1; chunk <= 3; chunk++) {
      await send('PATCH', `${url}${location}`, noise(30_000));
      seen.uploads.set(location, chunk * 30_000);
    }
  }
}

/** Everything acknowledged is there, and what is there is right. */
async function check(url: string, seen: Acknowledged): Promise<void> {
  const api = `${url}/v2/crash/repo`;
  for (const digest of seen.blobs) {
    const response = await fetch(`${api}/blobs/${digest}`);
    expect(response.status, digest).toBe(200);
    expect(describe(Buffer.from(await response.arrayBuffer())).digest).toBe(digest);
  }
  for (const [digest, bytes] of seen.manifests) {
    const response = await fetch(`${api}/manifests/${digest}`);
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes), digest).toBe(0);
  }
  const { tags } = (await (await fetch(`${api}/tags/list`)).json()) as { tags: string[] };
  for (const [tag, { done, tried }] of seen.tags) {
    const response = await fetch(`${api}/manifests/${tag}`);
    const digest = response.headers.get('docker-content-digest');
    if (done === undefined && response.status === 404) continue;
    expect([done, ...tried], tag).toContain(digest);
    expect(describe(Buffer.from(await response.arrayBuffer())).digest).toBe(digest);
    expect(tags).toContain(tag);
  }
  for (const [subject, digests] of seen.referrers) {
    const index = (await (await fetch(`${api}/referrers/${subject}`)).json()) as { manifests: Descriptor[] };
    expect(index.manifests.map(({ digest }) => digest as string)).toEqual(expect.arrayContaining([...digests]));
  }
  for (const [location, size] of seen.uploads) {
    const response = await fetch(`${url}${location}`);
    const [, last = 0] = (response.headers.get('range') ?? '').split('-').map(Number);
    expect(last + 1, location).toBeGreaterThanOrEqual(size);
  }
}

function nothingYet(): Acknowledged {
  return { blobs: new Set(), manifests: new Map(), tags: new Map(), referrers: new Map(), uploads: new Map() };
}

function count({ blobs, manifests, uploads }: Acknowledged): number {
  return blobs.size + manifests.size + uploads.size;
}

test(`${ROUNDS} times killed in the middle of pushes, nothing acknowledged is missing`, {
  timeout: 240_000,
}, async () => {
  const dataDir = await folder();
  let seen = nothingYet();
  let acknowledged = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const { url, server } = await startProcess(dataDir);
    const exited = once(server, 'exit');
    try {
      await check(url, seen);
      acknowledged += count(seen);
      seen = nothingYet();
      const names = ['a', 'b', 'c', 'd'].map((name) => `${round}${name}`);
      const workers = names.map((name) => pushOn(url, name, seen).catch(() => undefined));
      const enough = Math.random() * 60;
      while (count(seen) < enough) await delay(1);
      server.kill('SIGKILL');
      await Promise.all(workers);
    } finally {
      server.kill('SIGKILL');
      await exited;
    }
  }
  console.log(`${ROUNDS} kills, ${acknowledged} blobs, manifests and uploads acknowledged, none missing`);
  expect(acknowledged).toBeGreaterThan(ROUNDS * 5);
});
