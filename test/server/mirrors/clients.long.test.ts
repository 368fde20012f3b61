import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Updater } from 'tuf-js';
import { expect, test } from 'vitest';
import { digestOf } from '#core';
import { CliFixture } from '../../bad-input/fixture.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { killAtRandom, killTimeoutMs } from '../../mirror/kill-rounds.ts';
import { noiseText, pushTagged } from '../../mirror/kit-fixture.ts';
import { jsonOf, within } from '../../mirror/mirror-fixture.ts';
import { serving } from '../serving.ts';
import { openMirrorServer } from './fixture.ts';

const { start } = serving();

test('tuf-js reads the TUF repository of a mirror over HTTP, and refuses a damaged one', async () => {
  const { mirror, url } = await openMirrorServer(start);
  const published = jsonOf(await mirror.snapshot('--output', 'json')) as { digest: string };
  const updater = async () => {
    const dir = await makeTempDir();
    await mkdir(join(dir, 'targets'));
    await copyFile(mirror.root, join(dir, 'root.json'));
    return new Updater({
      metadataDir: dir,
      targetDir: join(dir, 'targets'),
      metadataBaseUrl: `${url}/tuf/metadata`,
      targetBaseUrl: `${url}/tuf/targets`,
      config: { fetchRetry: 0 },
    });
  };
  const client = await updater();
  await client.refresh();
  const target = await client.getTargetInfo('main.1.json');
  if (target === undefined) expect.fail('the stream does not list main.1.json');
  const path = await client.downloadTarget(target);
  expect(digestOf(await readFile(path))).toBe(published.digest);

  const timestamp = mirror.path('tuf/metadata/timestamp.json');
  const text = await readFile(timestamp, 'utf8');
  await rm(timestamp);
  await writeFile(timestamp, text.replace(/"expires":\s*"20/, '"expires":"21'));
  await expect((await updater()).refresh()).rejects.toThrow();
});

test('mirror pull killed at any time goes on where it was', { timeout: killTimeoutMs }, async () => {
  await using cli = await CliFixture.open();
  const served = await openMirrorServer(start);
  await within(`${served.registry.host}/apps/many`, async (repository) => {
    for (let i = 0; i < 20; i++) await pushTagged(repository, `t${i}`, noiseText(20_000, `many ${i}`));
    await pushTagged(repository, 'large', noiseText(30_000_000, 'large'));
  });
  jsonOf(await served.mirror.snapshot('--output', 'json'));
  const dir = await makeTempDir();
  const to = join(dir, 'kit.tar');
  const clear = async () => {
    for (const name of await readdir(dir)) await rm(join(dir, name));
  };
  const end = async () => [digestOf(await readFile(to)), await readdir(dir)];
  const args = ['mirror', 'pull', served.url, '--to', to];
  expect((await killAtRandom(cli, { args, end, clear })).kills).toBeGreaterThan(0);
  await served.mirror.exportTo(served.mirror.path('exported.tar'));
  expect(digestOf(await readFile(to))).toBe(digestOf(await readFile(served.mirror.path('exported.tar'))));
});
