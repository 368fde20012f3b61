import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inflateTogether, type PackedEntry } from '../../src/archive/zip/inflate-together.ts';

const pack = (content: string, level = 6): PackedEntry => {
  const bytes = Buffer.from(content);
  return { packed: deflateRawSync(bytes, { level }), crc: crc32(bytes), size: bytes.length };
};

const unpack = (entries: readonly PackedEntry[]): string[] | undefined =>
  inflateTogether(entries)?.map((bytes) => Buffer.from(bytes).toString());

test('unpacks each to what was packed', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.nat(9)), { minLength: 1 }), (contents) => {
      expect(unpack(contents.map(([content, level]) => pack(content, level)))).toEqual(contents.map(([text]) => text));
    }),
  );
});

const [a, b] = [pack('content of a'), pack('content of b, which is longer')];

/** The entry with bytes put behind its packed content. */
const followedBy = (entry: PackedEntry, ...more: Uint8Array[]): PackedEntry => ({
  ...entry,
  packed: Buffer.concat([entry.packed, ...more]),
});

/** The end of a gzip member of this content. */
const trailerOf = (content: string): Buffer => gzipSync(content).subarray(-8);

describe('leaves to a closer look', () => {
  const both = 'content of a' + 'content of b, which is longer';
  const whole = pack(both);
  const cases: readonly [string, readonly PackedEntry[]][] = [
    ['a wrong checksum', [a, { ...b, crc: 1 }]],
    ['a size too small', [{ ...a, size: a.size - 1 }, b]],
    ['a size too large', [a, { ...b, size: b.size + 1 }]],
    [
      'sizes that only come out together',
      [
        { ...a, size: b.size },
        { ...b, size: a.size },
      ],
    ],
    ['no deflate data', [a, { ...b, packed: Buffer.from('\xff\xff\xff', 'latin1') }]],
    ['content that ends early', [{ ...a, packed: a.packed.subarray(0, -2) }, b]],
    ['a byte after the content', [a, followedBy(b, Buffer.from('x'))]],
    ['zeros after the content', [followedBy(a, Buffer.alloc(9)), b]],
    ['an empty entry', [a, pack('')]],
    [
      'an empty member hidden before the content',
      [{ ...a, packed: Buffer.concat([gzipSync('').subarray(10), gzipSync('content of a').subarray(0, -8)]) }, b],
    ],
    [
      'one entry that gives the content of both and a stop',
      [followedBy(whole, trailerOf(both), Buffer.alloc(1)), b].map((entry, i) => ({
        ...entry,
        size: i === 0 ? a.size : b.size,
      })),
    ],
  ];
  test.each(cases)('%s', (_, entries) => {
    expect(inflateTogether(entries)).toBeUndefined();
  });

  test('an entry that swallows the one behind it in a stored block', () => {
    // The block takes in its own trailer and the header of the next entry, which then ends in that entry's trailer.
    const tail = Buffer.concat([trailerOf('content of a'), Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0])]);
    const length = tail.length;
    const opening = Uint8Array.of(0, length, 0, ~length & 0xff, 0xff);
    const swallowed = Buffer.concat([tail, Buffer.from('last')]);
    const [first, second] = [
      { packed: opening, crc: crc32('content of a'), size: 'content of a'.length },
      { packed: deflateRawSync('last'), crc: crc32(swallowed), size: swallowed.length },
    ];
    expect(inflateTogether([first, second])).toBeUndefined();
  });

  test('content in which the magic of gzip occurs', () => {
    const magic = Buffer.concat([Buffer.from('before '), Uint8Array.of(0x1f, 0x8b, 8), Buffer.from(' behind')]);
    const stored = { packed: deflateRawSync(magic, { level: 0 }), crc: crc32(magic), size: magic.length };
    expect(inflateTogether([a, stored])).toBeUndefined();
  });
});
