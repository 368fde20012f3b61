import type { TrivyDbOptions } from '#artifacts';
import { collectRecords, type RecordSet } from '#evidence';
import type { EvidenceFixture } from '../../evidence/fixture.ts';
import { affected, buildSet } from './fixture.ts';

/** Records of which those of both halves meet in packages, ids, data sources and reasons to be left out. */
export async function recordsOfTwoHalves(fixture: EvidenceFixture): Promise<RecordSet> {
  const files = Array.from({ length: 60 }, (_, n) => ({
    id: `${n % 2 === 0 ? 'GHSA' : 'PYSEC'}-${String((n * 37) % 60).padStart(2, '0')}`,
    modified: '2026-01-01T00:00:00Z',
    aliases: [`CVE-2026-${1000 + (n % 7)}`, ...(n % 9 === 0 ? ['CVE- not a key'] : [])],
    details: `what ${n} says, with <ümlaut>`,
    severity:
      n % 5 === 0 ? 'none of that' : [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
    affected: [
      affected('PyPI', `p-${n % 3}`, [{ introduced: '0' }, { fixed: `${1 + n}.0` }]),
      ...(n % 4 === 0 ? [affected('Debian', 'x', [{ introduced: '0' }])] : []),
      ...(n % 5 === 0 ? [affected('Debian:12', `x-${n % 2}`, [{ introduced: '0' }, { fixed: `${n}-1` }])] : []),
      ...(n % 6 === 0 ? [affected('Wolfi', 'x', [{ introduced: '1' }, { fixed: `${n}-r1` }])] : []),
      ...(n % 13 === 0 ? [affected('PyPI', 'odd', [{ introduced: '0' }, { fixed: 'no version' }])] : []),
    ],
    ...(n % 11 === 0 ? { withdrawn: '2026-02-01T00:00:00Z' } : {}),
  }));
  const folder = await fixture.folder(Object.fromEntries(files.map((record) => [`${record.id}.json`, record])));
  return collectRecords({ sources: [folder], selector: {}, withholdInvalid: true, workDir: fixture.temp });
}

/** What a database of them and its report are. */
export async function buildTwoHalves(fixture: EvidenceFixture, options: Partial<TrivyDbOptions>) {
  const set = await recordsOfTwoHalves(fixture);
  try {
    const { layer, report, records: count } = await buildSet(set, options);
    return { layer: layer.toString('base64'), report, count };
  } finally {
    await set.close();
  }
}
