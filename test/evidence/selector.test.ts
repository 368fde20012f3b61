import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant, JsonObject } from '#core';
import { clauses, parseSelector, type Selector } from '#evidence';
import { compileGlob } from '../../src/core/glob.ts';
import { propertiesOfOsv } from '../../src/evidence/formats/osv-properties.ts';
import { compileSelector } from '../../src/evidence/select/compile.ts';

describe('parseSelector', () => {
  test('normalises: byte order, once each, OSV spelling of ecosystems, times in UTC', () => {
    expect(
      parseSelector({
        ids: ['b', 'a', 'b'],
        ecosystems: ['pypi', 'NPM', 'debian:12', 'Acme'],
        packages: ['z*', '\u{10000}', '\ue000'],
        withdrawn: 'exclude',
        modifiedSince: '2026-01-01T02:00:00+02:00',
        modifiedUntil: '2026-01-01T00:00:00.500Z',
        minimumSeverity: 'high',
      }),
    ).toEqual({
      ids: ['a', 'b'],
      ecosystems: ['Acme', 'Debian:12', 'PyPI', 'npm'],
      packages: ['z*', '\ue000', '\u{10000}'],
      withdrawn: 'exclude',
      modifiedSince: '2026-01-01T00:00:00Z',
      modifiedUntil: '2026-01-01T00:00:00.5Z',
      minimumSeverity: 'high',
    });
    expect(parseSelector({})).toEqual({});
    expect(Object.keys(parseSelector({ ids: undefined }))).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['', []],
    ['', null],
    ['', 'npm'],
    ['severity', { severity: 'high' }],
    ['ids', { ids: [] }],
    ['ids', { ids: 'A' }],
    ['ids', { ids: [1] }],
    ['ids', { ids: ['\ud800'] }],
    ['ids', { ids: Array.from({ length: 10_001 }, (_, n) => String(n)) }],
    ['packages', { packages: ['a\nb'] }],
    ['packages', { packages: ['x'.repeat(257)] }],
    ['withdrawn', { withdrawn: true }],
    ['minimumSeverity', { minimumSeverity: 'none' }],
    ['modifiedSince', { modifiedSince: 'yesterday' }],
    ['modifiedUntil', { modifiedUntil: 5 }],
  ])('refuses a wrong clause %j', (clause, input) => {
    expect(() => parseSelector(input)).toThrow(
      expect.objectContaining({ code: 'ERR_EXPORT_SELECTOR_INVALID', details: { clause }, hint: expect.any(String) }),
    );
  });
});

const record = {
  id: 'GHSA-1',
  aliases: ['CVE-1'],
  upstream: ['CVE-2'],
  related: ['CVE-3'],
  modified: '2026-06-15T12:00:00Z',
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' }],
  affected: [
    { package: { ecosystem: 'npm', name: '@scope/name' } },
    { package: { ecosystem: 'Debian:12', name: 'node-name' } },
    { package: { ecosystem: 'maven:https://repo.example', name: 'org.example:Lib' } },
    { package: { ecosystem: 'pypi', name: 'Acme__Odd-._Name' } },
  ],
};

function judge(selector: object, value: object = record): string {
  const found = value as JsonObject;
  return compileSelector(parseSelector(selector))(
    () => propertiesOfOsv(found),
    () => found['modified'] as Instant,
  );
}

describe('a selector', () => {
  test.each<[Selector | object, string]>([
    [{}, 'kept'],
    [{ ids: ['GHSA-1'] }, 'kept'],
    [{ ids: ['CVE-1', 'x'] }, 'kept'],
    [{ ids: ['CVE-2'] }, 'kept'],
    [{ ids: ['CVE-3'] }, 'ids'],
    [{ ids: ['ghsa-1'] }, 'ids'],
    [{ ecosystems: ['npm'] }, 'kept'],
    [{ ecosystems: ['Debian'] }, 'kept'],
    [{ ecosystems: ['Debian:12'] }, 'kept'],
    [{ ecosystems: ['Debian:11'] }, 'ecosystems'],
    [{ ecosystems: ['Deb'] }, 'ecosystems'],
    [{ packages: ['@scope/*'] }, 'kept'],
    [{ packages: ['scope'] }, 'packages'],
    [{ ecosystems: ['Debian'], packages: ['node-*'] }, 'kept'],
    [{ ecosystems: ['npm'], packages: ['node-*'] }, 'packages'],
    [{ ecosystems: ['Maven'] }, 'kept'],
    [{ ecosystems: ['PyPI'], packages: ['acme-odd-name'] }, 'kept'],
    [{ ecosystems: ['PyPI'], packages: ['acme.odd*'] }, 'kept'],
    [{ ecosystems: ['npm'], packages: ['@SCOPE/name'] }, 'packages'],
    [{ ecosystems: ['Maven'], packages: ['org-example:Lib'] }, 'packages'],
    [{ ecosystems: ['crates.io'], packages: ['nothing'] }, 'ecosystems'],
    [{ withdrawn: 'include' }, 'kept'],
    [{ withdrawn: 'exclude' }, 'kept'],
    [{ withdrawn: 'only' }, 'withdrawn'],
    [{ modifiedSince: '2026-06-15T12:00:00Z' }, 'kept'],
    [{ modifiedSince: '2026-06-15T12:00:00.1Z' }, 'modifiedSince'],
    [{ modifiedUntil: '2026-06-15T12:00:00Z' }, 'kept'],
    [{ modifiedUntil: '2026-06-15T11:59:59.9Z' }, 'modifiedUntil'],
    [{ minimumSeverity: 'high' }, 'kept'],
    [{ minimumSeverity: 'critical' }, 'minimumSeverity'],
  ])('%j: %s', (selector, verdict) => {
    expect(judge(selector)).toBe(verdict);
  });

  test('asks its clauses in their fixed order', () => {
    const refused: Record<string, unknown> = {
      ids: ['x'],
      ecosystems: ['crates.io'],
      packages: ['x'],
      withdrawn: 'only',
      modifiedSince: '2027-01-01T00:00:00Z',
      modifiedUntil: '2025-01-01T00:00:00Z',
      minimumSeverity: 'critical',
    };
    for (const clause of clauses) {
      expect(judge(refused)).toBe(clause);
      delete refused[clause];
    }
    expect(judge(refused)).toBe('kept');
  });

  test('knows a withdrawn record by the member', () => {
    const withdrawn = { ...record, withdrawn: '2030-01-01T00:00:00Z' };
    expect([judge({ withdrawn: 'exclude' }, withdrawn), judge({ withdrawn: 'only' }, withdrawn)]).toEqual([
      'withdrawn',
      'kept',
    ]);
  });

  const vector = (type: string, score: string) => ({ severity: [{ type, score }] });
  const high = vector('CVSS_V3', 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H');
  const none = vector('CVSS_V3', 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N');
  const v4 = vector('CVSS_V4', 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N');
  const v4Low = vector('CVSS_V4', 'CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N');
  const v3Critical = vector('CVSS_V3', 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H');

  test.each<[string, object, string]>([
    ['nothing', {}, 'unscored'],
    ['no entry', { severity: [] }, 'unscored'],
    ['null', { severity: null }, 'unscored'],
    ['a score of high', high, 'minimumSeverity'],
    ['a score of zero', none, 'minimumSeverity'],
    ['a score of critical', v4, 'kept'],
    ['two scores of which one is critical', { severity: [...high.severity, ...v4.severity] }, 'kept'],
    ['a score of one package only', { affected: [{}, v4] }, 'kept'],
    ['a word', { database_specific: { severity: 'CRITICAL' } }, 'kept'],
    ['a word of one package only', { affected: [{ database_specific: { severity: 'moderate' } }] }, 'minimumSeverity'],
    ['a word, whatever the score', { ...high, database_specific: { severity: 'CRITICAL' } }, 'kept'],
    ['a lower word, whatever the score', { ...v4, database_specific: { severity: 'Important' } }, 'minimumSeverity'],
    ['a score beside a word that says nothing', { ...v4, database_specific: { severity: 'UNKNOWN' } }, 'kept'],
    ['a word of the ecosystem', { affected: [{ ecosystem_specific: { severity: 'Critical' } }] }, 'kept'],
    [
      'the highest word of the packages',
      { affected: ['low', 'critical'].map((severity) => ({ database_specific: { severity } })) },
      'kept',
    ],
    ['the newest version of CVSS', { severity: [...v3Critical.severity, ...v4Low.severity] }, 'minimumSeverity'],
    ['a word that is none', { database_specific: { severity: 'constructor' } }, 'unscored'],
    ['a number for a word', { database_specific: { severity: 9 } }, 'unscored'],
    ['a priority of Ubuntu', vector('Ubuntu', 'critical'), 'kept'],
    ['a v2 score, which is never critical', vector('CVSS_V2', 'AV:N/AC:L/Au:N/C:C/I:C/A:C'), 'minimumSeverity'],
  ])('of minimum critical judges %s', (_what, members, verdict) => {
    const { severity: _left, ...rest } = record;
    expect(judge({ minimumSeverity: 'critical' }, { ...rest, affected: [], ...members })).toBe(verdict);
  });
});

describe('compileGlob', () => {
  test('matches as the same pattern does as a regular expression', () => {
    const char = fc.constantFrom('a', 'b', '/', '.', '\u{1f600}');
    const pattern = fc.string({ unit: fc.oneof(char, fc.constantFrom('*', '?', '**')), maxLength: 10 });
    fc.assert(
      fc.property(pattern, fc.string({ unit: char, maxLength: 12 }), (glob, text) => {
        const source = glob.replace(/[.]/g, '\\.').replace(/\*/g, '.*').replace(/\?/g, '.');
        expect(compileGlob(glob)(text)).toBe(new RegExp(`^(?:${source})$`, 'su').test(text));
      }),
      { numRuns: 2000 },
    );
  });

  test('does not get lost in stars', () => {
    const started = performance.now();
    expect(compileGlob(`${'*a'.repeat(120)}b`)('a'.repeat(50_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
