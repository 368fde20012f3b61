import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { digestOf } from '#core';
import { collectAttestations, exportBuild, parseProvenance } from '#signing';

import { readJson } from '../core/read-json.ts';
import { goAdvisory } from '../fixtures/records.ts';
import { type ExportFixture, exportTo, newSignerFixture, openFixture, requestFor } from './fixture.ts';

let fixture: ExportFixture;
beforeEach(async () => {
  fixture = await openFixture();
});

test('provenance keeps the files of withheld records and of what holds none, without the folders they were in', async () => {
  const source = await fixture.source([goAdvisory('GO-2026-0001'), { id: 'BAD-1', modified: 'never' }]);
  await mkdir(join(source, 'notes'));
  await writeFile(join(source, 'notes', 'readme.txt'), 'no record');
  const { signer, verifier } = newSignerFixture();
  const layout = await fixture.layout();
  const { digest } = await exportTo(layout, requestFor(source, { withholdInvalid: true }), { signer });
  const artifact = await layout.resolve(digest);
  if (artifact === undefined) throw new Error('nothing was published');
  const { provenances } = await collectAttestations(layout, artifact, verifier);
  const byproducts = provenances.map(
    ({ statement }) => parseProvenance(statement, 'provenance', exportBuild)?.byproducts,
  );
  const [report] = byproducts[0] ?? [];
  const bytes = Buffer.from(report?.content ?? '', 'base64');
  expect(digestOf(bytes)).toBe(`sha256:${report?.digest?.['sha256']}`);
  const said = readJson(bytes.toString('utf8')) as Record<string, unknown>;
  expect(said).toMatchObject({
    withheldFiles: [{ record: 'BAD-1', name: expect.stringMatching(/\.json$/) }],
    withheldFilesCount: 1,
    ignoredFiles: [{ name: 'notes/readme.txt' }],
    ignoredFilesCount: 1,
  });
  expect(bytes.toString('utf8')).not.toContain(join(source, '..'));
});
