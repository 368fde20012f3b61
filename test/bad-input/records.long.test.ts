import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forgeZip } from '../archive/zip-forge.ts';
import { readJson } from '../core/read-json.ts';
import { readExportJson } from '../determinism/bundle.ts';
import { advisory } from '../fixtures/records.ts';
import type { Failure } from './failures.ts';
import { bytesOf } from './fixture.ts';
import { Standing } from './standing.ts';

let standing: Standing;
beforeAll(async () => {
  standing = await Standing.open();
});
afterAll(() => standing[Symbol.asyncDispose]());

/** A file that is refused, where in it, and how it is called in the list of what was withheld. */
interface BadRecord {
  readonly content: string | Uint8Array | object;
  readonly code: 'ERR_EXPORT_JSON_INVALID' | 'ERR_EXPORT_RECORD_INVALID';
  /** As it stands in the message; empty for the whole. */
  readonly pointer: string;
  /** The record's id where it has one; else the SHA-256 of the file. */
  readonly record?: string;
}

const json = (content: string | Uint8Array, pointer = ''): BadRecord => ({
  content,
  pointer,
  code: 'ERR_EXPORT_JSON_INVALID',
});
const typed = (members: object, pointer: string): BadRecord => ({
  content: advisory('BAD-1', members),
  pointer,
  record: 'BAD-1',
  code: 'ERR_EXPORT_RECORD_INVALID',
});
const text = (inner: string) => `{"id":"BAD-1","modified":"2026-01-02T03:04:05Z",${inner}}`;
const purl = { package: { ecosystem: 'PyPI', name: 'thing' } };

const bad: Record<string, BadRecord> = {
  'an empty file': json(''),
  'text that ends too early': json(text('"aliases":["CVE-1"').slice(0, -1), '/aliases'),
  'text after the record': json(`${JSON.stringify(advisory('BAD-1'))} {}`),
  'zeros, as a torn write leaves them': json(new Uint8Array(4096)),
  'bytes that are no UTF-8': json(Buffer.from(text('"summary":"\xff"'), 'latin1')),
  'a name twice': json(text('"aliases":["A"],"aliases":["B"]'), '/aliases'),
  'a name twice, spelled differently': json(text('"severity":[],"sever\\u0069ty":[]'), '/severity'),
  'half a surrogate pair': json(text('"summary":"\\ud800 alone"'), '/summary'),
  'half a surrogate pair as a name': json(text('"database_specific":{"\\udfff":1}'), '/database_specific'),
  'a nest': json(
    text(`"database_specific":${'['.repeat(10_000)}${']'.repeat(10_000)}`),
    `/database_specific${'/0'.repeat(127)}`,
  ),
  'a comment': json(text('/* why not */"summary":""')),
  'affected that is an object': typed({ affected: purl }, '/affected'),
  'an entry of affected that is text': typed({ affected: ['PyPI/thing'] }, '/affected/0'),
  'a range without events': typed({ affected: [{ ...purl, ranges: [{ type: 'SEMVER' }] }] }, '/affected/0/ranges/0'),
  'a range that begins nowhere': typed(
    { affected: [{ ...purl, ranges: [{ type: 'ECOSYSTEM', events: [{}] }] }] },
    '/affected/0/ranges/0/events',
  ),
  'a version that is a number': typed(
    { affected: [{ ...purl, ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: 0 }] }] }] },
    '/affected/0/ranges/0/events/0/introduced',
  ),
  'a day that does not exist': typed({ modified: '2026-02-30T00:00:00Z' }, '/modified'),
};

const folderName = 'some where';

test.each(Object.entries(bad))(
  '%s: an error that names file, record and place',
  async (name, { content, code, pointer, record }) => {
    const folder = await standing.fixture.folder({
      'a.json': advisory('A-1'),
      [`${folderName}/${name}.json`]: content,
    });
    await standing.refuses([folder], {
      code,
      says: new RegExp(`${folderName}/${name}\\.json.*${record ?? ''}.*${pointer}`),
    });
  },
);

/** Slips in members that an export can do without. */
const slips: Record<string, object> = {
  'a severity of a newer type': { severity: [{ type: 'SSVC', score: 'act' }] },
  'a severity without a score': { severity: [{ type: 'CVSS_V3' }] },
  'aliases that are text': { aliases: 'CVE-2026-1' },
  'references that are links': { references: ['https://example.com/'] },
  'versions that are numbers': { affected: [{ ...purl, versions: [1.5] }] },
  'a range of no known type': { affected: [{ ...purl, ranges: [{ type: 'MOON', events: [{ introduced: '0' }] }] }] },
  'a time without a zone': { modified: '2026-02-03T00:00:00', published: 'tomorrow' },
  'a package without a name': { affected: [{ package: { ecosystem: 'PyPI' } }] },
  'null for many members': { credits: null, database_specific: null, schema_version: null, summary: null },
  'members of a newer schema': { schema_version: '1.9.0', exploitability: [] },
};

test.each(Object.entries(slips))('%s: the record is kept as it came', async (_name, members) => {
  const folder = await standing.fixture.folder({ 'a.json': advisory('SLIP-1', members) });
  const { exit, stdout, stderr } = await standing.fixture.run(['plan', '--profile', 'json:raw', '--source', folder]);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  expect(stdout).toContain('1 record, 0 left out, 0 withheld');
});

test('in an archive the entry is named', async () => {
  const { 'affected that is an object': typedRecord, 'a name twice': twice } = bad;
  for (const { content, code } of [typedRecord, twice] as BadRecord[]) {
    const entries = [{ name: 'deep/x.json', content: bytesOf(content) }];
    await standing.refuses([await standing.fixture.file('records.zip', forgeZip(entries))], {
      code,
      says: /records\.zip.*deep\/x\.json/,
    });
  }
});

test('with --withhold-invalid all of them are withheld: their files are named on stderr, and only there', async () => {
  const files = Object.fromEntries(
    Object.entries(bad).map(([name, { content }], i) => [`${i} ${name}.json`, unlike(content, i)]),
  );
  const folder = await standing.fixture.folder({ 'a.json': advisory('A-1'), ...files });
  const layout = join(standing.fixture.path, 'skipping');
  const args = [
    '--profile',
    'json:raw',
    '--source',
    folder,
    '--to',
    `oci:${layout}:x`,
    '--unsigned',
    '--output',
    'json',
  ];
  const { exit, stdout, stderr } = await standing.fixture.run(['export', '--withhold-invalid', ...args]);
  expect(exit, stderr).toBe(0);
  const count = Object.keys(bad).length;
  expect(readJson(stdout)).toMatchObject({ records: { kept: 1, leftOut: 0, withheld: count } });
  const { withheld } = await readExportJson(layout);
  expect(withheld.length).toBe(count);
  for (const [i, [name, { code, pointer, record }]] of Object.entries(bad).entries()) {
    const file = `${i} ${name}.json`;
    const id = record === undefined ? sha256(files[file] ?? '') : `${record}-${i}`;
    expect(stderr).toContain(file);
    expect(withheld).toContainEqual({ record: id, code, pointer });
    expect(JSON.stringify(withheld)).not.toContain(name);
  }
});

/** The same fault in a record that no other is. */
function unlike(content: BadRecord['content'], i: number): BadRecord['content'] {
  if (typeof content === 'string' || content instanceof Uint8Array) return content;
  return { ...content, id: `BAD-1-${i}` };
}

function sha256(content: BadRecord['content']): string {
  return `sha256:${createHash('sha256').update(bytesOf(content)).digest('hex')}`;
}

const conflict = (says: RegExp): Failure => ({ code: 'ERR_EXPORT_RECORD_CONFLICT', says, hint: /./ });

test('two records of one id: an error that names both places, with --withhold-invalid too', async () => {
  const [one, other] = [advisory('SAME-1'), advisory('SAME-1', { summary: 'something else' })];
  const both = await standing.fixture.folder({ 'one.json': one, 'two.json': other });
  await standing.refuses([both], conflict(/SAME-1.*one\.json.*two\.json/));
  await standing.refuses([both], conflict(/SAME-1.*one\.json.*two\.json/), ['--withhold-invalid']);
  const first = await standing.fixture.file('first.json', one);
  const zip = await standing.fixture.file('second.zip', forgeZip([{ name: 'x.json', content: bytesOf(other) }]));
  await standing.refuses([zip, first], conflict(/SAME-1.*first\.json.*second\.zip|SAME-1.*second\.zip.*first\.json/));
});

test('a conflict among records that no selector keeps is one all the same', async () => {
  const folder = await standing.fixture.folder({
    'a.json': advisory('A-1'),
    'one.json': advisory('SAME-1'),
    'two.json': advisory('SAME-1', { summary: 'something else' }),
  });
  await standing.refuses([folder], conflict(/SAME-1/), ['--id', 'A-1']);
});

test('names from elsewhere cannot speak to a terminal', async () => {
  const name = 'x\u001b[2J\u202e\nerror: y.json';
  const zip = forgeZip([
    { name, content: '{' },
    { name: `${name}.txt`, content: 'no record' },
    { name: 'a.json', content: bytesOf(advisory('A-1')) },
  ]);
  const source = await standing.fixture.file('records.zip', zip);
  const shown = 'x\\u001b[2J\\u202e\\u000aerror: y.json';
  const says = new RegExp(shown.replaceAll(/[\\[]/g, '\\$&'));
  await standing.refuses([source], { code: 'ERR_EXPORT_JSON_INVALID', says });
  const { exit, stderr } = await standing.fixture.run([
    'plan',
    '--profile',
    'json:raw',
    '--source',
    source,
    '--withhold-invalid',
  ]);
  expect(exit).toBe(0);
  expect(stderr.split(shown).length).toBe(3);
  for (const char of '\u001b\u202e') expect(stderr).not.toContain(char);
});

test('JSON of other kinds and other files are passed over, counted and listed', async () => {
  const folder = await standing.fixture.folder({
    'a.json': advisory('A-1'),
    'manifest.json': { version: 1, files: ['a.json'] },
    'list.json': [1, 2],
    'README.md': '# records',
  });
  const { exit, stderr } = await standing.fixture.run(['plan', '--profile', 'json:raw', '--source', folder]);
  expect(exit).toBe(0);
  expect(stderr).toMatch(/^ignored 4 files/);
  for (const name of ['manifest.json', 'list.json', 'README.md']) expect(stderr).toContain(`: ${name}: `);
  expect((await standing.fixture.run(['plan', '--quiet', '--profile', 'json:raw', '--source', folder])).stderr).toBe(
    '',
  );
});
