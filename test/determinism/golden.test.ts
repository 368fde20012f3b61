import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliFixture, sample } from '../bad-input/fixture.ts';
import { readJson } from '../core/read-json.ts';
import { exportBundle, type ProfileName, profiles, readExportJson } from './bundle.ts';

interface Golden {
  /** Name and version of the adapter that these bytes belong to. */
  readonly adapter: string;
  readonly inputsHash: string;
  readonly rerunHash: string;
  readonly digest: string;
}

const golden = readJson(await readFile(join(import.meta.dirname, 'golden.json'), 'utf8')) as Record<
  ProfileName,
  Golden
>;

test.each(profiles)('%s of the sample has the bytes that it had', async (profile) => {
  await using fixture = await CliFixture.open();
  const { digest, layout } = await exportBundle(fixture, profile, [sample]);
  const { adapters, inputsHash, rerunHash } = await readExportJson(layout);
  const adapter = adapters.map(({ name, version }) => `${name} ${version}`).join();
  expect({ adapter, inputsHash, rerunHash, digest }).toEqual(golden[profile]);
});
