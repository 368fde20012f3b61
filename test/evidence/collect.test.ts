import { createHash } from 'node:crypto';
import { symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { canonicalText, type JsonValue } from '#core';
import { forgeTar } from '../archive/tar-forge.ts';
import { forgeZip } from '../archive/zip-forge.ts';
import { advisory, vexDocument } from '../fixtures/records.ts';
import { contentOf, EvidenceFixture, type Files, recordsOf } from './fixture.ts';

const mixed: Files = {
  'b.json': advisory('B-2', { aliases: ['CVE-2026-2'] }),
  'deep/er/a.json': advisory('A-1', { aliases: null }),
  'vex.json': vexDocument('https://example.com/vex/1'),
  'manifest.json': { ID: 'pkg:golang/example', Sources: [] },
  'README.md': '# no record',
  noname: JSON.stringify(advisory('C-3')),
};

/** Everything about a set that must not depend on how the records came. */
async function essence(
  fixture: EvidenceFixture,
  sources: readonly string[],
  withholdInvalid = false,
): Promise<unknown> {
  const set = await fixture.collect(sources, { withholdInvalid });
  const { kept, leftOut, unscored, withheld, newest, classes } = set;
  const records = [...(await recordsOf(set, 'advisories')), ...(await recordsOf(set, 'vex'))].map((record) => ({
    ...record,
    bytes: Buffer.from(record.bytes).toString('utf8'),
  }));
  await set.close();
  return { kept, leftOut, unscored, withheld, newest, classes, records };
}

describe('collectRecords', () => {
  test('keeps records of both formats in canonical bytes, in order, and lists what is none', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder(mixed);
    const set = await fixture.collect([folder]);
    const advisories = await recordsOf(set, 'advisories');
    expect(advisories.map(({ key }) => key)).toEqual(['A-1', 'B-2', 'C-3']);
    expect(Buffer.from(advisories[0]?.bytes ?? []).toString()).toBe(
      canonicalText(mixed['deep/er/a.json'] as JsonValue),
    );
    const [vex] = await recordsOf(set, 'vex');
    const hex = createHash('sha256')
      .update(canonicalText(mixed['vex.json'] as JsonValue))
      .digest('hex');
    expect(vex).toMatchObject({ class: 'vex', format: 'openvex', key: `openvex/${hex}`, digest: `sha256:${hex}` });
    expect(set.ignored.map(({ name }) => name).sort()).toEqual(['README.md', 'manifest.json']);
    expect(set).toMatchObject({ kept: 4, leftOut: {}, unscored: 0, withheld: [], newest: '2026-02-03T04:05:06Z' });
    await set.close();
  });

  test('sums up each class by key and digest of its records', async () => {
    await using fixture = await EvidenceFixture.make();
    const set = await fixture.collect([await fixture.folder({ 'b.json': advisory('B'), 'a.json': advisory('A') })]);
    const lines = ['A', 'B'].map((id) => {
      const hex = createHash('sha256')
        .update(canonicalText(advisory(id) as JsonValue))
        .digest('hex');
      return `${id}\0${hex}\n`;
    });
    const digest = `sha256:${createHash('sha256').update(lines.join('')).digest('hex')}`;
    expect(set.classes).toEqual({ advisories: { count: 2, digest } });
    expect(await recordsOf(set, 'vex')).toEqual([]);
    await set.close();
  });

  test('gives the same from a folder, each archive form, lines, single files, and any order of them', async () => {
    await using fixture = await EvidenceFixture.make();
    const bad: Files = { 'bad.json': '{"id":"X-1","modified":"never"}', 'worse.json': '{"id":' };
    const files = Object.entries({ ...mixed, ...bad }).map(([name, content]) => ({
      name,
      content: contentOf(content),
    }));
    const tar = forgeTar(files);
    const wanted = await essence(fixture, [await fixture.folder({ ...mixed, ...bad })], true);
    expect(wanted).toMatchObject({
      kept: 4,
      withheld: [{ record: 'X-1' }, { record: expect.stringMatching(/^sha256:/) }],
    });
    const forms = {
      zip: forgeZip(files),
      'zip in another order': forgeZip(files.toReversed()),
      tar,
      'tar in another order': forgeTar(files.toReversed()),
      'tar.gz': gzipSync(tar),
      'tar.zst': zstdCompressSync(tar),
    };
    for (const [form, bytes] of Object.entries(forms)) {
      expect(await essence(fixture, [await fixture.file('records', bytes)], true), form).toEqual(wanted);
    }
    const singles = await Promise.all(
      files
        .filter(({ name }) => /json|noname/.test(name) && name !== 'manifest.json')
        .map(({ name, content }) => fixture.file(name.replaceAll('/', '-'), content)),
    );
    expect(await essence(fixture, singles, true), 'files').toEqual(wanted);
    expect(await essence(fixture, singles.toReversed(), true), 'files in another order').toEqual(wanted);
    const lines = files
      .filter(({ name }) => /a.json|b.json|vex|noname|bad|worse/.test(name))
      .map(({ content }) => content);
    expect(await essence(fixture, [await fixture.file('all.jsonl', `${lines.join('\n\n')}\n`)], true), 'lines').toEqual(
      wanted,
    );
    const twice = await fixture.file('x.zip', forms.zip);
    expect(await essence(fixture, [singles[0] as string, twice, twice], true), 'the same twice').toEqual(wanted);
  });

  test('refuses two records of one key with different content and names both places', async () => {
    await using fixture = await EvidenceFixture.make();
    const one = await fixture.folder({ 'a.json': advisory('A') });
    const other = await fixture.file(
      'b.zip',
      forgeZip([{ name: 'x/a.json', content: JSON.stringify(advisory('A', { details: 'else' })) }]),
    );
    for (const sources of [
      [one, other],
      [other, one],
    ]) {
      const refused = fixture.collect(sources);
      await expect(refused).rejects.toMatchObject({ code: 'ERR_EXPORT_RECORD_CONFLICT' });
      await expect(refused).rejects.toThrow(`${one}: a.json`);
      await expect(refused).rejects.toThrow(`${other}: x/a.json`);
    }
  });

  test('finds a conflict with a record that the selector leaves out', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder({
      '1.json': advisory('A'),
      '2.json': advisory('A', { withdrawn: '2026-01-01T00:00:00Z' }),
    });
    await expect(fixture.collect([folder], { selector: { withdrawn: 'exclude' } })).rejects.toMatchObject({
      code: 'ERR_EXPORT_RECORD_CONFLICT',
    });
  });

  test('names file, record and pointer of what cannot be parsed', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder({ 'a.json': advisory('A', { affected: [{ ranges: [{ type: 'SEMVER' }] }] }) });
    await expect(fixture.collect([folder])).rejects.toMatchObject({
      code: 'ERR_EXPORT_RECORD_INVALID',
      message: expect.stringMatching(/a\.json: record A: .*"events".*\/affected\/0\/ranges\/0/),
      details: { file: `${folder}: a.json`, record: 'A', pointer: '/affected/0/ranges/0' },
      hint: expect.stringContaining('--withhold-invalid'),
    });
  });

  test.each([
    ['invalid UTF-8', Buffer.from('7b226964223a22ff227d', 'hex')],
    ['a byte order mark', Buffer.concat([Buffer.from('efbbbf', 'hex'), Buffer.from(JSON.stringify(advisory('A')))])],
    ['a duplicate member', '{"id":"A","id":"B","modified":"2026-01-01T00:00:00Z"}'],
    ['nothing at all', ''],
    ['a cut text', '{"id":"A","modi'],
    ['two texts', `${JSON.stringify(advisory('A'))}${JSON.stringify(advisory('B'))}`],
  ])('refuses %s, and withholds it by the digest of its bytes when asked', async (_what, content) => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder({ 'bad.json': content, 'good.json': advisory('GOOD') });
    await expect(fixture.collect([folder])).rejects.toMatchObject({
      code: 'ERR_EXPORT_JSON_INVALID',
      message: expect.stringContaining('bad.json'),
    });
    const set = await fixture.collect([folder], { withholdInvalid: true });
    const hex = createHash('sha256').update(content).digest('hex');
    expect(set.withheld).toEqual([
      { record: `sha256:${hex}`, code: 'ERR_EXPORT_JSON_INVALID', pointer: expect.any(String) },
    ]);
    expect(JSON.stringify(set.withheld)).not.toContain('.json');
    await set.close();
  });

  test('withholds an invalid record by its id, a VEX document by its key, and one without a usable id by its bytes', async () => {
    await using fixture = await EvidenceFixture.make();
    const nameless = '{"id":"","modified":"2026-01-01T00:00:00Z"}';
    const vex = vexDocument('https://example.com/1', { version: 0 });
    const folder = await fixture.folder({
      'a.json': advisory('A', { affected: 1 }),
      'b.json': nameless,
      'v.json': vex,
      'good.json': advisory('G'),
    });
    const set = await fixture.collect([folder], { withholdInvalid: true });
    const hexOf = (text: string) => createHash('sha256').update(text).digest('hex');
    expect(set.withheld).toEqual([
      { record: 'A', code: 'ERR_EXPORT_RECORD_INVALID', pointer: '/affected' },
      {
        record: `openvex/${hexOf(canonicalText(vex as JsonValue))}`,
        code: 'ERR_EXPORT_RECORD_INVALID',
        pointer: '/version',
      },
      { record: `sha256:${hexOf(nameless)}`, code: 'ERR_EXPORT_RECORD_INVALID', pointer: '/id' },
    ]);
    await set.close();
  });

  test('refuses a record over 16 MiB without reading it, in a folder, an archive and a file of lines', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder({ 'big.json': '{' });
    // Sparse: were it read into memory, the process would die.
    await truncate(join(folder, 'big.json'), 200 * 1024 ** 3);
    const size = 16 * 1024 * 1024 + 1;
    const zip = await fixture.file(
      'big.zip',
      forgeZip([{ name: 'big.json', content: Buffer.alloc(size, 0x20), stored: true }]),
    );
    const line = await fixture.file('big.jsonl', Buffer.alloc(size + 300_000, 0x61));
    for (const source of [folder, zip, line, join(folder, 'big.json')]) {
      const refused = fixture.collect([source], { withholdInvalid: true });
      await expect(refused, source).rejects.toMatchObject({
        code: 'ERR_EXPORT_RECORD_TOO_LARGE',
        hint: expect.any(String),
      });
    }
  });

  test('takes a record of exactly 16 MiB and ignores larger files that are no JSON by their name', async () => {
    await using fixture = await EvidenceFixture.make();
    const text = JSON.stringify(advisory('A', { details: '' }));
    const details = 'x'.repeat(16 * 1024 * 1024 - text.length);
    const folder = await fixture.folder({ 'a.json': advisory('A', { details }), 'data.bin': '' });
    await truncate(join(folder, 'data.bin'), 17 * 1024 * 1024);
    const set = await fixture.collect([folder]);
    const [record] = await recordsOf(set, 'advisories');
    expect(record?.bytes.length).toBe(16 * 1024 * 1024);
    expect(set.ignored).toEqual([{ source: folder, name: 'data.bin', reason: expect.any(String) }]);
    await set.close();
  });

  test('refuses symbolic links in a folder', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder({ 'a.json': advisory('A') });
    await symlink('/etc/passwd', join(folder, 'link.json'));
    await expect(fixture.collect([folder])).rejects.toMatchObject({
      code: 'ERR_EXPORT_ARCHIVE_UNSAFE',
      message: expect.stringContaining('link.json'),
    });
  });

  test.each([
    ['an empty folder', {}, 'it is empty'],
    [
      'a folder without records',
      { 'package.json': { name: 'x' }, 'notes.txt': 'x', 'list.json': [1, 2] },
      'ignored "list.json: item 1": JSON, but not OSV or OpenVEX; "list.json: item 2": ',
    ],
    [
      'a folder of many other files',
      Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`${n}`.padStart(3, '0'), 'x'])),
      '"004": not JSON; 195 more',
    ],
  ])('refuses %s, also beside a good source, and says what it ignored', async (_what, files, said) => {
    await using fixture = await EvidenceFixture.make();
    const [good, empty] = [await fixture.folder({ 'a.json': advisory('A') }), await fixture.folder(files)];
    for (const sources of [[empty], [good, empty]]) {
      await expect(fixture.collect(sources)).rejects.toMatchObject({
        code: 'ERR_EXPORT_SOURCE_EMPTY',
        message: expect.stringContaining(empty),
        hint: expect.any(String),
      });
      const refused = await fixture.collect(sources).catch((error: unknown) => error as Error);
      expect(refused).toHaveProperty('message', expect.stringContaining(said));
      expect(refused).toHaveProperty(
        'details.ignoredCount',
        Object.keys(files).length + ('list.json' in files ? 1 : 0),
      );
      expect((refused as unknown as { details: { ignored: [] } }).details.ignored.length).toBeLessThanOrEqual(100);
    }
  });

  test('what holds no records is counted, and the first thousand of each source are kept', async () => {
    await using fixture = await EvidenceFixture.make();
    const line = JSON.stringify(advisory('A'));
    const first = await fixture.file('first.jsonl', `${line}\n${'{}\n'.repeat(1002)}`);
    const second = await fixture.file('second.jsonl', `${line}\n{}\n`);
    const set = await fixture.collect([first, second]);
    expect(set).toMatchObject({ kept: 1, ignoredCount: 1003 });
    expect(set.ignored.filter(({ source }) => source === first)).toHaveLength(1000);
    expect(set.ignored.slice(1000)).toEqual([expect.objectContaining({ source: second })]);
    const empty = await fixture.file('empty.jsonl', '{}\n'.repeat(1002));
    const refused = await fixture.collect([first, empty]).catch((error: unknown) => error);
    expect(refused).toHaveProperty('details.ignoredCount', 1002);
  });

  test('more invalid records than a bundle lists end the reading', async () => {
    await using fixture = await EvidenceFixture.make();
    const lines = Array.from({ length: 100_001 }, (_, i) => `{"id":"A-${i}","modified":1}`).join('\n');
    const source = await fixture.file('all.jsonl', `${JSON.stringify(advisory('A'))}\n${lines}`);
    await expect(fixture.collect([source], { withholdInvalid: true })).rejects.toMatchObject({
      code: 'ERR_EXPORT_TOO_LARGE',
    });
  });

  test('refuses what is not there and what is neither file nor folder', async () => {
    await using fixture = await EvidenceFixture.make();
    for (const path of [join(fixture.path, 'missing.zip'), '/dev/null']) {
      await expect(fixture.collect([path])).rejects.toMatchObject({
        code: 'ERR_EXPORT_SOURCE_UNREADABLE',
        hint: expect.any(String),
      });
    }
  });

  test('refuses a damaged archive, an unsafe one and one that is too much', async () => {
    await using fixture = await EvidenceFixture.make();
    const zip = forgeZip([{ name: 'a.json', content: JSON.stringify(advisory('A')) }]);
    const cases: [Uint8Array, string][] = [
      [zip.subarray(0, zip.length - 10), 'ERR_EXPORT_ARCHIVE_INVALID'],
      [forgeZip([{ name: '../a.json', content: '{}' }]), 'ERR_EXPORT_ARCHIVE_UNSAFE'],
      [forgeZip([{ name: 'a.json', content: Buffer.alloc(15 * 1024 * 1024) }]), 'ERR_EXPORT_ARCHIVE_LIMIT'],
    ];
    for (const [bytes, code] of cases) {
      await expect(fixture.collect([await fixture.file('x.zip', bytes)])).rejects.toMatchObject({ code });
    }
  });

  test('refuses a selection that keeps nothing and says which clauses left out what', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder({ 'a.json': advisory('A'), 'b.json': advisory('B') });
    const refused = fixture.collect([folder], { selector: { ids: ['C'] } });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_EXPORT_SELECTION_EMPTY',
      details: { leftOut: { ids: 2 } },
    });
    await expect(refused).rejects.toThrow('2 by --id');
  });

  test('counts what is left out by the first clause that refuses, once for a record that came twice', async () => {
    await using fixture = await EvidenceFixture.make();
    const low = { severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N' }] };
    const npm = { affected: [{ package: { ecosystem: 'npm', name: 'x' } }] };
    const folder = await fixture.folder({
      'a.json': advisory('A', npm),
      'b.json': advisory('B', { ...npm, ...low }),
      'c.json': advisory('C', low),
    });
    const again = await fixture.file('b.json', advisory('B', { ...npm, ...low }));
    const set = await fixture.collect([folder, again], {
      selector: { ecosystems: ['npm'], minimumSeverity: 'medium' },
    });
    expect(set).toMatchObject({ kept: 1, unscored: 1, leftOut: { ecosystems: 1, minimumSeverity: 1 } });
    await set.close();
  });

  test('takes the newest change among the kept: last_updated before timestamp, and dates of a record without its own', async () => {
    await using fixture = await EvidenceFixture.make();
    const newest = async (...contents: object[]) => {
      const files = Object.fromEntries(contents.map((content, index) => [`${index}.json`, content]));
      const set = await fixture.collect([await fixture.folder(files)]);
      await set.close();
      return set.newest;
    };
    expect(await newest(advisory('A', { modified: '2026-01-02T03:04:05.5Z' }), advisory('B'))).toBe(
      '2026-01-02T03:04:05.5Z',
    );
    expect(await newest(vexDocument('x:1', { last_updated: '2026-03-01T01:00:00+02:00' }))).toBe(
      '2026-02-28T23:00:00Z',
    );
    const undated = { modified: '0001-01-01T00:00:00Z', published: '2020-01-01T00:00:00Z' };
    expect(await newest(advisory('A', undated))).toBe('2020-01-01T00:00:00Z');
    expect(await newest(advisory('A', { ...undated, withdrawn: '2021-01-01T00:00:00Z' }))).toBe('2021-01-01T00:00:00Z');
    expect(await newest(advisory('A', { modified: '0001-01-01T00:00:00Z' }))).toBe('0001-01-01T00:00:00Z');
  });

  test('tells how far it is and stops when asked, leaving no file', async () => {
    await using fixture = await EvidenceFixture.make();
    const lines = Array.from({ length: 3000 }, (_, n) =>
      JSON.stringify(advisory(`A-${n}`, { details: 'x'.repeat(8000) })),
    );
    const source = await fixture.file('many.jsonl', lines.join('\n'));
    const seen: number[] = [];
    const set = await fixture.collect([source], { onProgress: (records) => seen.push(records) });
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(3000);
    expect((await fixture.leftovers()).length).toBeGreaterThan(0);
    expect((await recordsOf(set, 'advisories')).length).toBe(3000);
    await set.close();
    expect(await fixture.leftovers()).toEqual([]);
    const stop = new AbortController();
    const stopped = fixture.collect([source], {
      signal: stop.signal,
      onProgress: (records) => records > 2500 && stop.abort(new Error('stop')),
    });
    await expect(stopped).rejects.toThrow('stop');
    expect(await fixture.leftovers()).toEqual([]);
  });

  test.each(['not json', '[1]', '"x"'])('takes the line %j in a file of JSON lines for what it is', async (line) => {
    await using fixture = await EvidenceFixture.make();
    const source = await fixture.file('x.jsonl', `${JSON.stringify(advisory('A'))}\r\n${line}\n`);
    const collected = fixture.collect([source]);
    if (line === 'not json') {
      await expect(collected).rejects.toMatchObject({
        code: 'ERR_EXPORT_JSON_INVALID',
        message: expect.stringContaining('x.jsonl: line 2'),
      });
      return;
    }
    const set = await collected;
    expect(set.ignored).toEqual([{ source, name: 'line 2', reason: expect.any(String) }]);
    await set.close();
  });

  test('passes over version control and says so', async () => {
    await using fixture = await EvidenceFixture.make();
    const folder = await fixture.folder({ 'a.json': advisory('A'), '.git/x.json': 'broken {' });
    const set = await fixture.collect([folder]);
    expect(set.ignored).toEqual([{ source: folder, name: '.git', reason: expect.any(String) }]);
    await set.close();
  });

  test('reads a file again as it is, however often it changes', async () => {
    await using fixture = await EvidenceFixture.make();
    const path = await fixture.file('a.json', advisory('A'));
    const first = await fixture.collect([path]);
    await writeFile(path, JSON.stringify(advisory('A', { details: 'new' })));
    const second = await fixture.collect([path]);
    expect(first.classes.advisories?.digest).not.toBe(second.classes.advisories?.digest);
    await Promise.all([first.close(), second.close()]);
  });
});
