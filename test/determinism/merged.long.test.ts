import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forgeTar } from '../archive/tar-forge.ts';
import { CliFixture, type CommandOptions } from '../bad-input/fixture.ts';
import { type BundleFacts, exportBundle } from './bundle.ts';
import { archives, type RecordFiles, respelled } from './forms.ts';
import { mergeArgs, ownRecords, writeOfficial } from './merged.ts';

/** Where a rebuild finds the records and the base, and the process in which it runs. */
interface Rebuild extends CommandOptions {
  readonly sources?: readonly string[];
  readonly base?: string;
}

const otherDate = join(import.meta.dirname, 'other-date.process.ts');
const unkindFiles = join(import.meta.dirname, 'unkind-files.process.ts');

const records: RecordFiles = Object.entries(ownRecords).map(([name, record]) => [
  name,
  Buffer.from(JSON.stringify(record)),
]);

let fixture: CliFixture;
let own: string;
let official: string;
let expected: Record<'systems' | 'merged', BundleFacts>;

beforeAll(async () => {
  fixture = await CliFixture.open();
  own = await fixture.folder(ownRecords);
  official = await writeOfficial(fixture.path);
  expected = await build({});
});

afterAll(() => fixture[Symbol.asyncDispose]());

/** The bundle of the own records, and that of both. */
async function build({ sources = [own], base = official, ...options }: Rebuild) {
  const facts = async (args: readonly string[]): Promise<BundleFacts> => {
    const { layout: _, ...bundle } = await exportBundle(fixture, 'trivy:db', sources, { ...options, args });
    return bundle;
  };
  return { systems: await facts([]), merged: await facts(mergeArgs(base)) };
}

const archived = archives['records.tar.gz'] as (files: RecordFiles) => Uint8Array;

const rebuilds: Record<string, () => Rebuild | Promise<Rebuild>> = {
  'on a day long past': () => ({ preload: [otherDate], env: { OTHER_DATE: '1999-12-31T23:59:59Z', TZ: 'Asia/Tokyo' } }),
  'on a day far ahead': () => ({ preload: [otherDate], env: { OTHER_DATE: '2037-02-28T12:00:00Z', LC_ALL: 'tr_TR' } }),
  'of files in another order and spelling': async () => ({
    sources: [
      await fixture.folder(
        Object.fromEntries(records.toReversed().map(([, bytes], i) => [`${i % 3}/${99 - i}.json`, respelled(bytes)])),
      ),
    ],
  }),
  'of an archive, with short reads and writes': async () => ({
    sources: [await fixture.file('records.tar.gz', archived(records))],
    preload: [unkindFiles],
    env: { UNKIND_SEED: '7' },
  }),
  'into the layer that holds the base': async () => {
    const metadata = Buffer.from('{"Version":2,"UpdatedAt":"2026-01-01T00:00:00Z"}');
    const tar = forgeTar([
      { name: 'trivy.db', content: await readFile(official) },
      { name: 'metadata.json', content: metadata },
    ]);
    return { base: await fixture.file('db.tar.gz', gzipSync(tar, { level: 9 })) };
  },
};

test.each(Object.keys(rebuilds))(
  'operating systems and a merge, rebuilt %s: the same bytes',
  async (name) => {
    expect(await build(await (rebuilds[name] as () => Rebuild | Promise<Rebuild>)())).toEqual(expected);
  },
  60_000,
);

test('another record, and another base, are other bytes', async () => {
  const fewer = await fixture.folder(Object.fromEntries(Object.entries(ownRecords).slice(1)));
  const { systems, merged } = await build({ sources: [fewer] });
  expect([systems.digest, merged.digest]).not.toContain(expected.systems.digest);
  expect(merged.digest).not.toBe(expected.merged.digest);
});
