import { expect, test } from 'vitest';
import type { Digest, Instant } from '#core';
import type { ExportReport, LayerReport, Publication } from '#export';
import { describeIgnored, describeLosses, writeExportReport } from '../../src/cli/export/output.ts';
import { readJson } from '../core/read-json.ts';

const digest = `sha256:${'ab'.repeat(32)}` as Digest;
const layer: LayerReport = { title: 'db.tar.gz', mediaType: 'a/b', digest, size: 2048, state: 'uploaded' };
const publication: Publication = {
  reference: `127.0.0.1:5000/db:2@${digest}`,
  layers: [layer],
  bytesSent: 4096,
  referrers: [{ artifactType: 'a/c', digest }],
  signed: 'signed',
};
const report: ExportReport = {
  digest,
  profile: 'trivy:db',
  asOf: '2026-08-22T00:00:00Z' as Instant,
  records: { kept: 6923, leftOut: 27, withheld: 2 },
  losses: [{ reason: 'withdrawn', scope: 'record', records: 27, parts: 27 }],
  publications: [publication],
};

test('json: one object on one line, as documented', () => {
  const text = writeExportReport(report, 'json');
  expect(text.endsWith('}\n')).toBe(true);
  expect(readJson(text)).toEqual({
    reference: publication.reference,
    digest,
    profile: 'trivy:db',
    asOf: '2026-08-22T00:00:00Z',
    layers: [layer],
    bytesSent: 4096,
    records: { kept: 6923, leftOut: 27, withheld: 2 },
    losses: [{ reason: 'withdrawn', scope: 'record', records: 27, parts: 27 }],
    referrers: [{ artifactType: 'a/c', digest }],
  });
});

test('json: further places under alsoPublished', () => {
  const other = { ...publication, reference: `oci:dir:1@${digest}`, bytesSent: 0, signed: 'present' } as const;
  const { alsoPublished } = readJson(writeExportReport({ ...report, publications: [publication, other] }, 'json'));
  expect(alsoPublished).toEqual([
    { reference: other.reference, layers: [layer], bytesSent: 0, referrers: publication.referrers },
  ]);
});

const planned: Publication = {
  reference: undefined,
  layers: [{ ...layer, state: 'planned' }],
  bytesSent: 0,
  referrers: [],
  signed: 'unsigned',
};

test('a plan without a place lists its layers, and no reference', () => {
  const plan = { ...report, publications: [planned] };
  expect(readJson(writeExportReport(plan, 'json'))).toMatchObject({
    reference: null,
    layers: [{ title: 'db.tar.gz', state: 'planned' }],
  });
  const text = writeExportReport(plan, 'text');
  expect(text).not.toContain('undefined');
  expect(text).toContain('nothing sent');
  expect(text).toContain('planned  db.tar.gz');
});

test('text: digest, counts, what was sent and what was signed', () => {
  const text = writeExportReport(report, 'text');
  for (const part of [
    digest,
    '6,923 records, 27 left out, 2 withheld',
    '4.0 KiB sent',
    'signed, with provenance',
    'uploaded db.tar.gz  2.0 KiB',
  ]) {
    expect(text).toContain(part);
  }
});

test('text: that nothing was signed, and what the tag was before', () => {
  const previousDigest = `sha256:${'cd'.repeat(32)}` as Digest;
  const moved: Publication = { ...publication, signed: 'unsigned', previousDigest };
  const text = writeExportReport({ ...report, publications: [moved] }, 'text');
  expect(text).toContain(`  not signed\n  the tag previously pointed at ${previousDigest}\n`);
  expect(readJson(writeExportReport({ ...report, publications: [moved] }, 'json'))).toMatchObject({ previousDigest });
});

test('text: a long list of layers is cut, and says where the rest is', () => {
  const layers = Array.from({ length: 30 }, (_, i) => ({ ...layer, title: `layer ${i}` }));
  const text = writeExportReport({ ...report, publications: [{ ...publication, layers }] }, 'text');
  expect(text).toContain('layer 19');
  expect(text).not.toContain('layer 20');
  expect(text).toContain('and 10 more: see --output json');
});

test('describeIgnored: each file with its reason, and a count of the rest', () => {
  expect(describeIgnored([], 0)).toBe('');
  const files = Array.from({ length: 1000 }, (_, i) => ({ source: 'a.zip', name: `${i}.txt`, reason: 'no JSON' }));
  const lines = describeIgnored(files, 1002).split('\n');
  expect(lines[0]).toBe('ignored 1,002 files without records:');
  expect(lines[1]).toBe('  a.zip: 0.txt: no JSON');
  expect(lines.at(-2)).toBe('  and 2 more');
});

test('describeLosses: a warning where records of Red Hat are left out', () => {
  const loss = { scope: 'part', records: 1, parts: 1, listed: [{ record: 'RHSA-1', parts: 1, pointer: '' }] } as const;
  expect(describeLosses([{ ...loss, digest, reason: 'redHatNotCarried' }])).toMatch(
    /RHSA-1\nwarning: records of Red Hat are left out; Trivy aborts scans of RHEL and CentOS, unless .*\n$/,
  );
  expect(describeLosses([{ ...loss, digest, reason: 'affectedNotCarried' }])).not.toContain('warning');
});

test('describeLosses: the first place of a part in its record', () => {
  const listed = [{ record: 'A-1', parts: 2, pointer: '/affected/3' }];
  expect(describeLosses([{ scope: 'part', records: 1, parts: 2, listed, digest, reason: 'boundWidened' }])).toContain(
    '  boundWidened: 2 parts of 1 record: A-1 at /affected/3\n',
  );
});

test('describeLosses: each reason with its counts, some of its records, and a count of the rest', () => {
  expect(describeLosses([])).toBe('');
  const listed = Array.from({ length: 1000 }, (_, i) => ({ record: `A-${i}`, parts: 2, pointer: '' }));
  const [first] = listed;
  if (first === undefined) throw new Error('no entry');
  const text = describeLosses([
    { reason: 'versionNotComparable', scope: 'part', records: 2500, parts: 5000, digest, listed },
    { reason: 'withdrawn', scope: 'record', records: 1, parts: 1, digest, listed: [first] },
  ]);
  expect(text).toBe(
    'left out ("losses" in export.json):\n' +
      '  versionNotComparable: 5,000 parts of 2,500 records: A-0, A-1, A-2, A-3, A-4, and 2,495 more\n' +
      '  withdrawn: 1 record: A-0\n',
  );
});
