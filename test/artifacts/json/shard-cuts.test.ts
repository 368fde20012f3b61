import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareText } from '#core';
import { chooseK, ShardCuts, shardName } from '../../../src/artifacts/json/shard-cuts.ts';

/** Zero bits at the end of the SHA-256 of a key, counted on the number itself. */
function zerosOf(key: string): number {
  const number = BigInt(`0x${createHash('sha256').update(key).digest('hex')}`);
  let zeros = 0;
  while ((number >> BigInt(zeros)) % 2n === 0n) zeros++;
  return zeros;
}

function cutsOf(keys: readonly string[]): ShardCuts {
  const cuts = new ShardCuts();
  for (const key of keys) cuts.add(key);
  return cuts;
}

/** The shards, each as the list of its keys. */
function shardsOf(keys: readonly string[], k: number): string[][] {
  const starts = cutsOf(keys).startsFor(k);
  return starts.map((start, at) => keys.slice(start, starts[at + 1] ?? keys.length));
}

/** Ids as they occur, from a number that decides all of them. */
function idsOf(count: number, seed: number): string[] {
  return Array.from({ length: count }, (_, i) => `GO-20${20 + (i % 7)}-${seed}${String(i).padStart(4, '0')}`).sort(
    compareText,
  );
}

const ids = fc.tuple(fc.integer({ min: 1, max: 900 }), fc.nat(9999)).map(([count, seed]) => idsOf(count, seed));
const ks = fc.integer({ min: 0, max: 9 });

test('shards hold every key once, in order', () => {
  fc.assert(
    fc.property(ids, ks, (keys, k) => {
      expect(shardsOf(keys, k).flat()).toEqual(keys);
    }),
  );
});

test('a shard begins at every key with k zero bits', () => {
  fc.assert(
    fc.property(ids, ks, (keys, k) => {
      const firsts = new Set(shardsOf(keys, k).map(([first]) => first));
      for (const key of keys) if (zerosOf(key) >= k) expect(firsts).toContain(key);
    }),
  );
});

test('no shard has more than 2^(k+1) records', () => {
  fc.assert(
    fc.property(ids, ks, (keys, k) => {
      for (const shard of shardsOf(keys, k)) expect(shard.length).toBeLessThanOrEqual(2 ** (k + 1));
    }),
  );
});

test('a larger k only unites neighbours', () => {
  fc.assert(
    fc.property(ids, ks, (keys, k) => {
      const fine = new Set(cutsOf(keys).startsFor(k));
      for (const start of cutsOf(keys).startsFor(k + 1)) expect(fine).toContain(start);
    }),
  );
});

test('a key that comes or goes touches only shards between the next keys with k zero bits', () => {
  fc.assert(
    fc.property(ids, fc.integer({ min: 2, max: 6 }), fc.nat(), (keys, k, pick) => {
      const at = pick % keys.length;
      const key = keys[at] as string;
      const without = keys.filter((other) => other !== key);
      const before = without.findLast((other, i) => i < at && zerosOf(other) >= k) ?? '';
      const after = without.find((other, i) => i >= at && zerosOf(other) >= k);
      const touched = (shard: readonly string[]) =>
        compareText(shard[0] as string, before) >= 0 &&
        (after === undefined || compareText(shard[0] as string, after) < 0);
      const untouched = (all: readonly string[][]) => all.filter((shard) => !touched(shard));
      expect(untouched(shardsOf(without, k))).toEqual(untouched(shardsOf(keys, k)));
    }),
  );
});

describe('names', () => {
  const keys = fc.uniqueArray(
    fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom('a', 'B', '-', '.', 'é', '😀', '￮') }),
    {
      minLength: 1,
      maxLength: 300,
    },
  );

  test('are unique and in the order of keys, however much keys have in common', () => {
    fc.assert(
      fc.property(keys, ks, fc.constantFrom('', 'x'.repeat(38)), (some, k, prefix) => {
        const sorted = some.map((key) => prefix + key).sort(compareText);
        const names = shardsOf(sorted, k).map(([first]) => shardName(first as string));
        expect(new Set(names).size).toBe(names.length);
        expect(names.toSorted()).toEqual(names);
      }),
    );
  });

  test('are the key in hex', () => {
    expect(shardName('GO-2021-0053')).toBe('474f2d323032312d30303533');
    expect(shardName(`openvex/${'0'.repeat(64)}`)).toBe(Buffer.from(`openvex/${'0'.repeat(32)}`).toString('hex'));
  });
});

describe('chooseK', () => {
  test('is 5 while that is few enough, and then the first that is', () => {
    const classes = [cutsOf(idsOf(5000, 1)), cutsOf(idsOf(3000, 2))];
    const shards = (k: number) => classes.reduce((sum, cuts) => sum + cuts.startsFor(k).length, 0);
    expect(chooseK(classes, 100_000)).toBe(5);
    for (const limit of [200, 60, 20, 2]) {
      const k = chooseK(classes, limit);
      expect(shards(k)).toBeLessThanOrEqual(limit);
      expect(shards(k - 1)).toBeGreaterThan(limit);
    }
  });

  test('takes keys chosen to have no zero bits, or too many', () => {
    const odd = idsOf(4000, 3).filter((key) => zerosOf(key) === 0);
    const even = idsOf(4000, 4).filter((key) => zerosOf(key) >= 3);
    for (const keys of [odd, even]) {
      const cuts = cutsOf(keys);
      expect(cuts.startsFor(chooseK([cuts], 10)).length).toBeLessThanOrEqual(10);
    }
  });
});
