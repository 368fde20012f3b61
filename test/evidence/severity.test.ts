import { expect, test } from 'vitest';
import type { JsonObject } from '#core';
import { cvssOfAdvisory, idsOfAdvisory, severityOfAdvisory } from '#evidence';

const odd = [null, 1, 'x', [], {}, [null], [1], [[]], [{}], [{ type: 'CVSS_V3' }], [{ type: 1, score: 1 }]];

test('members of wrong types count as absent', () => {
  for (const value of odd) {
    const advisories: JsonObject[] = [
      { severity: value, affected: value, database_specific: value },
      { affected: [{ severity: value, database_specific: value, ecosystem_specific: value }] },
      { database_specific: { severity: value === 'x' ? 'constructor' : value } },
    ];
    for (const advisory of advisories) {
      expect(severityOfAdvisory(advisory)).toBeUndefined();
      expect(cvssOfAdvisory(advisory)).toEqual({ v2: undefined, v3: undefined, v4: undefined });
    }
    expect(idsOfAdvisory({ id: 'A', aliases: value, upstream: value })).toEqual(['A']);
  }
});

test('a vector under the type of another version does not count', () => {
  const score = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H';
  expect(severityOfAdvisory({ severity: [{ type: 'CVSS_V4', score }] })).toBeUndefined();
  expect(severityOfAdvisory({ severity: [{ type: 'CVSS_V3', score }] })).toBe('high');
});

test('ids are the own one, aliases and upstream, each once', () => {
  const advisory = { id: 'A', aliases: ['B', 'A', 'B'], upstream: ['C', 'B'], related: ['D'] };
  expect(idsOfAdvisory(advisory)).toEqual(['A', 'B', 'C']);
});

test('the title of an erratum of AlmaLinux says how severe it is, where nothing else does', () => {
  const of = (summary: string, rest: JsonObject = {}) => severityOfAdvisory({ id: 'ALSA-2026:1', summary, ...rest });
  expect(of('Important: kernel security update')).toBe('high');
  expect(of('Moderate: nodejs:20 security update')).toBe('medium');
  expect(of('Low: x', { database_specific: { severity: 'Critical' } })).toBe('critical');
  for (const summary of ['kernel update', ': x', '', 'important thing: x', 'constructor: x']) {
    expect(of(summary)).toBeUndefined();
  }
  expect(severityOfAdvisory({ id: 'ACME-1', summary: 'Important: x' })).toBeUndefined();
});
