import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliFixture, sample } from '../bad-input/fixture.ts';
import { readJson } from '../core/read-json.ts';
import { exportBundle, type ProfileName, profiles, readExportJson } from './bundle.ts';
import { mergeArgs, ownRecords, writeOfficial } from './merged.ts';

interface Golden {
  /** Name and version of the adapter that these bytes belong to. */
  readonly adapter: string;
  readonly inputsHash: string;
  readonly rerunHash: string;
  readonly digest: string;
}

const golden = readJson(await readFile(join(import.meta.dirname, 'golden.json'), 'utf8')) as Record<
  ProfileName | 'trivy:db of operating systems' | 'trivy:db merged',
  Golden
>;

async function goldenOf({ digest, layout }: Awaited<ReturnType<typeof exportBundle>>): Promise<Golden> {
  const { adapters, inputsHash, rerunHash } = await readExportJson(layout);
  return { adapter: adapters.map(({ name, version }) => `${name} ${version}`).join(), inputsHash, rerunHash, digest };
}

test.each(profiles)('%s of the sample has the bytes that it had', async (profile) => {
  await using fixture = await CliFixture.open();
  expect(await goldenOf(await exportBundle(fixture, profile, [sample]))).toEqual(golden[profile]);
});

test('trivy:db of operating systems, and merged into another database, has the bytes that it had', async () => {
  await using fixture = await CliFixture.open();
  const own = await fixture.folder(ownRecords);
  const systems = await exportBundle(fixture, 'trivy:db', [own]);
  expect(await goldenOf(systems)).toEqual(golden['trivy:db of operating systems']);
  const args = mergeArgs(await writeOfficial(fixture.path));
  expect(await goldenOf(await exportBundle(fixture, 'trivy:db', [own], { args }))).toEqual(golden['trivy:db merged']);
});
