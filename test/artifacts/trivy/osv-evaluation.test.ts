import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#core';
import type { VersionGrammar } from '#versions';
import { ecosystemOf } from '../../../src/artifacts/ecosystems.ts';
import { type AdvisoryVersions, mergeAdvisoryVersions } from '../../../src/artifacts/trivy/advisory-versions.ts';
import { AffectedReader } from '../../../src/artifacts/trivy/affected.ts';
import type { TrivyDbLosses } from '../../../src/artifacts/trivy/losses.ts';
import { isAffected, type OsvCase, type OsvEntry, orderOf, osvCases, versionsOf } from './osv-evaluation.ts';

/** Of these records every version and bound is carried; an entry may affect nothing. */
const noLosses = {
  add: (reason: string, record: string, pointer: string): void => {
    if (reason !== 'affectedWithoutVersions') throw new Error(`lost: ${reason} ${record} ${pointer}`);
  },
} as unknown as TrivyDbLosses;

/** The row of the only package; undefined where the record affects nothing. */
function rowFor(entries: readonly OsvEntry[]): AdvisoryVersions | undefined {
  const reader = new AffectedReader(noLosses);
  return reader.read({ id: 'X-1', affected: entries } as unknown as JsonObject)[0];
}

/** Whether trivy reports a version: it is vulnerable AND NOT patched. */
function isReported(version: string, ecosystem: string, { vulnerable, patched }: AdvisoryVersions): boolean {
  const order = orderOf(ecosystem);
  const holds = (constraint: string): boolean =>
    constraint.split(/[, ]+/).every((part) => {
      const [, operator = '', bound = ''] = /^([<>=!]*)(.*)$/.exec(part) ?? [];
      const found = order(version, bound);
      if (operator === '<' || operator === '<=') return found < 0 || (operator === '<=' && found === 0);
      if (operator === '>=') return found >= 0;
      if (operator === '=' || operator === '') return found === 0;
      throw new Error(`an operator that nobody writes: ${part}`);
    });
  return vulnerable.some(holds) && !patched.some(holds);
}

describe.each(Object.keys(versionsOf))('%s', (ecosystem) => {
  const { grammar } = ecosystemOf(ecosystem) as { grammar: VersionGrammar };

  function expectSame(osvCase: OsvCase, row: AdvisoryVersions | undefined): void {
    for (const version of osvCase.installed) {
      const reported = row !== undefined && isReported(version, ecosystem, row);
      expect([version, reported]).toEqual([version, isAffected(version, osvCase)]);
    }
  }

  it('a row reports what the OSV evaluation algorithm finds affected', () => {
    fc.assert(
      fc.property(osvCases(ecosystem), (osvCase) => expectSame(osvCase, rowFor(osvCase.entries))),
      { numRuns: 400 },
    );
  });

  it('the union of rows reports what one of their records affects', () => {
    fc.assert(
      fc.property(osvCases(ecosystem), osvCases(ecosystem), (one, other) => {
        const entries = [...one.entries, ...other.entries];
        const rows = entries.map((entry) => rowFor([entry])).filter((row) => row !== undefined);
        expectSame({ ...one, entries }, mergeAdvisoryVersions(grammar, rows));
      }),
      { numRuns: 200 },
    );
  });
});
