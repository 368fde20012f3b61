import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CodedError, type Digest, digestOf } from '#core';
import type { Base } from '../../../src/mirror/delta/base.ts';
import { parseBase } from '../../../src/mirror/delta/bases.ts';
import { deltaOf } from '../../../src/mirror/delta/delta-of.ts';
import { DigestSet } from '../../../src/mirror/delta/digest-set.ts';
import type { RepositoryState } from '../../../src/mirror/snapshot.ts';

const digestAt = (i: number | string): Digest => digestOf(String(i));
const mediaType = 'application/vnd.oci.image.manifest.v1+json';

function stateOf(
  name: string,
  manifests: readonly number[],
  blobs: readonly number[],
  tags: Readonly<Record<string, number>> = {},
): RepositoryState {
  return {
    name,
    tags: Object.entries(tags).map(([tag, i]) => ({ tag, digest: digestAt(i) })),
    manifests: manifests.map((i) => ({ digest: digestAt(i), mediaType, sizeBytes: i })),
    blobs: blobs.map((i) => ({ digest: digestAt(i), sizeBytes: i })),
    referrers: [],
  };
}

function baseOf(has: readonly number[], tags?: Readonly<Record<string, number>>): Base {
  const set = new DigestSet(has.map(digestAt));
  return {
    kind: 'list',
    digest: digestAt('list'),
    name: 'base',
    has: (digest) => set.has(digest),
    tags:
      tags === undefined
        ? { known: 'none' }
        : { known: 'all', digests: new Map(Object.entries(tags).map(([name, i]) => [name, digestAt(i)])) },
  };
}

const own = stateOf('mirrors/main', [900], [901]);

describe('deltaOf', () => {
  test('carries everything where there is no base', () => {
    const delta = deltaOf([stateOf('a', [1], [2], { x: 1 })], own, []);
    expect(delta.carried.map(({ sizeBytes }) => sizeBytes).toSorted()).toEqual([1, 2, 900, 901]);
    expect(delta.reliedOn).toEqual([]);
    expect(delta.tags).toEqual({ new: ['a:x'], moved: [], removed: [] });
  });

  test('always carries the snapshot itself', () => {
    const delta = deltaOf([stateOf('a', [1], [2, 901])], own, [baseOf([1, 2, 900, 901])]);
    expect(delta.carried.map(({ sizeBytes }) => sizeBytes).toSorted()).toEqual([900, 901]);
    expect(delta.reliedOn.map(({ sizeBytes }) => sizeBytes).toSorted()).toEqual([1, 2]);
  });

  test('leaves out exactly what all bases have', () => {
    const numbers = fc.array(fc.nat({ max: 30 }), { maxLength: 20 });
    fc.assert(
      fc.property(numbers, numbers, fc.array(numbers, { minLength: 1, maxLength: 3 }), (manifests, blobs, bases) => {
        const unique = [[...new Set(manifests)], [...new Set(blobs)]] as const;
        const delta = deltaOf(
          [stateOf('a', ...unique)],
          own,
          bases.map((each) => baseOf(each)),
        );
        const all = [...new Set([...manifests, ...blobs, 900, 901])];
        const omitted = all.filter((i) => i < 900 && bases.every((base) => base.includes(i)));
        const digests = (list: readonly number[]) => list.map(digestAt).toSorted();
        expect(delta.reliedOn.map(({ digest }) => digest)).toEqual(digests(omitted));
        expect(delta.carried.map(({ digest }) => digest)).toEqual(digests(all.filter((i) => !omitted.includes(i))));
      }),
    );
  });

  test('tells new, moved and removed tags by the bases that know theirs', () => {
    const state = stateOf('a', [1, 2], [], { same: 1, moved: 2, fresh: 1, some: 1 });
    const bases = [
      baseOf([], { 'a:same': 1, 'a:moved': 1, 'a:gone': 1, 'a:some': 1 }),
      baseOf([]),
      baseOf([], { 'a:same': 1, 'a:moved': 2, 'b:gone': 7 }),
    ];
    expect(deltaOf([state], own, bases).tags).toEqual({
      new: ['a:fresh', 'a:some'],
      moved: ['a:moved'],
      removed: ['a:gone', 'b:gone'],
    });
    expect(deltaOf([state], own, [baseOf([])]).tags).toBeUndefined();
  });

  test('plans 100,000 contents in bounded memory', () => {
    const numbers = Array.from({ length: 100_000 }, (_, i) => i);
    const state = stateOf('a', numbers.slice(0, 20_000), numbers.slice(20_000));
    const base = baseOf(numbers.slice(0, 99_000));
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const delta = deltaOf([state], own, [base]);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(60 * 1024 ** 2);
    expect([delta.carried.length, delta.reliedOn.length]).toEqual([1_002, 98_998]);
  });
});

describe('parseBase', () => {
  const place = { stream: 'main', ports: { open: () => Promise.reject(new Error('not opened')) } };

  test.each([
    ['main.3', 'main.3'],
    [digestAt(1), digestAt(1)],
    ['list:digests.txt', 'list:digests.txt'],
    ['registry.zone:5000', 'registry.zone:5000'],
    ['registry.zone/team/x', 'registry.zone/team/x'],
    ['registry.zone/team/', 'registry.zone/team/'],
  ])('takes %s', (text, name) => {
    expect(parseBase(text, place).name).toBe(name);
  });

  test.each(['', 'registry.zone:5000/x:tag', `registry.zone/x@${digestAt(1)}`, 'UPPER/', '../x', 'sha256:abc'])(
    'refuses %j',
    (text) => {
      expect(() => parseBase(text, place)).toThrow(CodedError);
    },
  );

  test('refuses a snapshot of another stream, a file without its kind, and a URL, with the next step', () => {
    const stream = { code: 'ERR_EXPORT_STREAM_MISMATCH', hint: expect.stringContaining('main.1') };
    expect(() => parseBase('other.3', place)).toThrow(expect.objectContaining(stream));
    const file = { code: 'ERR_EXPORT_USAGE', hint: expect.stringMatching(/list:FILE.*receipt:FILE/) };
    expect(() => parseBase('package.json', place)).toThrow(expect.objectContaining(file));
    const url = { code: 'ERR_EXPORT_USAGE', hint: expect.stringContaining('without http://') };
    expect(() => parseBase('http://registry.zone:5000', place)).toThrow(expect.objectContaining(url));
  });
});
