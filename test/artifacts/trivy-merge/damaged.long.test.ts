import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { diffTrivyDbs, surveyTrivyDb } from '#artifacts';
import { CodedError } from '#core';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { affected, buildOf } from '../trivy/fixture.ts';
import { json, type Tree, writeTree } from './fixture.ts';

const own = [{ id: 'CVE-2026-1', affected: [affected('npm', 'lodash', [{ introduced: '0' }, { fixed: '2.0.0' }])] }];

const packages = (count: number, value: () => ReturnType<typeof json>): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`package-${i}`, { 'CVE-2026-1': value() }]));

const tree: Tree = {
  'Red Hat': { bash: { 'RHSA-1': json({ Entries: [{ Cves: [{ ID: 'CVE-2026-1', Severity: 1 }] }] }) } },
  'debian 12': packages(200, () => json({ FixedVersion: '1', Severity: 2 })),
  'npm::x': { lodash: { 'CVE-2026-1': json({ VulnerableVersions: ['<1'] }) } },
  'npm::zeta': packages(20, () => json({ VulnerableVersions: ['<1'] })),
  'data-source': { 'npm::x': json({ ID: 'x' }) },
  vulnerability: Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`CVE-2026-${i}`, json({ Severity: 'HIGH', VendorSeverity: { nvd: 3 } })]),
  ),
};

/** What is done with a database ends well, or with an error that says so. */
async function coded(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => expect(error).toBeInstanceOf(CodedError));
}

it('a base with any bytes changed is merged, scoped, read and compared, or refused with a code', async () => {
  const folder = await makeTempDir();
  const whole = await writeTree(join(folder, 'whole.db'), tree);
  const bytes = await readFile(whole);
  const path = join(folder, 'changed.db');
  const page = fc.nat({ max: bytes.byteLength / 4096 - 1 });
  // Headers and elements are at the front of pages.
  const front = fc.tuple(page, fc.nat({ max: 200 })).map(([number, offset]) => number * 4096 + offset);
  const at = fc.oneof(front, fc.nat({ max: bytes.byteLength - 1 }));
  const change = fc.record({ at, value: fc.nat({ max: 255 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const changed = Buffer.from(bytes);
      for (const { at, value } of changes) changed[at] = value;
      await writeFile(path, changed);
      const base = { path, sizeBytes: changed.byteLength };
      await coded(buildOf(own, { base }));
      await coded(buildOf(own, { base: { ...base, scope: { minimumSeverity: 'high', packages: ['*'] } } }));
      await coded(surveyTrivyDb({ path }));
      await coded(Array.fromAsync(diffTrivyDbs({ path: whole }, { path })));
    }),
    { numRuns: 100 },
  );
});
