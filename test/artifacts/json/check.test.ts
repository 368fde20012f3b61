import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkJsonRaw, type JsonRawExpectation } from '#artifacts';
import { CodedError, digestOf } from '#core';
import { type Built, type BuiltFile, buildAll, check, expectationOf } from './building.ts';
import { advisory, recordSetOf, vexDocument } from './record-set.ts';

const set = recordSetOf([
  ...Array.from({ length: 300 }, (_, i) => advisory(`GO-2026-${String(i).padStart(4, '0')}`)),
  ...Array.from({ length: 70 }, (_, i) => vexDocument(`vendor ${i}`)),
]);
let built: Built;
let expected: JsonRawExpectation;
beforeAll(async () => {
  built = await buildAll(set);
  expected = expectationOf(set, built);
});

const mismatch = { code: 'ERR_EXPORT_CONTENT_MISMATCH' };

/** A frame as the builder writes it, so that what is refused is its content. */
function packed(content: Uint8Array): Buffer {
  const params = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 };
  return zstdCompressSync(content, { params, pledgedSrcSize: content.length });
}

/** The bundle with one file replaced, in the list of contents too, as a publisher with the key could do. */
function replacing(path: string, change: (file: BuiltFile) => Partial<BuiltFile>): Built {
  const files = built.files.map((file) => {
    if (file.path !== path) return file;
    const changed = { ...file, ...change(file) };
    return { ...changed, digest: digestOf(changed.bytes), sizeBytes: changed.bytes.length };
  });
  return { ...built, files };
}

/** The lines of a shard, the first unless told, changed and packed again. */
function relined(change: (lines: string[]) => readonly string[], shard = 0): Built {
  return replacing(built.files[shard]?.path ?? '', (file) => {
    const lines = change(zstdDecompressSync(file.bytes).toString().split('\n').slice(0, -1));
    return { bytes: packed(Buffer.from(lines.map((line) => `${line}\n`).join(''))), records: lines.length };
  });
}

const refused = async (other: Built) => {
  await expect(check(expectationOf(set, other), other.files)).rejects.toMatchObject(mismatch);
};

test('what was built passes, export.json beside it', async () => {
  await check(expected, built.files);
  await check(expected, [...built.files, { path: 'export.json', bytes: Buffer.from('{}') }]);
});

describe('refuses a shard', () => {
  test('with a record changed, gone, come, or moved', async () => {
    await refused(relined((lines) => [advisoryText('GO-2026-0000', 'other text'), ...lines.slice(1)]));
    await refused(relined((lines) => lines.slice(0, -1)));
    await refused(relined((lines) => [...lines, advisoryText('GO-2026-0000x')]));
    await refused(relined((lines) => lines.toReversed()));
    await refused(relined((lines) => [lines[0] ?? '', ...lines]));
  });

  test('with a record that is not canonical, no JSON, no object, or has no id', async () => {
    await refused(relined(([first = '', ...rest]) => [first.replace(':', ': '), ...rest]));
    await refused(relined((lines) => ['{"id":', ...lines.slice(1)]));
    await refused(relined((lines) => ['"GO-2026-0000"', ...lines.slice(1)]));
    await refused(relined((lines) => ['{"name":"x"}', ...lines.slice(1)]));
    await refused(relined((lines) => ['', ...lines]));
  });

  test.each([0, 1, 2])('and names the number of the record within it, shard %i', async (shard) => {
    const other = relined(([first = '', second = '', ...rest]) => [first, second.replace(':', ': '), ...rest], shard);
    const place = `${built.files[shard]?.path}: record 2: not in canonical form`;
    await expect(check(expectationOf(set, other), other.files)).rejects.toMatchObject({
      message: expect.stringContaining(place),
    });
  });

  test('whose last line has no end, or that is no zstd', async () => {
    const path = built.files[0]?.path ?? '';
    const unpacked = (file: BuiltFile) => zstdDecompressSync(file.bytes);
    await refused(replacing(path, (file) => ({ bytes: packed(unpacked(file).subarray(0, -1)) })));
    await refused(replacing(path, (file) => ({ bytes: unpacked(file) })));
    await refused(replacing(path, (file) => ({ bytes: file.bytes.subarray(0, -3) })));
    await refused(replacing(path, () => ({ bytes: packed(Buffer.alloc(0)), records: 0 })));
  });

  test('of another name, or of a count that the list does not give', async () => {
    const path = built.files[0]?.path ?? '';
    await refused(replacing(path, () => ({ path: 'data/raw/advisories/00.jsonl.zst' })));
    await refused(replacing(path, (file) => ({ records: file.records + 1 })));
  });

  test('that is missing, comes twice, or comes in another order', async () => {
    await refused({ ...built, files: built.files.slice(1) });
    await expect(check(expected, [built.files[0] as BuiltFile, ...built.files])).rejects.toMatchObject(mismatch);
    const [first, second, ...rest] = built.files as [BuiltFile, BuiltFile, ...BuiltFile[]];
    await expect(check(expected, [second, first, ...rest])).rejects.toMatchObject(mismatch);
  });
});

describe('refuses', () => {
  test('shards that were cut otherwise than k says', async () => {
    for (const k of [4, 6]) await refused({ ...built, k });
    await expect(check({ ...expected, shards: undefined }, built.files)).rejects.toMatchObject(mismatch);
  });

  test('an index that is missing, or says anything else', async () => {
    const path = 'indexes/advisories.index.json';
    await refused({ ...built, files: built.files.filter((file) => file.path !== path) });
    const edit = (from: RegExp, to: string) =>
      replacing(path, (file) => ({ bytes: Buffer.from(file.bytes.toString().replace(from, to)) }));
    await refused(edit(/"lastKey":"[^"]*"/, '"lastKey":"GO-2026-0000x"'));
    await refused(edit(/"sizeBytes":\d+/, '"sizeBytes":1'));
    await refused(edit(/"records":300/, '"records":301'));
    await refused(edit(/^\{/, '{"extra":1,'));
    await refused(edit(/\n$/, ''));
    await refused(edit(/.*/s, 'no JSON'));
  });

  test('a redaction.json that is missing, or says anything else', async () => {
    await refused({ ...built, files: built.files.filter(({ path }) => path !== 'redaction.json') });
    await refused(replacing('redaction.json', () => ({ bytes: Buffer.from('{}') })));
  });

  test('counts and digests of classes that are not those of the records', async () => {
    const { advisories, vex } = set.classes;
    if (advisories === undefined || vex === undefined) throw new TypeError('the set has both classes');
    const withClasses = (classes: JsonRawExpectation['classes']) => check({ ...expected, classes }, built.files);
    await expect(withClasses({ vex, advisories: { ...advisories, count: 299 } })).rejects.toMatchObject(mismatch);
    await expect(withClasses({ vex, advisories: { ...advisories, digest: vex.digest } })).rejects.toMatchObject(
      mismatch,
    );
    await expect(withClasses({ advisories })).rejects.toMatchObject(mismatch);
    await expect(check({ ...expected, kept: 371 }, built.files)).rejects.toMatchObject(mismatch);
  });

  test('a file that no such bundle has, listed or not', async () => {
    const strange = { path: 'data/raw/advisories/readme.txt', bytes: Buffer.from('hello') };
    await expect(check(expected, [strange])).rejects.toMatchObject(mismatch);
    const listed = { ...strange, digest: digestOf(strange.bytes), sizeBytes: 5, records: 0 };
    const contents = [...expected.contents, listed];
    await expect(check({ ...expected, contents }, [strange])).rejects.toMatchObject(mismatch);
  });
});

test('the stream has the last word: damage is called damage', async () => {
  const { path, bytes } = built.files[0] as BuiltFile;
  const damaged = Buffer.from(bytes);
  damaged[20] = (damaged[20] ?? 0) ^ 1;
  for (const cut of [15, damaged.length]) {
    const stream = async function* () {
      yield damaged.subarray(0, cut);
      yield damaged.subarray(cut);
      throw new CodedError('ERR_EXPORT_DIGEST_MISMATCH', 'the layer is damaged');
    };
    await expect(checkJsonRaw(expected).file(path, stream())).rejects.toMatchObject({
      code: 'ERR_EXPORT_DIGEST_MISMATCH',
    });
  }
});

function advisoryText(id: string, text?: string): string {
  return Buffer.from(advisory(id, text).bytes).toString();
}
