import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { type BuildReport, recordsLeftOut } from '#artifacts';
import type { JsonObject } from '#core';
import { collectRecords, type RecordSet } from '#evidence';
import { canonicalPypiName } from '#versions';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { buildReferenceDb, describePeers, runPeer } from '../../peers/peers.ts';
import { buildSet, type Dump, dumpDb, lossesOf } from './fixture.ts';

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

/** Advisories in which a bound is no version. */
const WIDENED: readonly string[] = ['| binderhub | CVE-2021-39159', '| steam | CVE-2019-17180'];

/** Advisories in which a fixed version of one range is affected by another, so that trivy does not report it with theirs. */
const FIXES_AFFECTED: readonly string[] = [
  'antrea.io/antrea CVE-2026-34992',
  'github.com/CosmWasm/wasmvm/v2 GO-2025-3448',
  'github.com/argoproj/argo-workflows/v3 CVE-2026-40886',
  'github.com/cometbft/cometbft CVE-2025-24371',
  'github.com/goharbor/harbor CVE-2025-32019',
  'github.com/mattermost/mattermost-plugin-playbooks CVE-2025-35965',
  'github.com/mattermost/mattermost-plugin-playbooks CVE-2025-41395',
  'github.com/mattermost/mattermost-plugin-playbooks CVE-2025-41423',
  'github.com/mattermost/mattermost/server/v8 CVE-2025-35965',
  'github.com/mattermost/mattermost/server/v8 CVE-2025-41395',
  'github.com/mattermost/mattermost/server/v8 CVE-2025-41423',
  'github.com/rancher/steve CVE-2023-32198',
  'github.com/redis/go-redis/v9 CVE-2025-29923',
  'github.com/zitadel/zitadel CVE-2026-27840',
  'github.com/zitadel/zitadel CVE-2026-54693',
  'stdlib CVE-2023-45283',
  'apache-iotdb CVE-2022-43766',
  'gevent CVE-2023-41419',
  'pyspark CVE-2022-33891',
  'pyspark CVE-2023-32007',
  'wagtail CVE-2021-29434',
];

/** An advisory whose events are in another order than its versions, and the range that theirs makes of that. */
const REORDERED = { name: 'wagtail CVE-2021-29434', ranges: ['>=2.11, <2.11.7'] } as const;

/** How many advisories and vulnerabilities stand in several records of one source. */
const [UNITED, DESCRIBED] = [1, 13];

interface Advisory {
  readonly VendorIDs?: readonly string[];
  readonly VulnerableVersions?: readonly string[];
  readonly PatchedVersions?: readonly string[];
}

/** Whether a row of ours says what several records do, that of theirs among them. */
function isUnion(our: Advisory, their: Advisory): boolean {
  const [ids = [], one = []] = [our.VendorIDs, their.VendorIDs];
  return ids.length > one.length && one.every((id) => ids.includes(id));
}

/** A key with the name of a package of PyPI in the one form that all its spellings share. */
function canonicalKey(key: string): string {
  const [bucket = '', name = '', id = ''] = key.split(' | ');
  return bucket.startsWith('pip::') ? [bucket, canonicalPypiName(name), id].join(' | ') : key;
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
      folder = await makeTempDir();
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

    const collect = async (sources: readonly string[]): Promise<RecordSet> =>
      await collectRecords({ sources, selector: {}, withholdInvalid: false, workDir: folder });

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

    it('make a database that bbolt finds valid', async () => {
      expect(await runPeer('bbolt', ['check', join(folder, 'ours.db')])).toMatchObject({ code: 0, stdout: 'OK\n' });
    });

    it('give nearly all keys and values alike', () => {
      const alike = [...ours].filter(([key, value]) => {
        if (theirs.get(key) === value) return true;
        if (!theirs.has(key) || key.startsWith('vulnerability')) return false;
        const [our, their] = both<Advisory>(key);
        return same(asTheirs(our), their);
      });
      expect(theirs.size).toBeGreaterThan(15_000);
      expect(alike.length).toBeGreaterThan(0.96 * theirs.size);
    });

    it('give keys that theirs lacks only for records with several CVE ids, of which it keeps one, and for other spellings of names', () => {
      const known = new Set(severalCves.flat());
      const found = new Set([...theirs.keys()].map(canonicalKey));
      const extra = keysOf(ours, theirs).filter((key) => !found.has(canonicalKey(key)));
      expect(extra).toHaveLength(49);
      expect(extra.filter((key) => !known.has(key.split(' | ').at(-1) ?? ''))).toEqual([]);
    });

    it('leave out nothing, and widen two ranges whose fixes are no versions, which trivy cannot match', () => {
      expect(keysOf(theirs, ours)).toEqual([]);
      expect(report.withheld).toEqual([]);
      for (const fixed of ['2019-09-12', '0.2.0-n653']) expect(fixed).not.toMatch(PEP_440);
      expect(lossesOf(report)['boundWidened']).toBe(
        '2: PYSEC-2019-125 1 /affected/0/ranges/0/events/1/fixed, PYSEC-2021-371 1 /affected/0/ranges/1/events/1/fixed',
      );
    });

    it('differ in an advisory only by ranges that theirs repeats, by fixes that are affected, and by listed versions', () => {
      const [repeated, affected, listed]: [string[], string[], Record<string, string[]>] = [[], [], {}];
      const united = differing(false).filter((key) => isUnion(...both<Advisory>(key)));
      for (const key of differing(false).filter(
        (each) => !united.includes(each) && !WIDENED.some((name) => each.includes(name)),
      )) {
        const [raw, all] = both<Advisory>(key);
        const [our, their] = withoutFixes(asTheirs(raw), all);
        if (their !== all) {
          affected.push(key.split(' | ').slice(1).join(' '));
        }
        if (same(our, their)) continue;
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
      expect(affected).toEqual(FIXES_AFFECTED);
      // Several records on one package and id, of which theirs keeps the last.
      expect(united).toHaveLength(UNITED);
      // OSV orders events by version: a second beginning within a range begins nothing.
      expect(listed[REORDERED.name]).toEqual(REORDERED.ranges);
      delete listed[REORDERED.name];
      const all = Object.values(listed).flat();
      expect(all.filter(isVersion)).toEqual(['=2.0.0alpha0', '=2.0.0beta0', '=0.11.beta']);
      expect(report.losses.find(({ reason }) => reason === 'versionNotComparable')?.parts).toBe(all.length - 3);
      // In each of these theirs does not find what ours does.
      expect(Object.keys(listed)).toEqual(BETTER_FOUND);
    });

    it('differ in a vulnerability only by the dates of ids that are the record’s own, and where theirs keeps the last of several records', () => {
      const differ = differing(true);
      const described = differ.filter((key) => key.includes('| CVE-'));
      expect(described).toHaveLength(DESCRIBED);
      for (const key of described) {
        const [our, their] = both<{ References?: string[]; VendorSeverity?: Record<string, number> }>(key);
        expect(our.References).toEqual(expect.arrayContaining(their.References ?? []));
        for (const [source, severity] of Object.entries(their.VendorSeverity ?? {})) {
          expect(our.VendorSeverity?.[source]).toBeGreaterThanOrEqual(severity);
        }
      }
      const keys = differ.filter((key) => !key.includes('| CVE-'));
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

/** Our constraints as theirs are written: with a comma, though what follows fixes nothing, and `>=0` for every version. */
function asTheirs(advisory: Advisory): Advisory {
  const ranges = advisory.VulnerableVersions?.filter((range) => range !== '<=0');
  const spelled = ranges?.map((range) => range.replace(/^<=(\S+) <\1$/, '<$1').replace(/^(>=[^, ]+) </, '$1, <'));
  return { ...advisory, ...(spelled === undefined ? {} : { VulnerableVersions: spelled }) };
}

/** Both without the fixed versions that only theirs has, and without ours of these that are listed as affected. */
function withoutFixes(our: Advisory, their: Advisory): [Advisory, Advisory] {
  const dropped = their.PatchedVersions?.filter((fix) => our.PatchedVersions?.includes(fix) !== true) ?? [];
  if (dropped.length === 0) return [our, their];
  const { PatchedVersions: fixes, ...rest } = their;
  const left = fixes?.filter((fix) => !dropped.includes(fix)) ?? [];
  const others = (advisory: Advisory): string[] =>
    advisory.VulnerableVersions?.filter((range) => !dropped.includes(range.replace(/^=/, ''))) ?? [];
  return [
    { ...our, VulnerableVersions: others(our) },
    { ...rest, ...(left.length > 0 ? { PatchedVersions: left } : {}), VulnerableVersions: others(their) },
  ];
}

/** Whether what follows the `=` is a version, by the standard. */
const isVersion = (range: string): boolean => PEP_440.test(range.slice(1).toLowerCase());

/** A pre-release as the standard recommends to write it. */
const shortForm = (range: string): string =>
  range.replace(/[-_.]?(a|b)(?:lpha|eta)[-_.]?([0-9]*)/, (_, letter, number) => `${letter}${number || 0}`);

const same = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b);

function repeat(advisory: Advisory, times: number): Advisory {
  const repeated = <T>(items: readonly T[]): T[] => Array.from({ length: times }, () => items).flat();
  return Object.fromEntries(
    Object.entries(advisory).map(([name, items]) => [name, name === 'VendorIDs' ? items : repeated(items)]),
  );
}
