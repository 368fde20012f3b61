import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openArchive } from '#archive';
import { isCoded } from '#core';
import { defaultLimits } from '../../src/archive/limits.ts';
import { TarReader } from '../../src/archive/tar/reader.ts';
import { Folder, inChunks, readAll } from './reading.ts';
import { type ForgedFile, forgeFile, forgePax, forgeTar } from './tar-forge.ts';

const run = promisify(execFile);

let folder: Folder;
beforeAll(async () => {
  folder = await Folder.make();
});
afterAll(() => folder[Symbol.asyncDispose]());

const read = async (files: readonly ForgedFile[]) => await readAll(await folder.write(forgeTar(files)));

const invalid = { code: 'ERR_EXPORT_ARCHIVE_INVALID' };
const unsafe = { code: 'ERR_EXPORT_ARCHIVE_UNSAFE' };
const two: readonly ForgedFile[] = [
  { name: 'a.json', content: '{"id":"A"}' },
  { name: 'deep/b.json', content: 'B'.repeat(1300) },
];
const twoContents = two.map(({ name, content }) => [name, content]);

describe('what stock tar writes', () => {
  const long = `${'f'.repeat(90)}/${'g'.repeat(120)}/${'h'.repeat(200)}.json`;
  const expected = [
    ['a.json', '{}'],
    ['empty', ''],
    [long, 'long'],
    ['größe/b.json', 'x'.repeat(70_000)],
  ] as const;
  let source: string;
  beforeAll(async () => {
    source = join(folder.path, 'source');
    for (const [path, content] of expected) {
      await mkdir(join(source, path, '..'), { recursive: true });
      await writeFile(join(source, path), content);
    }
  });

  test.each(['gnu', 'pax', 'posix', 'oldgnu'])('in its format %s', async (format) => {
    const tar = join(folder.path, `${format}.tar`);
    await run('tar', [`--format=${format}`, '-cf', tar, '-C', source, '.']);
    const contents = await readAll(tar);
    const paths = ([path]: readonly [string, string]) => path;
    expect(contents?.map(paths).sort()).toEqual(expected.map(paths).toSorted());
    for (const [path, content] of expected) expect(contents).toContainEqual([path, content]);
  });

  test.each(['ustar', 'v7'])('in its format %s, which has no room for long names', async (format) => {
    const tar = join(folder.path, `${format}.tar`);
    await run('tar', [`--format=${format}`, '-cf', tar, '-C', source, 'a.json', 'größe', 'empty']);
    expect(await readAll(tar)).toEqual([expected[0], expected[3], expected[1]]);
  });

  test('with a link, which is refused', async () => {
    await run('ln', ['-s', '/etc/passwd', join(source, 'link')]);
    await run('tar', ['-cf', join(folder.path, 'link.tar'), '-C', source, '.']);
    await rm(join(source, 'link'));
    await expect(readAll(join(folder.path, 'link.tar'))).rejects.toMatchObject(unsafe);
  });

  test('with holes, which is refused', async () => {
    await run('truncate', ['-s', '3000000', join(source, 'holes')]);
    for (const format of ['gnu', 'pax']) {
      const tar = join(folder.path, 'holes.tar');
      await run('tar', ['--sparse', `--format=${format}`, '-cf', tar, '-C', source, 'holes']);
      await expect(readAll(tar)).rejects.toMatchObject(invalid);
    }
    await rm(join(source, 'holes'));
  });

  test('by appending a newer file of the same name, which is refused', async () => {
    const tar = join(folder.path, 'append.tar');
    await run('tar', ['-cf', tar, '-C', source, 'a.json']);
    await run('tar', ['-rf', tar, '-C', source, 'a.json']);
    await expect(readAll(tar)).rejects.toMatchObject(unsafe);
  });
});

describe('reads', () => {
  test('files, and passes over folders', async () => {
    expect(await read([{ name: 'deep', type: '5' }, { name: 'old/' }, ...two])).toEqual(twoContents);
  });

  test('an archive without entries, which is zeros only', async () => {
    expect(await read([])).toEqual([]);
  });

  test('names split by a prefix, which only POSIX headers have', async () => {
    const prefixed = { name: 'n', prefix: 'p/q', content: '1' };
    expect(await read([prefixed])).toEqual([['p/q/n', '1']]);
    expect(await read([{ ...prefixed, magic: 'ustar  \0' }])).toEqual([['n', '1']]);
  });

  test('a size in base 256, a sum of signed bytes, and the oldest form of a file', async () => {
    const size = Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3);
    expect(await read([{ name: 'a', content: 'abc', size }])).toEqual([['a', 'abc']]);
    expect(await read([{ name: 'größe', content: '1', signedSum: true }])).toEqual([['größe', '1']]);
    expect(await read([{ name: 'v7', content: '1', type: '\0', magic: '' }])).toEqual([['v7', '1']]);
  });

  test('a comment for the whole archive, as git archive writes it', async () => {
    expect(await read([forgePax({ comment: '0123abcd' }, 'g'), ...two])).toEqual(twoContents);
  });

  test('extended headers that name and measure the next entry', async () => {
    const lying = { name: 'short', content: 'abc', size: '00000000000\0' };
    expect(await read([forgePax({ path: 'ü/long', size: '3', mtime: '1.5' }), lying])).toEqual([['ü/long', 'abc']]);
  });
});

describe('refuses as unsafe', () => {
  test.each(['../a', 'a/../../b', '/a', 'C:/a', 'a\\b'])('the name %j', async (name) => {
    await expect(read([{ name, content: '1' }])).rejects.toMatchObject({ ...unsafe, details: { entry: name } });
    await expect(read([forgePax({ path: name }), { name: 'a' }])).rejects.toMatchObject(unsafe);
    await expect(
      read([{ name: '././@LongLink', type: 'L', content: `${name}\0` }, { name: 'a' }]),
    ).rejects.toMatchObject(unsafe);
  });

  test.each(['1', '2', '3', '4', '6'])('an entry of kind %s', async (type) => {
    await expect(read([{ name: 'a', type }])).rejects.toMatchObject(unsafe);
  });

  test('a link with a long name', async () => {
    const target = { name: '././@LongLink', type: 'K', content: `${'x'.repeat(200)}\0` };
    await expect(read([target, { name: 'a', type: '2' }])).rejects.toMatchObject(unsafe);
  });

  test('a NUL within an extended name, and a name that is there twice', async () => {
    await expect(read([forgePax({ path: 'a\0b' }), { name: 'a' }])).rejects.toMatchObject(unsafe);
    await expect(read([...two, { name: './a.json' }])).rejects.toMatchObject(unsafe);
  });
});

describe('refuses as invalid', () => {
  const cases: readonly [string, readonly ForgedFile[]][] = [
    ['a size that is no number', [{ name: 'a', size: 'zzzzzzzzzzz\0' }]],
    ['a negative size', [{ name: 'a', size: Buffer.alloc(12, 0xff) }]],
    ['an impossible size', [{ name: 'a', size: Uint8Array.of(0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }]],
    ['a size beyond the end', [{ name: 'a', content: 'abc', size: '00000007777\0' }]],
    ['a directory with content', [{ name: 'a', type: '5', size: '00000000001\0' }]],
    ['a kind that is not known', [{ name: 'a', type: 'S' }]],
    ['a volume of several', [{ name: 'a', type: 'M' }]],
    ['no name', [{ name: '' }]],
    ['a global header that renames', [forgePax({ path: 'b' }, 'g'), { name: 'a' }]],
    ['an extended header for no entry', [...two, forgePax({ path: 'b' })]],
    ['an extended header without end', [{ name: 'p', type: 'x', content: '99 path=a\n' }, { name: 'a' }]],
    ['an extended header without length', [{ name: 'p', type: 'x', content: 'path=a\n' }, { name: 'a' }]],
    ['an extended header of length 0', [{ name: 'p', type: 'x', content: '0 path=a\n' }, { name: 'a' }]],
    [
      'an extended header that is no UTF-8',
      [{ name: 'p', type: 'x', content: Buffer.from('9 path=\xff\n', 'latin1') }, { name: 'a' }],
    ],
    ['an extended size that is none', [forgePax({ size: '-1' }), { name: 'a' }]],
    ['an extended header of two mebibytes', [forgePax({ comment: 'x'.repeat(2 ** 21) }), { name: 'a' }]],
    ['a sparse file', [forgePax({ 'GNU.sparse.major': '1' }), { name: 'a' }]],
  ];
  test.each(cases)('%s', async (_, files) => {
    await expect(read([{ name: 'first' }, ...files])).rejects.toMatchObject(invalid);
  });

  test('bytes after the end, such as a second archive', async () => {
    const joined = Buffer.concat([forgeTar(two), forgeTar([{ name: 'c' }])]);
    await expect(readAll(await folder.write(joined))).rejects.toMatchObject(invalid);
    const padded = Buffer.concat([forgeTar(two), Buffer.alloc(10_240)]);
    expect(await readAll(await folder.write(padded))).toEqual(twoContents);
  });

  test('an archive cut short anywhere, between entries too', async () => {
    const tar = forgeTar([forgePax({ path: 'long' }), ...two]);
    for (let length = 512; length < tar.length; length += 128) {
      await expect(readAll(await folder.write(tar.subarray(0, length))), `cut at ${length}`).rejects.toMatchObject(
        invalid,
      );
    }
  });

  test('a header of which any byte changed', async () => {
    const tar = forgeTar(two);
    await fc.assert(
      fc.asyncProperty(fc.nat(511), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = Buffer.from(tar);
        damaged[1024 + at] = (damaged[1024 + at] ?? 0) ^ change;
        // A changed digit of the sum is written back by nothing; a changed space around it is no harm.
        const after = await readAll(await folder.write(damaged)).catch((error: unknown) => error);
        if (at < 148 || at > 155 || isCoded(after)) expect(after).toMatchObject(invalid);
        else expect(after).toEqual(twoContents);
      }),
    );
  });
});

test('the same entries however the bytes arrive', async () => {
  const tar = forgeTar([forgePax({ path: 'long/name' }), ...two, { name: 'c', content: 'C'.repeat(5000) }]);
  const expected = await readAll(await folder.write(tar));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 20 }), async (sizes) => {
      const chunks = () => inChunks(tar, sizes);
      const reader = new TarReader({ format: 'tar', chunks, close: async () => undefined }, 'x', defaultLimits);
      const contents: [string, string][] = [];
      for await (const entry of reader.entries()) {
        contents.push([entry.path, Buffer.from(await entry.read()).toString('latin1')]);
      }
      expect(contents).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

describe.each([
  ['gzip', (bytes: Uint8Array) => gzipSync(bytes)],
  ['zstd', (bytes: Uint8Array) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
] as const)('tar in %s', (_, pack) => {
  const tar = forgeTar(two);
  const packed = pack(tar);

  test('in one piece or several', async () => {
    expect(await readAll(await folder.write(packed))).toEqual(twoContents);
    const pieces = Buffer.concat([pack(tar.subarray(0, 700)), pack(tar.subarray(700))]);
    expect(await readAll(await folder.write(pieces))).toEqual(twoContents);
  });

  test('cut short anywhere', async () => {
    for (let length = 5; length < packed.length; length++) {
      await expect(readAll(await folder.write(packed.subarray(0, length))), `cut at ${length}`).rejects.toMatchObject(
        invalid,
      );
    }
  });

  test('with bytes after its end', async () => {
    for (const tail of ['x', 'more bytes than four', '\0', '\0\0\0\0\0\0\0\0']) {
      const longer = Buffer.concat([packed, Buffer.from(tail)]);
      await expect(readAll(await folder.write(longer)), JSON.stringify(tail)).rejects.toMatchObject(invalid);
    }
  });

  test('with a changed byte is refused, or reads the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = Buffer.from(packed);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        const after = await readAll(await folder.write(damaged)).catch((error: unknown) => error);
        if (isCoded(after, 'ERR_EXPORT_ARCHIVE_INVALID')) return;
        // In the magic it is another file, or none that is known; in the head of a frame it may ask for a large window.
        if (at < 6 && (after === undefined || isCoded(after))) return;
        expect(after).toEqual(twoContents);
      }),
      { numRuns: 400 },
    );
  });
});

test('files that are no archive give undefined', async () => {
  const others = [
    '',
    '{}',
    'PK',
    '{"id":"A"}'.repeat(200),
    gzipSync('{"id":"A"}'),
    zstdCompressSync(Buffer.alloc(900, 'x')),
  ];
  for (const bytes of others) expect(await openArchive(await folder.write(Buffer.from(bytes)))).toBeUndefined();
});

test('a file that is not there, and a folder, are errors that name the path', async () => {
  const absent = join(folder.path, 'absent');
  await expect(openArchive(absent)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND', details: { path: absent } });
  await expect(openArchive(folder.path)).rejects.toMatchObject({
    code: 'ERR_EXPORT_IO',
    details: { path: folder.path },
  });
});

test('forgeFile and stock tar agree on what a tar is', async () => {
  const path = await folder.write(Buffer.concat([...two.flatMap(forgeFile), Buffer.alloc(1024)]));
  expect((await run('tar', ['-tf', path])).stdout).toBe('a.json\ndeep/b.json\n');
});
