import type { Difference } from './findings.ts';
import type { OsvRecord } from './records.ts';

/**
 * Where the reference builder errs for osv-go-2026-08-22 and osv-pypi-2024-10-11, record by record: findings that a
 * scan with our database has and one with the reference has not. There is no other difference.
 */
export const explained: Readonly<Record<string, Reason>> = {
  // The record names several CVE ids. The reference files the advisory under the first alone, with its ranges repeated.
  'GO-2020-0005': { lost: ['CVE-2020-15112'] },
  'GO-2020-0046': { lost: ['CVE-2020-7731'] },
  'GO-2021-0084': { lost: ['CVE-2019-16355'] },
  'GO-2021-0097': { lost: ['CVE-2020-29243', 'CVE-2020-29244', 'CVE-2020-29245'] },
  'GO-2021-0159': { lost: ['CVE-2015-5740', 'CVE-2015-5741'] },
  'GO-2021-0265': { lost: ['CVE-2021-42836'] },
  'GO-2022-0197': { lost: ['CVE-2018-17848'] },
  'GO-2022-0427': { lost: ['CVE-2024-25712'] },
  'GO-2022-0536': { lost: ['CVE-2019-9514'] },
  'GO-2022-0586': { lost: ['CVE-2022-30321', 'CVE-2022-30322', 'CVE-2022-30323'] },
  'GO-2022-0621': { lost: ['CVE-2019-17110'] },
  'GO-2023-1866': { lost: ['CVE-2023-35170'] },
  'GO-2024-2652': { lost: ['CVE-2024-21652'] },
  'GO-2024-2822': { lost: ['CVE-2024-33434'] },
  // A listed version is not one of PEP 440. The reference writes it as a constraint, at which trivy gives up the whole
  // advisory; ours leaves that version out, since no scan could meet it.
  'PYSEC-2006-1': { unreadable: '2.0.0-final' },
  'PYSEC-2008-3': { unreadable: '2.0.0-final' },
  'PYSEC-2008-8': { unreadable: '0.9-doduo' },
  'PYSEC-2015-24': { unreadable: '0.7.1.fix1' },
  'PYSEC-2015-25': { unreadable: '0.7.1.fix1' },
  'PYSEC-2017-41': { unreadable: 'a3' },
  'PYSEC-2017-46': { unreadable: '0.7.1.fix1' },
  'PYSEC-2017-47': { unreadable: '0.7.1.fix1' },
  'PYSEC-2018-19': { unreadable: '0.9-doduo' },
  'PYSEC-2018-100': { unreadable: '0.3m1' },
  'PYSEC-2018-114': { unreadable: '0.3.1-p1' },
  'PYSEC-2018-115': { unreadable: '0.3.1-p1' },
  'PYSEC-2019-6': { unreadable: '0.7.10p1' },
  'PYSEC-2019-102': { unreadable: '2013-12-23T17-51-15' },
  'PYSEC-2019-106': { unreadable: '2.0.1rc2-git' },
  'PYSEC-2019-126': { unreadable: 'a3' },
  'PYSEC-2020-341': { unreadable: '-class.-jw.util.version.Version-' },
  'PYSEC-2021-121': { unreadable: 'trunk' },
  'PYSEC-2021-338': { unreadable: '4.11-final' },
  'PYSEC-2021-356': { unreadable: '2.0.1rc2-git' },
  'PYSEC-2021-859': { unreadable: '2.0.1rc2-git' },
  'PYSEC-2022-5': { unreadable: '2.0.1rc2-git' },
  'PYSEC-2022-12': { unreadable: '0.7.1.fix1' },
  'PYSEC-2022-166': { unreadable: '0.9-doduo' },
  'PYSEC-2022-288': { unreadable: '0.3.2d' },
  'PYSEC-2023-17': { unreadable: '0.7.1.fix1' },
  'PYSEC-2023-22': { unreadable: '3.0.0b3-' },
};

/**
 * Packages and ids of which one range fixes a version that another range, or the list, says is affected. The reference
 * writes it as fixed, so that trivy shows it as such and never reports it.
 */
export const fixesAffected: readonly string[] = [
  'antrea.io/antrea CVE-2026-34992',
  'apache-iotdb CVE-2022-43766',
  'gevent CVE-2023-41419',
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
  'pyspark CVE-2022-33891',
  'pyspark CVE-2023-32007',
  'stdlib CVE-2023-45283',
  'wagtail CVE-2021-29434',
];

/**
 * Whether a difference is that the reference shows an affected version as fixed, or that it writes "from the beginning"
 * as `>=0`, which takes in no version that sorts below 0.
 */
export function isOfRanges({ what, finding: { name, id, installed } }: Difference): boolean {
  if (what === 'only ours' && installed.startsWith('v0.0.0-')) return true;
  return (what === 'only ours' || what === 'fixed') && fixesAffected.includes(`${name} ${id}`);
}

/** Why the reference lacks findings of a record: CVE ids that it loses, or a version at which trivy gives up. */
export type Reason = { readonly lost: readonly string[] } | { readonly unreadable: string };

/** The CVE ids of a record, in the order in which it names them. */
export function cveIdsOf({ id, aliases = [] }: OsvRecord): string[] {
  return [...new Set([...aliases, id])].filter((name) => name.startsWith('CVE-'));
}

/** PEP 440, "Summary of permitted suffixes and relative ordering", with the other spellings that it lets pass. */
const PEP440 = new RegExp(
  [
    '^v?(?:\\d+!)?\\d+(?:\\.\\d+)*',
    '(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview)[-_.]?\\d*)?',
    '(?:-\\d+|[-_.]?(?:post|rev|r)[-_.]?\\d*)?',
    '(?:[-_.]?dev[-_.]?\\d*)?',
    '(?:\\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$',
  ].join(''),
  'i',
);

export function isPep440(version: string): boolean {
  return PEP440.test(version.trim());
}

/** The record as records without either trouble: one for each CVE id, and no listed version that is unreadable. */
export function repair(record: OsvRecord): readonly OsvRecord[] {
  const affected = (record.affected ?? []).map((entry) => ({
    ...entry,
    ...(entry.package?.ecosystem === 'PyPI' ? { versions: (entry.versions ?? []).filter(isPep440) } : {}),
  }));
  const cves = cveIdsOf(record);
  const others = (record.aliases ?? []).filter((alias) => !cves.includes(alias));
  if (cves.length < 2) return [{ ...record, affected }];
  return cves.map((cve) => ({ ...record, affected, aliases: [cve, ...others] }));
}
