import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { openLayout } from '#oci/layout';
import { openStore, openStoreRepository } from '#oci/store';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { noise, pushArtifact, pushBytes } from '../../oci/content.ts';
import { cli, cliJson } from '../command-line.ts';

const main = join(import.meta.dirname, '../../../src/cli/main.ts');
/** Of nobody on most systems: root may read and write whatever the bits say. */
const NOBODY = 65_534;
/** Processes start slowly on a busy machine. */
const SLOW = 120_000;

let dir: string;
let place: string;
let artifact: Descriptor;
beforeEach(async () => {
  dir = await makeTempDir();
  await chmod(dir, 0o755);
  place = `oci:${dir}/layout`;
  const layout = await openLayout(join(dir, 'layout'), { create: true });
  artifact = await pushArtifact(layout, 'artifact');
  await layout.tag(artifact, 'v1');
  await pushBytes(layout, noise(1000));
  await layout.close();
  const then = new Date(Date.now() - 48 * 3_600_000);
  for (const name of await readdir(blobs())) await utimes(join(blobs(), name), then, then);
});
afterEach(async () => {
  await chmod(join(dir, 'layout'), 0o755);
});

const blobs = () => join(dir, 'layout/blobs/sha256');
const blob = ({ digest }: Descriptor) => join(blobs(), digest.slice(7));

/** Runs a command as a user for whom permissions count. */
async function asUser(...args: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const child = spawn(process.execPath, [main, ...args], { env: { PATH: process.env['PATH'], HOME: dir }, ...user });
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text.out += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text.err += part;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...text };
}

/** Takes the right to write from everybody, for the owner too. */
async function makeReadOnly(folder: string): Promise<void> {
  for (const name of ['.', ...(await readdir(folder, { recursive: true }))]) {
    const found = await stat(join(folder, name));
    await chmod(join(folder, name), found.isDirectory() ? 0o555 : 0o444);
  }
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const name of await readdir(folder, { recursive: true })) {
    if ((await stat(join(folder, name))).isDirectory()) await chmod(join(folder, name), 0o755);
  }
}

test('gc --dry-run of a layout that may only be read tells the same, and changes nothing', {
  timeout: SLOW,
}, async () => {
  const expected = await cliJson('gc', place, '--dry-run');
  expect(expected).toMatchObject({ places: [{ blobs: 1, sizeBytes: 1000 }] });
  await makeReadOnly(join(dir, 'layout'));
  const before = await readdir(join(dir, 'layout'), { recursive: true });
  const dry = await asUser('gc', place, '--dry-run', '--output', 'json');
  expect(dry.err).toBe('');
  expect(readJson(dry.out)).toEqual(expected);
  expect(await readdir(join(dir, 'layout'), { recursive: true })).toEqual(before);
  expect(await asUser('fsck', place)).toMatchObject({ status: 0, err: '' });
  expect(await asUser('gc', place)).toMatchObject({ status: 1, err: expect.stringContaining('NOT_WRITABLE') });
  await makeWritable(join(dir, 'layout'));
});

test('gc --dry-run of a store that may only be read tells the same', { timeout: SLOW }, async () => {
  const data = join(dir, 'data');
  const repository = openStoreRepository(await openStore(join(data, 'registry'), { tenant: 'default' }), 'team/app');
  await repository.tag(await pushArtifact(repository, 'tagged'), 'v1');
  await pushArtifact(repository, 'untagged');
  const words = ['gc', '--data', data, '--dry-run', '--untagged'];
  const expected = await cliJson(...words);
  await makeReadOnly(data);
  const dry = await asUser(...words, '--output', 'json');
  expect(dry.err).toBe('');
  expect(readJson(dry.out)).toEqual(expected);
  expect(await asUser('fsck', '--data', data)).toMatchObject({ status: 0, err: '' });
  await makeWritable(data);
});

test('gc --dry-run waits for nobody who writes', async () => {
  const layout = await openLayout(join(dir, 'layout'), { create: true });
  await pushBytes(layout, noise(10));
  expect((await cli('gc', place, '--dry-run')).status).toBe(0);
  await layout.close();
});

test.each([
  ['a manifest', async () => artifact],
  ['a blob', configOf],
])('fsck tells %s that may not be read from what is missing', { timeout: SLOW }, async (_, which) => {
  const wanted = await which();
  await chmod(blob(wanted), 0);
  const { status, out, err } = await asUser('fsck', place, '--output', 'json');
  await chmod(blob(wanted), 0o644);
  expect(status).toBe(3);
  expect(readJson(out)).toMatchObject({
    counts: { missing: 0, damaged: 0, unreadable: 1, wrongSize: 0 },
    findings: [{ kind: 'unreadable', object: 'blob', name: wanted.digest }, ...unreachable(wanted)],
  });
  expect(readJson(err)).toMatchObject({ error: { hint: expect.stringContaining('readable') } });
});

/** What a manifest leads to is not known while it cannot be read. */
const unreachable = ({ digest }: Descriptor) => (digest === artifact.digest ? [{}, {}, {}] : [{}]);

async function configOf(): Promise<Descriptor> {
  const { manifest } = (await cliJson('inspect', `${place}:v1`)) as { manifest: { config: Descriptor } };
  return manifest.config;
}
