import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOneObjectPerLine, splitLines } from '../../src/evidence/sources/split-lines.ts';
import { beginsAsList, type ListItem, ListSplitter } from '../../src/evidence/sources/split-list.ts';
import { readJson } from '../core/read-json.ts';
import { advisory } from '../fixtures/records.ts';
import { EvidenceFixture } from './fixture.ts';

const LIMIT = 1024 * 1024;

async function split(text: string, step: number): Promise<string[]> {
  const bytes = Buffer.from(text);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
  const items: ListItem[] = [];
  const splitter = new ListSplitter(LIMIT, (what) => new Error(what));
  for await (const item of splitter.split(chunks)) items.push(item);
  return items.map(({ bytes: item }) => Buffer.from(item).toString());
}

const list = fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 6 });
const indent = fc.constantFrom(undefined, 1, '\t');

test('a list comes apart into its items, however it is spelt, wrapped and cut into chunks', async () => {
  const other = fc.dictionary(
    fc.string({ maxLength: 5 }).filter((name) => /^[a-z]*$/.test(name)),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 3 },
  );
  await fc.assert(
    fc.asyncProperty(
      list,
      indent,
      fc.option(other),
      fc.integer({ min: 1, max: 40 }),
      async (items, space, wrap, step) => {
        if (wrap !== null && ('id' in wrap || 'modified' in wrap)) return;
        const text = JSON.stringify(wrap === null ? items : { ...wrap, vulns: items, more: wrap }, undefined, space);
        const found = await split(` ${text}\r\n`, step);
        expect(found.map((item) => readJson(item))).toEqual(readJson(JSON.stringify(items)));
      },
    ),
    { numRuns: 500 },
  );
});

test.each<[string, string]>([
  ['an array that is cut', '[{"a":1},{"b":'],
  ['an array without its bracket', '[{"a":1}'],
  ['text behind an array', '[1] 2'],
  ['a brace in place of the bracket', '[1}'],
  ['an object that is cut', '{"vulns":[1]'],
  ['two lists', '{"vulns":[1],"vulns":[2]}'],
  ['an escaped name', '{"\\u0076ulns":[1]}'],
  ['a record and a list', '{"vulns":[1],"id":"A"}'],
  ['an object without a list', '{"a":[1]}'],
  ['a list that is none', '{"vulns":1}'],
  ['members without a comma', '{"vulns":[1] "a":2}'],
  ['a comma at the end', '{"vulns":[1],}'],
  ['a word', 'nothing'],
])('%s is refused', async (_what, text) => {
  await expect(split(text, 5)).rejects.toThrow(/./);
});

test.each<[string, string, string[]]>([
  ['[]', 'an empty list', []],
  ['[1,]', 'a comma too many', ['1', '']],
  ['[,1]', 'a comma at the start', ['', '1']],
  ['[ {"a":"]"} , "[" ]', 'brackets in texts', ['{"a":"]"}', '"["']],
])('%s: %s gives what lies between commas', async (text, _what, items) => {
  expect(await split(text, 1)).toEqual(items);
});

test.each<[boolean, string]>([
  [true, ' [1'],
  [true, '{"vulns":['],
  [true, '{ "vulns" : ['],
  [false, '{"vulns":{'],
  [false, '{"vulnsx":['],
  [false, '{"id":"A","vulns":['],
  [false, ''],
  [false, '{'],
])('%s: a list begins with %j', (expected, text) => {
  expect(beginsAsList(Buffer.from(text))).toBe(expected);
});

describe('a list as a source', () => {
  test('withholds an item that is no JSON, and keeps the others', async () => {
    await using fixture = await EvidenceFixture.make();
    const source = await fixture.file(
      'a.json',
      `[${JSON.stringify(advisory('A'))}, {"id":"B" "x"}, ${JSON.stringify(advisory('C'))}]`,
    );
    await expect(fixture.collect([source])).rejects.toThrow(/item 2/);
    const set = await fixture.collect([source], { withholdInvalid: true });
    expect(set).toMatchObject({ kept: 2, withheldFiles: [{ name: 'item 2' }] });
    await set.close();
  });

  test('refuses a cut list even where invalid records are withheld, for nobody knows how much is lost', async () => {
    await using fixture = await EvidenceFixture.make();
    const source = await fixture.file('a.json', `[${JSON.stringify(advisory('A'))},`);
    await expect(fixture.collect([source], { withholdInvalid: true })).rejects.toMatchObject({
      code: 'ERR_EXPORT_JSON_INVALID',
      message: expect.stringContaining('truncated'),
    });
  });

  test('says when an answer of osv.dev has further pages', async () => {
    await using fixture = await EvidenceFixture.make();
    const source = await fixture.file('a.json', { vulns: [advisory('A')], next_page_token: 'abc' });
    const set = await fixture.collect([source]);
    expect(set.ignored).toMatchObject([{ name: 'a.json', reason: expect.stringContaining('further pages') }]);
    await set.close();
  });

  test('takes a record that has a member "vulns" for a record', async () => {
    await using fixture = await EvidenceFixture.make();
    const set = await fixture.collect([
      await fixture.file('a.json', { ...advisory('A'), database_specific: { vulns: [1] } }),
    ]);
    expect(set.kept).toBe(1);
    await set.close();
  });
});

test('lines come out whole whatever the chunks, without the blank ones', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 9 })), fc.integer({ min: 1, max: 12 }), async (parts, step) => {
      const bytes = Buffer.from(parts.join('\n'));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
      const found: [number, string][] = [];
      for await (const { number, bytes: line } of splitLines(chunks, 1000))
        found.push([number, Buffer.from(line).toString()]);
      const wanted = bytes
        .toString()
        .split('\n')
        .flatMap((line, index): [number, string][] => (/^[ \t\r]*$/.test(line) ? [] : [[index + 1, line]]));
      expect(found).toEqual(wanted);
    }),
    { numRuns: 300 },
  );
});

test.each<[boolean, string]>([
  [true, '{"a":"}\\""}\n{'],
  [true, '{} \r\n\n x'],
  [false, '{}'],
  [false, '{}\n \n'],
  [false, '{}{}\n{}'],
  [false, '{\n"a":1}\n{}'],
  [false, '{"a":"\n"}'],
  [false, '[]\n[]'],
])('%s: %j is an object on each line', (expected, text) => {
  expect(isOneObjectPerLine(Buffer.from(text))).toBe(expected);
});
