import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { bytesOf, CliFixture, type Files } from '../bad-input/fixture.ts';
import { advisory } from '../fixtures/records.ts';
import { exportBundle, profiles, readExportJson } from './bundle.ts';
import { archives, type RecordFiles } from './forms.ts';

const noUtf8 = Buffer.concat([
  Buffer.from('{"id":"BYTES-1","modified":"2026-01-01T00:00:00Z","summary":"'),
  Buffer.of(0xff, 0x22, 0x7d),
]);
const cut = '{"id":"CUT-1","modified":';
const nameless = '{"schema_version":"1.7.5","modified":"2026-01-01T00:00:00Z","affected":[]}';

function affecting(version: string): object {
  const events = [{ introduced: '0' }, { fixed: version }];
  const affected = [{ package: { ecosystem: 'PyPI', name: 'thing' }, ranges: [{ type: 'ECOSYSTEM', events }] }];
  return { affected };
}

/** Valid records, one of them with a number that no double holds, and every kind of invalid one. */
const records: Files = {
  'valid-1.json': advisory('SOUND-1', affecting('1.0')),
  'valid-2.json': advisory('SOUND-2', affecting('2.0')),
  'typed.json': advisory('TYPED-1', { affected: 'x' }),
  'again.json': '{"id":"AGAIN-1","modified":"2026-01-01T00:00:00Z","id":"AGAIN-2"}',
  'range.json': advisory('RANGE-1', affecting('not a version at all')),
  'large.json': '{"id":"LARGE-1","modified":"2026-01-01T00:00:00Z","database_specific":{"n":9007199254740993}}',
  'lone.json': '{"id":"LONE-1","modified":"2026-01-01T00:00:00Z","summary":"\\ud800"}',
  'bytes.json': noUtf8,
  'cut.json': cut,
  'nameless.json': nameless,
};

function entriesOf(files: Files): RecordFiles {
  return Object.entries(files).map(([name, content]) => [name, Buffer.from(bytesOf(content))] as const);
}

function sha256(content: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

test('--withhold-invalid: the same bundle from a folder, other names and orders, and from archives', async () => {
  await using fixture = await CliFixture.open();
  const entries = entriesOf(records);
  const renamed = Object.fromEntries(entries.toReversed().map(([, bytes], i) => [`deep/er/${i}.json`, bytes]));
  const sources = [await fixture.folder(records), await fixture.folder(renamed)];
  for (const name of ['records.zip', 'records.tar', 'records.tar.zst']) {
    sources.push(
      await fixture.file(name, (archives[name] as (files: RecordFiles) => Uint8Array)(entries.toReversed())),
    );
  }
  for (const profile of profiles) {
    const [first, ...others] = await Promise.all(
      sources.map((source) => exportBundle(fixture, profile, [source], { args: ['--withhold-invalid'] })),
    );
    if (first === undefined) throw new Error('no source');
    for (const { digest, layers } of others)
      expect({ digest, layers }).toEqual({ digest: first.digest, layers: first.layers });
    const { withheld, records: counts } = await readExportJson(first.layout);
    const range =
      profile === 'trivy:db' ? [['RANGE-1', 'ERR_EXPORT_RANGE_INVALID', '/affected/0/ranges/0/events/1/fixed']] : [];
    const expected = [
      ['TYPED-1', 'ERR_EXPORT_RECORD_INVALID', '/affected'],
      ...range,
      [sha256(bytesOf(records['again.json'] ?? '')), 'ERR_EXPORT_JSON_INVALID', '/id'],
      [sha256(bytesOf(records['lone.json'] ?? '')), 'ERR_EXPORT_JSON_INVALID', '/summary'],
      [sha256(noUtf8), 'ERR_EXPORT_JSON_INVALID', ''],
      [sha256(cut), 'ERR_EXPORT_JSON_INVALID', '/modified'],
      [sha256(nameless), 'ERR_EXPORT_RECORD_INVALID', ''],
    ].sort();
    expect(withheld.map(({ record, code, pointer }) => [record, code, pointer]).sort()).toEqual(expected);
    expect(counts).toMatchObject({ kept: profile === 'trivy:db' ? 2 : 4, withheld: expected.length });
  }
}, 120_000);

test('what is withheld is part of the bundle: without it the digest is another', async () => {
  await using fixture = await CliFixture.open();
  const { 'cut.json': _, ...others } = records;
  const [all, fewer] = await Promise.all(
    [records, others].map(async (files) =>
      exportBundle(fixture, 'json:raw', [await fixture.folder(files)], { args: ['--withhold-invalid'] }),
    ),
  );
  expect(all?.digest).not.toBe(fewer?.digest);
});
