import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CliFixture, type CommandOptions, type Files, sample } from '../bad-input/fixture.ts';
import { type BundleFacts, exportBundle, type ProfileName, profiles } from './bundle.ts';
import { archives, type RecordFiles, readFiles, respelled } from './forms.ts';

/** A process in which the export runs, and the form in which it finds the records. */
interface World extends CommandOptions {
  readonly sources: readonly string[];
}

const otherDate = join(import.meta.dirname, 'other-date.process.ts');
const unkindFiles = join(import.meta.dirname, 'unkind-files.process.ts');

let fixture: CliFixture;
let osv: RecordFiles;
let vex: RecordFiles;
const expected = new Map<ProfileName, BundleFacts>();

beforeAll(async () => {
  fixture = await CliFixture.open();
  [osv, vex] = [await readFiles(join(sample, 'osv')), await readFiles(join(sample, 'openvex'))];
  for (const profile of profiles) expected.set(profile, await exportBundle(fixture, profile, [sample]));
});

afterAll(() => fixture[Symbol.asyncDispose]());

function filesOf(records: RecordFiles): Files {
  return Object.fromEntries(records);
}

async function archived(name: string, records: RecordFiles): Promise<string> {
  return fixture.file(name, (archives[name] as (files: RecordFiles) => Uint8Array)(records));
}

const worlds: Record<string, () => World | Promise<World>> = {
  'a time zone ahead, a Turkish locale, files for nobody else': () => ({
    sources: [sample],
    env: { TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', LANGUAGE: 'tr' },
    umask: '077',
  }),
  'a time zone behind by half an hour, an Arabic locale, files for all': () => ({
    sources: [sample],
    env: { TZ: 'America/St_Johns', LANG: 'ar_EG.UTF-8', LC_ALL: 'ar_EG.UTF-8', LANGUAGE: 'ar' },
    umask: '000',
  }),
  'no locale and no home': () => ({ sources: [sample], env: { LC_ALL: undefined, LANG: undefined, HOME: undefined } }),
  'a date long past': () => ({ sources: [sample], preload: [otherDate], env: { OTHER_DATE: '1999-12-31T23:59:59Z' } }),
  'a date far ahead': () => ({ sources: [sample], preload: [otherDate], env: { OTHER_DATE: '2099-02-28T12:00:00Z' } }),
  'the folder itself as working folder': () => ({ sources: ['.'], cwd: sample }),
  'relative paths from another folder': async () => {
    const cwd = join(fixture.path, 'a folder', 'Ünder');
    await mkdir(cwd, { recursive: true });
    return { sources: [relative(cwd, join(sample, 'osv')), `${relative(cwd, join(sample, 'openvex'))}//.`], cwd };
  },
  'sources in another order': () => ({ sources: [join(sample, 'openvex'), join(sample, 'osv')] }),
  'files made in another order, under other names, in other folders': async () => {
    const renamed = [...osv, ...vex]
      .reverse()
      .map(([, bytes], i) => [`${i % 3}/${999 - i}/X${i}.JSON`, bytes] as const);
    return { sources: [await fixture.folder(filesOf(renamed))] };
  },
  'records spelled in other ways': async () => {
    const others = [...osv, ...vex].map(([name, bytes]) => [name, respelled(bytes)] as const);
    return { sources: [await fixture.folder(Object.fromEntries(others))] };
  },
  'each record a source of its own': async () => {
    const folder = await fixture.folder(filesOf([...vex, ...osv]));
    return { sources: [...vex, ...osv].reverse().map(([name]) => join(folder, name)) };
  },
  'records in two sources, in one of them in other bytes': async () => {
    const twice = osv.slice(3, 20).map(([name, bytes]) => [name, respelled(bytes)] as const);
    return { sources: [await fixture.folder(Object.fromEntries(twice)), sample, join(sample, 'openvex')] };
  },
  'short reads and writes, folders in no order': () => ({
    sources: [sample],
    preload: [unkindFiles],
    env: { UNKIND_SEED: '1' },
  }),
  'one thread': () => ({ sources: [sample], env: { UV_THREADPOOL_SIZE: '1' } }),
};

for (const name of Object.keys(archives)) {
  worlds[`${name}, entries in another order, short reads and writes`] = async () => ({
    sources: [await archived(name, [...vex.toReversed(), ...osv.toReversed()])],
    preload: [unkindFiles],
    env: { UNKIND_SEED: String(name.length) },
  });
}

test.each(Object.keys(worlds))(
  '%s: the same bytes',
  async (name) => {
    const { sources, ...options } = await (worlds[name] as () => World | Promise<World>)();
    for (const profile of profiles) {
      const { layout: _, ...facts } = await exportBundle(fixture, profile, sources, options);
      const { layout: __, ...wanted } = expected.get(profile) as BundleFacts & { layout: string };
      expect(facts).toEqual(wanted);
    }
    expect(await fixture.leftovers()).toEqual([]);
  },
  120_000,
);

test('what is an input does move bytes, so the comparison can tell', async () => {
  const later = await exportBundle(fixture, 'json:raw', [sample], { args: ['--as-of', '2027-01-01T00:00:00Z'] });
  expect(later.digest).not.toBe(expected.get('json:raw')?.digest);
  const [first] = osv;
  const changed = await fixture.folder({ ...filesOf([...osv.slice(1), ...vex]) });
  await writeFile(
    join(changed, 'first.json'),
    (first?.[1].toString('utf8') ?? '').replace('"summary": "', '"summary": "X'),
  );
  expect((await exportBundle(fixture, 'json:raw', [changed])).digest).not.toBe(expected.get('json:raw')?.digest);
});
