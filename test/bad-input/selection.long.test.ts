import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forgeTar } from '../archive/tar-forge.ts';
import { forgeZip } from '../archive/zip-forge.ts';
import { readJson } from '../core/read-json.ts';
import { readExportJson } from '../determinism/bundle.ts';
import { advisory } from '../fixtures/records.ts';
import type { Failure } from './failures.ts';
import { sample } from './fixture.ts';
import { Standing } from './standing.ts';

let standing: Standing;
beforeAll(async () => {
  standing = await Standing.open();
});
afterAll(() => standing[Symbol.asyncDispose]());

const empty = (says: RegExp): Failure => ({
  code: 'ERR_EXPORT_SOURCE_EMPTY',
  says,
  hint: /directory or archive that you meant/,
});
const nothingLeft = (says: RegExp): Failure => ({
  code: 'ERR_EXPORT_SELECTION_EMPTY',
  says,
  hint: /widen the selector/,
});

test('a source without a record: a folder, archives, a file; also beside one that has some', async () => {
  const { fixture } = standing;
  const folder = await fixture.folder({ 'README.md': 'nothing here' });
  await standing.refuses([folder], empty(/no OSV or OpenVEX records found/));
  await standing.refuses([sample, await fixture.file('manifest.json', { version: 1 })], empty(/manifest\.json/));
  await standing.refuses([await fixture.file('empty.zip', forgeZip([]))], empty(/empty\.zip/));
  await standing.refuses([await fixture.file('empty.tar', forgeTar([]))], empty(/empty\.tar/));
  await standing.refuses([await fixture.file('empty.jsonl', '\n \r\n')], empty(/empty\.jsonl/));
});

test('a selector that keeps nothing says what left how many out', async () => {
  await standing.refuses([sample], nothingLeft(/\d+ by --id/), ['--id', 'CVE-1999-0001']);
  await standing.refuses([sample], nothingLeft(/by --ecosystem/), ['--ecosystem', 'Hackage']);
  await standing.refuses([sample], nothingLeft(/by --modified-since/), ['--modified-since', '2199-01-01T00:00:00Z']);
  await standing.refuses([sample], nothingLeft(/\d+ by (?:vexStatement|--id)/), [
    '--profile',
    'trivy:db',
    '--id',
    'nothing',
  ]);
});

test('--withhold-invalid that withholds all of them is no export', async () => {
  const folder = await standing.fixture.folder({ 'a.json': advisory('A-1', { affected: 1 }), 'b.json': '{' });
  await standing.refuses(
    [folder],
    nothingLeft(/2 invalid and withheld \(A-1: ERR_EXPORT_RECORD_INVALID at .*; sha256:/),
    ['--withhold-invalid'],
  );
});

test('a profile that can use none of the records', async () => {
  await standing.refuses([join(sample, 'openvex')], nothingLeft(/trivy:db.*by vexStatement/), [
    '--profile',
    'trivy:db',
  ]);
  const commits = {
    affected: [
      {
        package: { ecosystem: 'PyPI', name: 'x' },
        ranges: [{ type: 'GIT', repo: 'https://example.com/x', events: [{ introduced: '0' }] }],
      },
    ],
  };
  const folder = await standing.fixture.folder({ 'a.json': advisory('A-1', commits) });
  await standing.refuses([folder], nothingLeft(/trivy:db/), ['--profile', 'trivy:db']);
});

test.each([
  ['--id', ''],
  ['--package', 'x\u0007'],
  ['--ecosystem', ''],
])('a selector that cannot be meant: %s %j', async (option, value) => {
  await standing.refuses([sample], { code: 'ERR_EXPORT_SELECTOR_INVALID', hint: /characters/ }, [option, value]);
});

function affecting(name: string, events: readonly object[], type = 'ECOSYSTEM'): object {
  return { affected: [{ package: { ecosystem: 'PyPI', name }, ranges: [{ type, events }] }] };
}

test('a range that no client could parse is withheld and listed in trivy:db, with and without --withhold-invalid', async () => {
  const { fixture } = standing;
  const folder = await fixture.folder({
    'valid.json': advisory('SOUND-1', affecting('thing', [{ introduced: '0' }, { fixed: '1.0' }])),
    'range.json': advisory('RANGE-1', affecting('thing', [{ introduced: '0' }, { fixed: 'when it is done' }])),
  });
  const digests = [];
  for (const skip of [[], ['--withhold-invalid']]) {
    const layout = join(fixture.path, `ranges-${skip.length}`);
    const args = [
      '--profile',
      'trivy:db',
      '--source',
      folder,
      '--to',
      `oci:${layout}:2`,
      '--unsigned',
      '--output',
      'json',
    ];
    const outcome = await fixture.run(['export', ...args, ...skip]);
    expect(outcome.exit, outcome.stderr).toBe(0);
    const report = readJson(outcome.stdout) as { layers: { digest: string }[]; records: object };
    expect(report.records).toEqual({ kept: 1, leftOut: 0, withheld: 1 });
    digests.push(report.layers[0]?.digest);
    const { withheld } = await readExportJson(layout);
    expect(withheld).toEqual([
      { record: 'RANGE-1', code: 'ERR_EXPORT_RANGE_INVALID', pointer: '/affected/0/ranges/0/events/1/fixed' },
    ]);
  }
  expect(digests[0]).toBe(digests[1]);
});

test('where only such ranges are there, nothing is published', async () => {
  const folder = await standing.fixture.folder({ 'r.json': advisory('R-1', affecting('x', [{ introduced: '?' }])) });
  await standing.refuses(
    [folder],
    nothingLeft(/1 invalid and withheld \(R-1: ERR_EXPORT_RANGE_INVALID at \/affected\/0\//),
    ['--profile', 'trivy:db'],
  );
});
