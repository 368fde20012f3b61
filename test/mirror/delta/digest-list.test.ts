import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '#core';
import { DigestSet, digestOfList, encodeDigestList, readDigestList } from '#mirror';
import type { ByteStream } from '#oci/image';

const digestAt = (i: number): Digest => digestOf(String(i));
const long = digestOf('long', 'sha512');

async function* inParts(text: string, size = 7): ByteStream {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size));
}

const read = (text: string, size?: number) => readDigestList(inParts(text, size), 'list');
const textOf = (set: DigestSet) =>
  Buffer.concat([...encodeDigestList(set)].map((chunk) => Buffer.from(chunk))).toString();
const linesOf = (digests: readonly string[]) => digests.map((digest) => `${digest}\n`).join('');

describe('a digest list', () => {
  test('is read in any order and written in byte order, each digest once', async () => {
    const digests = Array.from({ length: 3000 }, (_, i) => digestAt(i));
    const set = await read(linesOf([long, ...digests, ...digests.slice(0, 5)]));
    expect(set.size).toBe(3001);
    expect(textOf(set)).toBe(linesOf([...digests, long].toSorted()));
    expect(digestOfList(set)).toBe(digestOf(linesOf([...digests, long].toSorted())));
  });

  test('has the same digest whatever the order and the chunks', async () => {
    const digests = [1, 2, 3].map(digestAt);
    const [one, other] = [await read(linesOf(digests), 1), await read(linesOf(digests.toReversed()), 500)];
    expect(digestOfList(one)).toBe(digestOfList(other));
  });

  test('may be empty', async () => {
    const set = await read('');
    expect([set.size, textOf(set)]).toEqual([0, '']);
  });

  const good = digestAt(1);
  const bad: readonly (readonly [string, string, string])[] = [
    ['an empty line', '\n', 'line 2: not a digest: ""'],
    ['upper-case hex', `${good.toUpperCase()}\n`, 'line 2: not a digest: "SHA256:'],
    ['upper-case digits', `sha256:${'A'.repeat(64)}\n`, 'line 2: not a digest'],
    ['a carriage return', `${good}\r\n`, 'line 2: not a digest'],
    ['a space before it', ` ${good}\n`, 'line 2: not a digest'],
    ['another algorithm', `sha384:${'a'.repeat(96)}\n`, 'line 2: not a digest'],
    ['a digit too few', `${good.slice(0, -1)}\n`, 'line 2: not a digest'],
    ['a digit that is none', `${good.slice(0, -1)}g\n`, 'line 2: not a digest'],
    ['sha512 with the length of sha256', `sha512:${'a'.repeat(64)}\n`, 'line 2: not a digest'],
    ['a line without end', 'a'.repeat(100_000), 'line 2: not a digest'],
    ['bytes that are not ASCII', `sha256:${'é'.repeat(32)}\n`, 'line 2: not a digest'],
    ['no line feed at the end', good, 'line 2: no line feed at its end'],
  ];
  test.each(bad)('is refused with %s, naming the line', async (_, line, message) => {
    for (const size of [1, 50, 200_000]) {
      await expect(read(`${good}\n${line}`, size)).rejects.toMatchObject({
        code: 'ERR_EXPORT_DIGEST_INVALID',
        message: expect.stringContaining(`list: ${message}`),
        details: { name: 'list', line: 2 },
      });
    }
  });

  test('is refused above a million digests', async () => {
    const line = Buffer.from(`${good}\n`);
    async function* lines(count: number): ByteStream {
      const chunk = Buffer.concat(Array.from({ length: 1000 }, () => line));
      for (let i = 0; i < count / 1000; i++) yield chunk;
    }
    expect((await readDigestList(lines(1_000_000), 'list')).size).toBe(1);
    await expect(readDigestList(lines(1_001_000), 'list')).rejects.toMatchObject({
      code: 'ERR_EXPORT_TOO_LARGE',
      message: 'list: more than 1,000,000 digests',
    });
  });
});

describe('a set of digests', () => {
  test('agrees with a set of texts', () => {
    const digests = fc.array(fc.nat({ max: 400 }).map((i) => (i % 3 === 0 ? digestOf(`${i}`, 'sha512') : digestAt(i))));
    fc.assert(
      fc.property(digests, digests, (some, others) => {
        const set = new DigestSet(some);
        const texts = new Set(some);
        expect(set.size).toBe(texts.size);
        for (const digest of [...some, ...others]) expect(set.has(digest)).toBe(texts.has(digest));
        expect(textOf(set)).toBe(linesOf([...texts].toSorted()));
      }),
    );
  });

  test('has nothing that is not a digest, and takes none', () => {
    const set = new DigestSet([long, digestAt(1)]);
    for (const text of ['', 'sha256:', `${long}0`, `${digestAt(1)}\n`, digestAt(1).slice(7)] as Digest[]) {
      expect(set.has(text)).toBe(false);
      expect(() => set.add(text)).toThrow(TypeError);
    }
  });

  test('takes a million digests that begin alike in bounded memory', async () => {
    async function* alike(): ByteStream {
      for (let i = 0; i < 1000; i++) {
        const hex = (j: number) => (i * 1000 + j).toString(16).padStart(64, '0');
        yield Buffer.from(Array.from({ length: 1000 }, (_, j) => `sha256:${hex(j)}\n`).join(''));
      }
    }
    globalThis.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    const set = await readDigestList(alike(), 'list');
    expect(set.size).toBe(1_000_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(120 * 1024 ** 2);
    const hash = createHash('sha256');
    for (const chunk of encodeDigestList(set)) hash.update(chunk);
    const wanted = createHash('sha256');
    for await (const chunk of alike()) wanted.update(chunk);
    expect(hash.digest('hex')).toBe(wanted.digest('hex'));
  });
});
