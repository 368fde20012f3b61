import { createHash } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { forgeTar } from '../archive/tar-forge.ts';
import { forgeZip } from '../archive/zip-forge.ts';
import { buildAll } from '../artifacts/json/building.ts';
import { advisory, vexDocument } from '../fixtures/records.ts';
import { EvidenceFixture } from './fixture.ts';

const records = [
  advisory('A-1', { details: 'brackets ]}[{ and "quotes\\" in a text,' }),
  advisory('B-2', { affected: [{ package: { ecosystem: 'npm', name: 'b' } }] }),
  advisory('C-3'),
  vexDocument('https://example.com/vex/1'),
];
const texts = records.map((record) => JSON.stringify(record, undefined, 2));
const files = texts.map((content, index) => ({ name: `adv/${index}.json`, content }));
const lines = `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;
const array = `[\n${texts.join(',\n')}\n]\n`;
const wrapped = `{"vulns": ${array}}`;

/** AppleDouble as macOS writes it: magic, version, filler, one entry (RFC 1740). */
const appleDouble = Buffer.concat([
  Buffer.from('0005160700020000', 'hex'),
  Buffer.alloc(16),
  Buffer.from('00010000000900000032000000', 'hex'),
  Buffer.from('com.apple.quarantine {"id":"X","modified":"2026-01-01T00:00:00Z"}'),
]);
const finder = Buffer.from('00000001427564310000100000000800', 'hex');
const paxRecord = '30 mtime=1700000000.123456789\n27 SCHILY.xattr.user.a=value\n';

/** What packers leave beside records, under names that records have. */
const leftovers = [
  { name: '__MACOSX/adv/._0.json', content: appleDouble },
  { name: 'adv/._1.json', content: appleDouble },
  { name: 'adv/.AppleDouble/2.json', content: appleDouble },
  { name: 'adv/AppleSingle.json', content: Buffer.concat([Buffer.from('00051600', 'hex'), appleDouble.subarray(4)]) },
  { name: 'adv/.DS_Store', content: finder },
  { name: 'adv/PaxHeaders.4711/3.json', content: paxRecord },
  { name: 'adv/PaxHeaders/3.json', content: paxRecord },
];

function asFiles(entries: readonly { name: string; content: string | Uint8Array }[]) {
  return Object.fromEntries(entries.map(({ name, content }) => [name, content]));
}

/** Digests of all layers of a `json:raw` bundle of a source. */
async function layersOf(fixture: EvidenceFixture, source: string): Promise<string[]> {
  const set = await fixture.collect([source]);
  try {
    return (await buildAll(set)).files.map(({ path, digest }) => `${path} ${digest}`);
  } finally {
    await set.close();
  }
}

describe('one set of records', () => {
  const forms: Record<string, [name: string, content: string | Uint8Array]> = {
    'a zip': ['x.zip', forgeZip(files)],
    'a zip of macOS': ['x.zip', forgeZip([...leftovers, ...files])],
    'a tar': ['x.tar', forgeTar(files)],
    'a tar of macOS': ['x.tar', forgeTar([...files, ...leftovers])],
    'a tar.gz of macOS': ['x.tgz', gzipSync(forgeTar([...leftovers, ...files]))],
    lines: ['x.jsonl', lines],
    'lines of Windows': ['x.ndjson', lines.replaceAll('\n', '\r\n')],
    'lines without an end': ['x.jsonl', lines.trimEnd()],
    'lines under the name of a document': ['x.json', lines],
    'lines under no name': ['x', lines],
    'packed lines': ['x.jsonl.gz', gzipSync(lines)],
    'packed lines in several members': [
      'x.jsonl.gz',
      Buffer.concat([gzipSync(lines.slice(0, 99)), gzipSync(lines.slice(99))]),
    ],
    'lines packed by zstd': ['x.jsonl.zst', zstdCompressSync(lines)],
    'packed lines under no name': ['x', zstdCompressSync(lines)],
    'an array': ['x.json', array],
    'an array under no name': ['x', array],
    'a packed array': ['x.json.gz', gzipSync(array)],
    'an answer of osv.dev': ['x.json', wrapped],
    'a packed answer of osv.dev': ['x.json.zst', zstdCompressSync(wrapped)],
    'an answer whose list comes last': ['x.json', `{"a": {"vulns": [1]}, "b": "]", "vulns": ${array}}`],
    'an answer with members behind the list': ['x.json', `{"vulns": ${array}, "more": [{"id": "]}"}]}`],
    'a zip of lines': ['x.zip', forgeZip([{ name: 'all.jsonl', content: lines }])],
    'a tar of packed lines': ['x.tar', forgeTar([{ name: 'all.jsonl.zst', content: zstdCompressSync(lines) }])],
    'a zip of an array': ['x.zip', forgeZip([{ name: 'all.json', content: array }])],
  };

  test.each(Object.keys(forms))('gives the layers that a folder of files gives, as %s', async (form) => {
    await using fixture = await EvidenceFixture.make();
    const wanted = await layersOf(fixture, await fixture.folder(asFiles(files)));
    expect(wanted.length).toBe(5);
    const [name, content] = forms[form] as [string, string];
    expect(await layersOf(fixture, await fixture.file(name, content))).toEqual(wanted);
  });

  test('gives the same as a folder in many forms at once, with what packers leave', async () => {
    await using fixture = await EvidenceFixture.make();
    const wanted = await layersOf(fixture, await fixture.folder(asFiles(files)));
    const [a, b, , d] = texts as [string, string, string, string];
    const mixed = await fixture.folder({
      ...asFiles(leftovers),
      'a.json': a,
      'deep/b.json.gz': gzipSync(b),
      'c.jsonl': JSON.stringify(records[2]),
      'd.json': `[${d}]`,
      'again.jsonl.zst': zstdCompressSync(lines),
    });
    expect(await layersOf(fixture, mixed)).toEqual(wanted);
    const set = await fixture.collect([mixed]);
    expect(set.ignored.map(({ name }) => name).sort()).toEqual(leftovers.map(({ name }) => name).sort());
    for (const { reason } of set.ignored) expect(reason).toMatch(/AppleDouble|Finder|pax header/);
    await set.close();
  });
});

test('takes a file that is called like AppleDouble and is a record for a record', async () => {
  await using fixture = await EvidenceFixture.make();
  const set = await fixture.collect([
    await fixture.folder({ '._a.json': advisory('A'), '__MACOSX/b.json': advisory('B') }),
  ]);
  expect([set.kept, set.ignored]).toEqual([2, []]);
  await set.close();
});

test('refuses a file in PaxHeaders that is neither a pax header nor a record', async () => {
  await using fixture = await EvidenceFixture.make();
  const folder = await fixture.folder({ 'PaxHeaders.1/a.json': '30 thousand', 'a.json': advisory('A') });
  await expect(fixture.collect([folder])).rejects.toMatchObject({ code: 'ERR_EXPORT_JSON_INVALID' });
});

test('passes over AppleDouble that is too large to look at in an archive', async () => {
  await using fixture = await EvidenceFixture.make();
  const large = { name: '__MACOSX/._big.json', content: Buffer.alloc(17 * 1024 * 1024, 0x20), stored: true };
  const set = await fixture.collect([await fixture.file('x.zip', forgeZip([large, ...files]))]);
  expect(set.kept).toBe(4);
  await set.close();
});

describe('text that is not plain UTF-8', () => {
  const text = JSON.stringify(advisory('A'));
  const utf16 = Buffer.from(text, 'utf16le');
  const swapped = Buffer.from(utf16).swap16();
  const utf32 = Buffer.concat([...text].map((char) => Buffer.from([char.charCodeAt(0), 0, 0, 0])));
  const mark = (hex: string, bytes: Uint8Array) => Buffer.concat([Buffer.from(hex, 'hex'), bytes]);
  const kinds: [string, string, Buffer][] = [
    ['a UTF-8 byte order mark', 'byte order mark', mark('efbbbf', Buffer.from(text))],
    ['UTF-16 with a mark', 'UTF-16', mark('fffe', utf16)],
    ['UTF-16 in the other order', 'UTF-16', mark('feff', swapped)],
    ['UTF-16 without a mark', 'UTF-16', utf16],
    ['UTF-16 without a mark in the other order', 'UTF-16', swapped],
    ['UTF-32 with a mark', 'UTF-32', mark('fffe0000', utf32)],
    ['UTF-32 without a mark', 'UTF-32', utf32],
  ];

  test.each(kinds)(
    'names %s in a file, a folder, archives, packed files, lists and lines',
    async (_what, said, bytes) => {
      await using fixture = await EvidenceFixture.make();
      const sources = [
        await fixture.file('a.json', bytes),
        await fixture.folder({ 'a.json': bytes }),
        await fixture.file('x.zip', forgeZip([{ name: 'a.json', content: bytes }])),
        await fixture.file('x.tar', forgeTar([{ name: 'a.json', content: bytes }])),
        await fixture.file('a.json.gz', gzipSync(bytes)),
        await fixture.file('a.jsonl', bytes),
        await fixture.file('a.jsonl.zst', zstdCompressSync(bytes)),
        await fixture.file('a.json', Buffer.concat([Buffer.from('['), bytes, Buffer.from(']')])),
      ];
      for (const source of sources) {
        await expect(fixture.collect([source]), source).rejects.toMatchObject({
          code: 'ERR_EXPORT_JSON_INVALID',
          message: expect.stringContaining(said),
          hint: expect.stringMatching(/without a byte order mark/),
        });
      }
      await expect(fixture.collect([await fixture.file('a', bytes)])).rejects.toThrow(said);
    },
  );

  test('withholds the first line alone for a byte order mark before lines', async () => {
    await using fixture = await EvidenceFixture.make();
    const source = await fixture.file('a.jsonl', mark('efbbbf', Buffer.from(lines)));
    const set = await fixture.collect([source], { withholdInvalid: true });
    expect(set).toMatchObject({ kept: 3, withheldFiles: [{ name: 'line 1' }] });
    await set.close();
  });

  test('does not call zeros a text', async () => {
    await using fixture = await EvidenceFixture.make();
    for (const bytes of [Buffer.alloc(64), mark('7b', Buffer.alloc(63))]) {
      await expect(fixture.collect([await fixture.file('a.json', bytes)])).rejects.toMatchObject({
        message: expect.not.stringMatching(/UTF-(?:16|32)/),
      });
    }
  });
});

describe('packings that are not read', () => {
  const kinds: [string, string, string][] = [
    ['xz', 'fd377a585a000004', 'xz -d'],
    ['bzip2', '425a6839314159265359', 'bzip2 -d'],
    ['7z', '377abcaf271c0004', '7z x'],
    ['rar', '526172211a070100', 'unrar x'],
    ['lz4', '04224d186440a7', 'lz4 -d'],
    ['compress (.Z)', '1f9d90', 'gzip -d'],
  ];

  test.each(kinds)('names %s by its magic, and how to unpack it', async (name, hex, command) => {
    await using fixture = await EvidenceFixture.make();
    const bytes = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(600, 0x55)]);
    for (const source of [await fixture.file('x.tar', bytes), await fixture.folder({ 'x.json': bytes })]) {
      await expect(fixture.collect([source])).rejects.toMatchObject({
        code: 'ERR_EXPORT_SOURCE_UNREADABLE',
        message: expect.stringContaining(`${name} data`),
        hint: expect.stringContaining(command),
      });
    }
    const set = await fixture.collect([await fixture.folder({ 'a.json': advisory('A'), 'x.bin': bytes })]);
    expect(set.ignored[0]?.reason).toContain(command);
    await set.close();
  });

  test('names an archive within a source, and takes nothing from it', async () => {
    await using fixture = await EvidenceFixture.make();
    const inner = forgeZip(files);
    const packed = { 'x.zip': inner, 'x.tgz': gzipSync(forgeTar(files)), 'x.gz.gz': gzipSync(gzipSync(lines)) };
    for (const [name, content] of Object.entries(packed)) {
      const refused = fixture.collect([await fixture.file('outer.zip', forgeZip([{ name, content }]))]);
      await expect(refused, name).rejects.toMatchObject({
        code: 'ERR_EXPORT_SOURCE_EMPTY',
        message: expect.stringContaining('specify it as another source'),
      });
    }
  });

  test('says how to repack zstd data with a window above the limit', async () => {
    await using fixture = await EvidenceFixture.make();
    const frame = Buffer.from('28b52ffd00a8010000', 'hex');
    for (const source of [await fixture.file('x.jsonl.zst', frame), await fixture.folder({ 'x.json.zst': frame })]) {
      await expect(fixture.collect([source])).rejects.toMatchObject({ hint: 'repack it with zstd --long=27 or less' });
    }
  });
});

/** 8 kB that hardly pack, the same for the same number. */
function randomText(seed: number): string {
  return Buffer.concat(
    Array.from({ length: 125 }, (_, n) => createHash('sha256').update(`${seed} ${n}`).digest()),
  ).toString('hex');
}

describe('limits', () => {
  test('reads lists and packed files far larger than a record, one record at a time', async () => {
    await using fixture = await EvidenceFixture.make();
    const many = Array.from({ length: 3000 }, (_, n) => JSON.stringify(advisory(`A-${n}`, { details: randomText(n) })));
    const wanted = await fixture.collect([await fixture.file('all.jsonl', many.join('\n'))]);
    const sources = [
      await fixture.file('all.json', `[${many.join(',')}]`),
      await fixture.file('all.json', `{"vulns":[${many.join(',')}]}`),
      await fixture.folder({ 'all.json': `[${many.join(',')}]` }),
      await fixture.folder({ 'all.jsonl': many.join('\n') }),
      await fixture.file('all.jsonl.zst', zstdCompressSync(many.join('\n'))),
    ];
    for (const source of sources) {
      const set = await fixture.collect([source]);
      expect(set.classes, source).toEqual(wanted.classes);
      await set.close();
    }
    await wanted.close();
  });

  test('refuses one record over the limit in every form, without reading it to its end', async () => {
    await using fixture = await EvidenceFixture.make();
    const long = `{"id":"A","modified":"2026-01-01T00:00:00Z","details":"${'x'.repeat(17 * 1024 * 1024)}`;
    const sources = [
      await fixture.file('a.json', `[${long}`),
      await fixture.file('a.json', `{"vulns":[${long}`),
      await fixture.file('a.jsonl.gz', gzipSync(long, { level: 1 })),
      await fixture.file('a.json.gz', gzipSync(long, { level: 1 })),
      await fixture.folder({ 'a.json': `${long}"}` }),
    ];
    for (const source of sources) {
      await expect(fixture.collect([source], { withholdInvalid: true }), source).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_EXPORT_(?:RECORD_TOO_LARGE|ARCHIVE_LIMIT)$/),
      });
    }
  });

  test('ends packed files that unpack to far too much, one and many', async () => {
    await using fixture = await EvidenceFixture.make();
    const blank = zstdCompressSync(Buffer.alloc(24 * 1024 * 1024, 0x0a));
    const small = zstdCompressSync(Buffer.alloc(3 * 1024 * 1024, 0x0a));
    const many = Array.from({ length: 12 }, (_, n) => ({ name: `${n}.jsonl.zst`, content: small, stored: true }));
    const sources = [
      await fixture.file('x.jsonl.zst', blank),
      await fixture.file('x.zip', forgeZip(many)),
      await fixture.folder(asFiles(many)),
    ];
    for (const source of sources) {
      await expect(fixture.collect([source]), source).rejects.toMatchObject({ code: 'ERR_EXPORT_ARCHIVE_LIMIT' });
    }
  });

  test('does not hold a sparse file of hundreds of gigabytes', async () => {
    await using fixture = await EvidenceFixture.make();
    const source = await fixture.file('a.json', `[${texts[0]},`);
    await truncate(source, 200 * 1024 ** 3);
    await expect(fixture.collect([source], { withholdInvalid: true })).rejects.toMatchObject({
      code: 'ERR_EXPORT_RECORD_TOO_LARGE',
    });
  });

  test('refuses a damaged packed file', async () => {
    await using fixture = await EvidenceFixture.make();
    for (const bytes of [gzipSync(lines), zstdCompressSync(lines)]) {
      await expect(fixture.collect([await fixture.file('x.jsonl.gz', bytes.subarray(0, -3))])).rejects.toMatchObject({
        code: 'ERR_EXPORT_ARCHIVE_INVALID',
      });
    }
  });
});
