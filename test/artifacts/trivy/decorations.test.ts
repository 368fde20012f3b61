import { expect, test } from 'vitest';
import type { JsonObject } from '#core';
import { affected, buildOf, lossesOf, rowOf } from './fixture.ts';

const entry = affected('npm', 'p', [{ introduced: '0' }, { fixed: '1.0.0' }]);
const kev = { dateAdded: '2026-03-04', dueDate: '2026-03-25', knownRansomwareCampaignUse: 'Known' };
const epss = { epss: 0.97565, percentile: 0.99992, date: '2026-08-22' };

const record = (id: string, database_specific: JsonObject, more: JsonObject = {}): JsonObject => ({
  id,
  aliases: ['CVE-2026-1'],
  affected: [entry],
  database_specific,
  ...more,
});

const BUCKET = 'npm::Open Source Vulnerabilities | p | CVE-2026-1';

test('what a record carries of KEV and EPSS stands in each of its advisories as it is', async () => {
  const { dump, report } = await buildOf([record('ACME-1', { kev, epss, other: 1 })]);
  expect(rowOf(dump, BUCKET)['Custom']).toEqual({ epss, kev });
  expect(dump.get(BUCKET)?.startsWith('{"Custom":{"epss":{')).toBe(true);
  expect(report.losses).toEqual([]);
});

test.each<[string, JsonObject, JsonObject | undefined]>([
  ['words and numbers', { kev: true, epss: '0.97565' }, { epss: '0.97565', kev: true }],
  ['a score of 0', { epss: 0 }, { epss: 0 }],
  ['nothing', { kev: false, epss: null }, undefined],
])('of %s', async (_, specific, custom) => {
  const { dump } = await buildOf([record('ACME-1', specific)]);
  expect(rowOf(dump, BUCKET)['Custom']).toEqual(custom);
});

test('what is no decoration, or too large for one, is left out and counted', async () => {
  const { dump, report } = await buildOf([record('ACME-1', { kev: [kev], epss: { note: 'x'.repeat(9000) } })]);
  expect(rowOf(dump, BUCKET)['Custom']).toBeUndefined();
  expect(lossesOf(report)).toEqual({ memberInvalid: '2: ACME-1 2 /database_specific/epss' });
});

test('of several records on one package and id each decoration is that of the first that has it', async () => {
  const records = [record('ACME-1', { epss: 0.1 }), record('ACME-2', { kev, epss: 0.2 }), record('ACME-3', {})];
  const { dump } = await buildOf(records);
  expect(rowOf(dump, BUCKET)).toMatchObject({ Custom: { epss: 0.1, kev }, VendorIDs: ['ACME-1', 'ACME-2', 'ACME-3'] });
});

test('a rating that a record cites of the NVD is the NVD’s', async () => {
  const vector = (score: string, source?: string) => ({ type: 'CVSS_V3', score, ...(source ? { source } : {}) });
  const [high, low] = ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 'CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N'];
  const both = record('ACME-1', {}, { severity: [vector(low), vector(high, 'NVD')] });
  const { dump } = await buildOf([both]);
  expect(rowOf(dump, 'vulnerability | CVE-2026-1')).toEqual({
    Severity: 'LOW',
    VendorSeverity: { nvd: 4, osv: 1 },
    CVSS: { nvd: { V3Vector: high, V3Score: 9.8 }, osv: { V3Vector: low, V3Score: 1.8 } },
  });
  const alone = record('ACME-1', {}, { severity: [vector(high, 'nvd')] });
  const { dump: cited } = await buildOf([alone]);
  expect(rowOf(cited, 'vulnerability | CVE-2026-1')).toEqual({
    Severity: 'CRITICAL',
    VendorSeverity: { nvd: 4 },
    CVSS: { nvd: { V3Vector: high, V3Score: 9.8 } },
  });
});
