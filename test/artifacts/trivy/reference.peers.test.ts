import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type BuildReport, recordsLeftOut } from '#artifacts';
import type { JsonObject } from '#core';
import { collectRecords, type RecordSet } from '#evidence';
import { readJson } from '../../core/read-json.ts';
import { buildReferenceDb, describePeers, runPeer } from '../../peers/peers.ts';
import { buildSet, type Dump, dumpDb } from './scene.ts';

const data = join(import.meta.dirname, '../../../../shared/data');
const present = existsSync(data);
if (!present) console.warn(`skipped: real evidence is absent (${data})`);

test.runIf(process.env['CI'] === 'true')('CI has the real evidence', () => {
  expect(present).toBe(true);
});

/** Appendix B of PEP 440, in lower case: what is a version and what is not, by the standard's own words. */
const PEP_440 =
  /^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?[0-9]*)?(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?(?:[-_.]?dev[-_.]?[0-9]*)?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$/;

/** The data sources that are the defaults here. */
const GO = {
  ecosystem: 'go',
  id: 'govulndb',
  name: 'The Go Vulnerability Database',
  url: 'https://pkg.go.dev/vuln/',
} as const;
const PYPI = {
  ecosystem: 'pip',
  id: 'osv',
  name: 'Python Packaging Advisory Database',
  url: 'https://github.com/pypa/advisory-database',
} as const;

/** Advisories in which theirs lists a version that trivy cannot read, or misreads. */
const BETTER_FOUND: readonly string[] = [
  'buildbot CVE-2019-12300',
  'cherrypy CVE-2006-0847',
  'cherrypy CVE-2008-0252',
  'ipython CVE-2015-4707',
  'ipython CVE-2015-5607',
  'ipython CVE-2015-6938',
  'ipython CVE-2015-7337',
  'ipython CVE-2022-21699',
  'ipython CVE-2023-24816',
  'joblib CVE-2022-21797',
  'jubatus CVE-2018-0524',
  'jubatus CVE-2018-0525',
  'jw.util CVE-2020-13388',
  'leo CVE-2020-23478',
  'limnoria CVE-2019-19010',
  'mailman CVE-2021-34337',
  'nltk CVE-2019-14751',
  'nltk CVE-2021-3828',
  'nltk CVE-2021-3842',
  'nltk CVE-2021-43854',
  'paramiko CVE-2008-0299',
  'paramiko CVE-2018-7750',
  'paramiko CVE-2022-24302',
  'pywps CVE-2021-39371',
  'rope CVE-2014-3539',
  'roundup CVE-2019-10904',
  'sleekxmpp CVE-2017-5591',
  'supervisor CVE-2017-11610',
  'supervisor CVE-2019-12105',
  'transifex-client CVE-2013-7110',
];

interface Advisory {
  readonly VulnerableVersions?: readonly string[];
  readonly PatchedVersions?: readonly string[];
}

describe.runIf(present)('the same records', () => {
  describePeers(['trivydb-ref', 'bbolt'], 'by trivy-db’s own builder', () => {
    let folder: string;
    let ours: Dump;
    let theirs: Dump;
    let report: BuildReport;
    /** CVE ids of each record that has more than one. */
    const severalCves: string[][] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'trivy-reference-'));
      const zips = ['osv-go-2026-08-22', 'osv-pypi-2024-10-11'].map((name) => join(data, `${name}.zip`));
      for (const [i, zip] of zips.entries()) await layDown(await collect([zip]), join(folder, String(i)));
      const out = join(folder, 'reference');
      const sources = [
        { ...GO, dir: join(folder, '0') },
        { ...PYPI, dir: join(folder, '1') },
      ];
      theirs = await dumpDb(await buildReferenceDb(out, sources));
      const built = await buildSet(await collect(zips));
      ours = built.dump;
      report = built.report;
      await writeFile(join(folder, 'ours.db'), built.members[1]?.bytes ?? '');
    }, 120_000);
    afterAll(() => rm(folder, { recursive: true, force: true }));

    const collect = async (sources: readonly string[]): Promise<RecordSet> =>
      await collectRecords({ sources, selector: {}, skipInvalid: false, workDir: folder });

    async function layDown(set: RecordSet, to: string): Promise<void> {
      await mkdir(to);
      for await (const batch of set.batches('advisories')) {
        for (const { key, bytes } of batch) {
          await writeFile(join(to, `${key}.json`), bytes);
          noteCves(readJson(Buffer.from(bytes).toString('utf8')) as JsonObject);
        }
      }
      await set.close();
    }

    function noteCves(record: JsonObject): void {
      const aliases = [...new Set((record['aliases'] ?? []) as string[])].filter((id) => id.startsWith('CVE-'));
      if (aliases.length > 1) severalCves.push(aliases);
    }

    const keysOf = (dump: Dump, other: Dump): string[] => [...dump.keys()].filter((key) => !other.has(key)).sort();
    const differing = (isVulnerability: boolean): string[] =>
      [...ours.keys()].filter((key) => {
        if (key.startsWith('vulnerability') !== isVulnerability) return false;
        return theirs.has(key) && theirs.get(key) !== ours.get(key);
      });
    const both = <T>(key: string): [T, T] => [ours, theirs].map((dump) => readJson(dump.get(key) ?? '')) as [T, T];

    it('make a database that bbolt finds sound', async () => {
      expect(await runPeer('bbolt', ['check', join(folder, 'ours.db')])).toMatchObject({ code: 0, stdout: 'OK\n' });
    });

    it('give nearly all keys and values alike', () => {
      const alike = [...ours].filter(([key, value]) => theirs.get(key) === value);
      expect(theirs.size).toBeGreaterThan(15_000);
      expect(alike.length).toBeGreaterThan(0.96 * theirs.size);
    });

    it('give keys that theirs lacks only for records with several CVE ids, of which it keeps one', () => {
      const known = new Set(severalCves.flat());
      const extra = keysOf(ours, theirs);
      expect(extra).toHaveLength(49);
      expect(extra.filter((key) => !known.has(key.split(' | ').at(-1) ?? ''))).toEqual([]);
    });

    it('leave out only what theirs holds for two fixes that are no versions, which trivy cannot match', () => {
      expect(keysOf(theirs, ours)).toEqual([
        'pip::Python Packaging Advisory Database | binderhub | CVE-2021-39159',
        'pip::Python Packaging Advisory Database | steam | CVE-2019-17180',
        'vulnerability | CVE-2019-17180',
        'vulnerability | CVE-2021-39159',
      ]);
      expect(report.withheld).toEqual([
        { record: 'PYSEC-2019-125', code: 'ERR_EXPORT_RANGE_INVALID', pointer: '/affected/0/ranges/0/events/1/fixed' },
        { record: 'PYSEC-2021-371', code: 'ERR_EXPORT_RANGE_INVALID', pointer: '/affected/0/ranges/1/events/1/fixed' },
      ]);
      for (const fixed of ['2019-09-12', '0.2.0-n653']) expect(fixed).not.toMatch(PEP_440);
    });

    it('differ in an advisory only by ranges that theirs repeats, and by listed versions', () => {
      const [repeated, listed]: [string[], Record<string, string[]>] = [[], {}];
      for (const key of differing(false)) {
        const [our, their] = both<Advisory>(key);
        const cves = severalCves.filter((ids) => ids.includes(key.split(' | ').at(-1) ?? ''));
        if (cves.some((ids) => same(repeat(our, ids.length), their))) {
          repeated.push(key);
          continue;
        }
        const words = (their.VulnerableVersions ?? []).filter((range) => !our.VulnerableVersions?.includes(range));
        // No version, so that trivy ignores the whole advisory; or one of which trivy reads the first letter alone.
        const versions = (their.VulnerableVersions ?? []).flatMap((range) =>
          words.includes(range) && !isVersion(range) ? [] : [words.includes(range) ? shortForm(range) : range],
        );
        expect({ ...their, VulnerableVersions: versions }).toEqual(our);
        listed[key.split(' | ').slice(1).join(' ')] = words;
      }
      expect(repeated).toHaveLength(19);
      const all = Object.values(listed).flat();
      expect(all.filter(isVersion)).toEqual(['=2.0.0alpha0', '=2.0.0beta0', '=0.11.beta']);
      expect(report.losses.find(({ reason }) => reason === 'versionNotComparable')?.parts).toBe(all.length - 3);
      // In each of these theirs does not find what ours does.
      expect(Object.keys(listed)).toEqual(BETTER_FOUND);
    });

    it('differ in a vulnerability only by the dates of ids that are the record’s own', () => {
      const keys = differing(true);
      for (const key of keys) {
        const [our, their] = both<JsonObject>(key);
        expect(key).toMatch(/^vulnerability \| (?:GO|PYSEC)-/);
        const { PublishedDate: _, LastModifiedDate: __, ...rest } = our;
        expect(rest).toEqual(their);
        expect(JSON.stringify(our).startsWith(JSON.stringify(their).slice(0, -1))).toBe(true);
      }
      const own = [...ours.keys()].filter((key) => key.startsWith('vulnerability | ') && !key.includes('| CVE-'));
      expect(keys).toEqual(own);
    });

    it('count what is withdrawn', () => {
      expect(recordsLeftOut(report.losses)).toEqual({ withdrawn: 27 });
    });
  });
});

/** Whether what follows the `=` is a version, by the standard. */
const isVersion = (range: string): boolean => PEP_440.test(range.slice(1).toLowerCase());

/** A pre-release as the standard recommends to write it. */
const shortForm = (range: string): string =>
  range.replace(/[-_.]?(a|b)(?:lpha|eta)[-_.]?([0-9]*)/, (_, letter, number) => `${letter}${number || 0}`);

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function repeat(advisory: Advisory, times: number): Advisory {
  const repeated = <T>(items: readonly T[]): T[] => Array.from({ length: times }, () => items).flat();
  return Object.fromEntries(
    Object.entries(advisory).map(([name, items]) => [name, name === 'VendorIDs' ? items : repeated(items)]),
  );
}
