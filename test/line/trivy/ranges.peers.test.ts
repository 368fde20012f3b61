import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describePeers } from '../../peers/peers.ts';
import type { Finding } from './findings.ts';
import {
  cargoLock,
  goMod,
  gradleLock,
  type LockFile,
  packageLock,
  requirementsTxt,
  writeLockFiles,
} from './lock-files.ts';
import { rounds } from './probes.ts';
import { scanPeers, scanWithoutRoute } from './scan.ts';

type Events = readonly Readonly<Record<string, string>>[];

/** What the OSV evaluation algorithm says of versions of one package. */
interface Case {
  readonly what: string;
  readonly ecosystem: Ecosystem;
  readonly ranges: readonly Events[];
  readonly versions?: readonly string[];
  /** Of the package in the record. */
  readonly specific?: object;
  readonly withdrawn?: boolean;
  readonly affected: readonly string[];
  readonly unaffected?: readonly string[];
  /** What is shown as the fix of each that is affected. */
  readonly fixed?: string;
}

interface Kind {
  readonly lock: LockFile;
  readonly type: 'SEMVER' | 'ECOSYSTEM';
  name(index: number): string;
}

const ecosystems = {
  Go: { lock: goMod, type: 'SEMVER', name: (i: number) => `example.test/ranges${i}` },
  npm: { lock: packageLock, type: 'SEMVER', name: (i: number) => `ranges${i}` },
  PyPI: { lock: requirementsTxt, type: 'ECOSYSTEM', name: (i: number) => `ranges${i}` },
  Maven: { lock: gradleLock, type: 'ECOSYSTEM', name: (i: number) => `test.example:ranges${i}` },
  'crates.io': { lock: cargoLock, type: 'SEMVER', name: (i: number) => `ranges${i}` },
} as const satisfies Record<string, Kind>;
type Ecosystem = keyof typeof ecosystems;

/** Versions that sort below 0 and are affected from the start, and the first that is not. */
const below: Readonly<Record<Ecosystem, readonly string[]>> = {
  Go: ['0.0.0-20210304050607-0123456789ab', '0.0.0-alpha'],
  npm: ['0.0.0-nightly-8f3a', '0.0.0-0'],
  PyPI: ['0.0.dev20260304', '0a1'],
  Maven: ['0-SNAPSHOT', 'beta-3'],
  'crates.io': ['0.0.0-beta.2', '0.0.0-0'],
};

const everywhere = Object.keys(ecosystems) as Ecosystem[];

const cases: readonly Case[] = [
  ...everywhere.flatMap((ecosystem): Case[] => [
    {
      what: 'from the start, with no end',
      ecosystem,
      ranges: [[{ introduced: '0' }]],
      affected: [...below[ecosystem], '0.0.0', '0.7.0', '1.4.0'],
      fixed: '',
    },
    {
      what: 'from the start to the start',
      ecosystem,
      ranges: [[{ introduced: '0' }, { last_affected: '0.0.0' }]],
      affected: [...below[ecosystem], '0.0.0'],
      unaffected: ['0.0.1', '1.0.0'],
    },
    {
      what: 'from the start to a fix',
      ecosystem,
      ranges: [[{ introduced: '0' }, { fixed: '0.3.0' }]],
      affected: [...below[ecosystem], '0.2.9'],
      unaffected: ['0.3.0', '1.0.0'],
      fixed: '0.3.0',
    },
    {
      what: 'a version that one range fixes and another affects',
      ecosystem,
      ranges: [
        [{ introduced: '1.0.0' }, { fixed: '1.3.4' }],
        [{ introduced: '1.2.0' }, { fixed: '1.6.0' }],
      ],
      affected: ['1.0.0', '1.3.3', '1.3.4', '1.5.9'],
      unaffected: ['0.9.0', '1.6.0'],
      fixed: '1.6.0',
    },
    {
      what: 'a version that a range fixes and the list affects',
      ecosystem,
      ranges: [[{ introduced: '1.0.0' }, { fixed: '1.3.4' }]],
      versions: ['1.3.4', '1.8.0'],
      affected: ['1.3.3', '1.3.4', '1.8.0'],
      unaffected: ['1.3.5', '1.7.0'],
    },
    {
      what: 'the higher of two limits',
      ecosystem,
      ranges: [[{ introduced: '0' }, { limit: '1.1.0' }, { limit: '1.4.0' }]],
      affected: ['1.0.9', '1.1.0', '1.3.9'],
      unaffected: ['1.4.0', '1.5.0'],
      fixed: '',
    },
    {
      what: 'nothing that begins after a limit',
      ecosystem,
      ranges: [[{ introduced: '0' }, { fixed: '1.0.5' }, { introduced: '1.7.0' }, { limit: '1.6.0' }]],
      affected: ['1.0.4'],
      unaffected: ['1.0.5', '1.6.1', '1.7.1'],
    },
    {
      what: 'several branches, each with its fix',
      ecosystem,
      ranges: [
        [{ introduced: '0' }, { fixed: '1.1.15' }],
        [{ introduced: '1.2.0' }, { fixed: '1.2.7' }, { introduced: '1.4.0' }, { last_affected: '1.4.2' }],
      ],
      affected: ['1.1.14', '1.2.0', '1.2.6', '1.4.2'],
      unaffected: ['1.1.15', '1.1.16', '1.2.7', '1.3.0', '1.4.3'],
    },
  ]),
  {
    what: 'a fix that is a pseudo-version below every release',
    ecosystem: 'Go',
    ranges: [[{ introduced: '0' }, { fixed: '0.0.0-20200908070605-0123456789ab' }]],
    affected: ['0.0.0-20190101000000-0123456789ab'],
    unaffected: ['0.0.0-20200908070605-0123456789ab', '0.0.0-20210101000000-0123456789ab', '0.53.0'],
  },
  {
    what: 'a pseudo-version of a commit before a fix',
    ecosystem: 'Go',
    ranges: [[{ introduced: '0' }, { fixed: '6.7.9' }]],
    affected: ['1.6.1-0.20230608160752-0123456789ab', '6.7.8'],
    unaffected: ['6.7.9'],
  },
  {
    what: 'pre-releases within a range',
    ecosystem: 'npm',
    ranges: [[{ introduced: '1.4.4-lts.1' }, { fixed: '2.0.0' }]],
    affected: ['1.4.4-lts.1', '1.4.5-lts.1', '2.0.0-rc.1'],
    unaffected: ['1.4.4-lts.0', '2.0.0'],
  },
  {
    what: 'branches of pre-releases',
    ecosystem: 'npm',
    ranges: [
      [{ introduced: '13.0.0' }, { fixed: '15.5.10' }],
      [{ introduced: '15.6.0-canary.0' }, { fixed: '15.6.0-canary.61' }],
      [{ introduced: '16.0.0-beta.0' }, { fixed: '16.1.5' }],
    ],
    affected: ['15.5.9', '15.6.0-canary.5', '16.0.0-canary.1', '16.1.4'],
    unaffected: ['15.5.10', '15.6.0-canary.61', '16.1.5', '16.2.2'],
  },
  {
    what: 'zeros and qualifiers that Maven takes for the same release',
    ecosystem: 'Maven',
    ranges: [[{ introduced: '1.0.0' }, { fixed: '1.1' }]],
    affected: ['1', '1.0', '1.0.0.Final', '1.0-ga', '1.1-SNAPSHOT'],
    unaffected: ['1.0-rc1', '1.1.0', '1.1.0.Final'],
  },
  {
    what: 'dated builds of Maven that sort after 0',
    ecosystem: 'Maven',
    ranges: [[{ introduced: '0' }, { fixed: '0.0.0-2021-07-06T01-14-42-efe42242' }]],
    affected: ['0.0.0-2021-07-06T00-28-13-573087f7'],
    unaffected: ['0.0.0-2021-07-06T01-14-42-efe42242', '0.0.0-2021-12-06T00-08-04-9fa5ca5d'],
  },
  {
    what: 'flavours of a Maven release',
    ecosystem: 'Maven',
    ranges: [[{ introduced: '1.0' }, { fixed: '32.0.0-android' }]],
    affected: ['10.0.1', '31.1-jre'],
    unaffected: ['32.0.0-android', '32.0.0-jre'],
  },
  {
    what: 'the last version known to be affected, where no fix is',
    ecosystem: 'Maven',
    ranges: [[{ introduced: '0' }]],
    specific: { last_known_affected_version_range: '<= 1.6.2' },
    affected: ['1.6.2'],
    unaffected: ['1.7.0'],
  },
  {
    what: 'a fix, whatever version is known to be affected',
    ecosystem: 'Maven',
    ranges: [[{ introduced: '0' }, { fixed: '1.8.0' }]],
    specific: { last_known_affected_version_range: '<= 1.6.2' },
    affected: ['1.6.2', '1.7.0'],
    unaffected: ['1.8.0'],
  },
  {
    what: 'post-releases and local versions',
    ecosystem: 'PyPI',
    ranges: [[{ introduced: '0' }, { fixed: '2.0.post1' }]],
    affected: ['2.0', '2.0+cu118', '2.0.post1.dev1'],
    unaffected: ['2.0.post1', '2.0.1'],
  },
  {
    what: 'epochs',
    ecosystem: 'PyPI',
    ranges: [[{ introduced: '1!1.0' }, { fixed: '1!2.0' }]],
    affected: ['1!1.5'],
    unaffected: ['3.0', '1!2.0'],
  },
  {
    what: 'the start as RustSec writes it',
    ecosystem: 'crates.io',
    ranges: [[{ introduced: '0.0.0-0' }, { fixed: '0.1.3' }, { introduced: '0.2.0-0' }, { fixed: '0.2.4' }]],
    affected: ['0.0.0-alpha.1', '0.1.2', '0.2.0-rc.1', '0.2.3+build.7', '0.2.4-rc.1'],
    unaffected: ['0.1.3', '0.2.4', '0.2.4+build.7'],
  },
  {
    what: 'nothing of a record that was withdrawn',
    ecosystem: 'crates.io',
    ranges: [[{ introduced: '0.0.0-0' }]],
    withdrawn: true,
    affected: [],
    unaffected: ['0.1.0', '1.0.0'],
  },
];

const nameOf = (index: number) => ecosystems[(cases[index] as Case).ecosystem].name(index);

function record(index: number): object {
  const { ecosystem, ranges, versions, specific, withdrawn } = cases[index] as Case;
  const { type } = ecosystems[ecosystem];
  return {
    id: `ACME-2026-${index}`,
    modified: '2026-10-01T00:00:00Z',
    summary: 'A summary',
    ...(withdrawn ? { withdrawn: '2026-09-01T00:00:00Z' } : {}),
    affected: [
      {
        package: { ecosystem, name: nameOf(index) },
        ranges: ranges.map((events) => ({ type, events })),
        ...(versions === undefined ? {} : { versions }),
        ...(specific === undefined ? {} : { database_specific: specific }),
      },
    ],
  };
}

describePeers(scanPeers, 'trivy with a database of ranges of all shapes', () => {
  let dir: string;
  let found: readonly Finding[];

  beforeAll(async () => {
    dir = await makeTempDir();
    await mkdir(join(dir, 'records'));
    for (const index of cases.keys()) {
      await writeFile(join(dir, 'records', `${index}.json`), JSON.stringify(record(index)));
    }
    for (const [ecosystem, { lock }] of Object.entries(ecosystems)) {
      const probes = new Map<string, readonly string[]>();
      for (const [index, each] of cases.entries()) {
        if (each.ecosystem === ecosystem) probes.set(nameOf(index), [...each.affected, ...(each.unaffected ?? [])]);
      }
      await writeLockFiles(join(dir, 'app', ecosystem), lock, rounds(probes));
    }
    found = (await scanWithoutRoute(dir, [{ name: 'ours', sources: ['records'] }])).get('ours') ?? [];
  }, 300_000);

  test.each(cases.map((each, index) => ({ ...each, index })))('$ecosystem: $what', ({ index, affected, fixed }) => {
    const own = found.filter(({ id }) => id === `ACME-2026-${index}`);
    expect(own.every(({ name }) => name === nameOf(index))).toBe(true);
    const versions = own.map(({ installed }) => installed.replace(/^v/, '').replace(/\+incompatible$/, ''));
    expect(versions.sort()).toEqual([...affected].sort());
    if (fixed !== undefined) expect([...new Set(own.map((finding) => finding.fixed))]).toEqual([fixed]);
  });
});
