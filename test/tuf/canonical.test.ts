import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '#core';
import { encodeOlpc } from '../../src/tuf/metadata/canonical.ts';
import { coversPath, isStreamName, isTargetPath } from '../../src/tuf/metadata/names.ts';
import { canonical } from './simulator.ts';

const text = (value: JsonValue) => Buffer.from(encodeOlpc(value)).toString();

describe('canonical JSON', () => {
  it.each([
    [{ b: 1, a: [true, false, null] }, '{"a":[true,false,null],"b":1}'],
    [{ 'a"b\\c': 'd"e\\f/' }, '{"a\\"b\\\\c":"d\\"e\\\\f/"}'],
    [{ pem: 'a\nb' }, '{"pem":"a\nb"}'],
    [{ 10: 1, 9: 1, a: 1, A: 1 }, '{"10":1,"9":1,"A":1,"a":1}'],
  ])('of %j', (value, expected) => {
    expect(text(value)).toBe(expected);
  });

  it.each([
    ['beyond ASCII', 'ä'],
    ['a tab', 'a\tb'],
    ['a carriage return', 'a\rb'],
    ['DEL', 'a\u007fb'],
    ['a fraction', 1.5],
    ['2^53', 2 ** 53],
    ['-0', -0],
    ['a name beyond ASCII', { ä: 1 }],
  ])('refuses %s', (_, value) => {
    expect(() => encodeOlpc([value])).toThrow(RangeError);
  });

  it('is what a second implementation writes', () => {
    const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 10 });
    const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        ascii,
        fc.maxSafeInteger().map((integer) => integer + 0),
        fc.constantFrom(null, true, false),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(ascii, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(fc.property(tree, (value) => text(value) === canonical(value as never)));
  });
});

describe('names', () => {
  it('of streams have no dots, so that a target is of one stream only', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.-]{1,8}$/), fc.stringMatching(/^[a-z0-9-]{1,8}$/), (one, other) => {
        if (!isStreamName(one) || !isStreamName(other) || one === other) return;
        expect(coversPath(`${one}.*.json`, `${other}.1.json`)).toBe(false);
      }),
    );
  });

  it.each(['', '/', 'a//b', '../a', 'a/..', './a', 'a/', 'a\\b', 'a\nb', 'ä', 'a'.repeat(513)])(
    '%j is not a target path',
    (path) => {
      expect(isTargetPath(path)).toBe(false);
    },
  );

  it.each(['a', 'a/b.json', 'feed.1.json', 'a b?#%2e'])('%j is a target path', (path) => {
    expect(isTargetPath(path)).toBe(true);
  });
});
