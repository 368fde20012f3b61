import { execFileSync } from 'node:child_process';
import { copyFile, cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCanonical, instantOf, type JsonObject, systemClock } from '#core';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { flipByte, type KitFixture, openKits } from '../mirror/kit-fixture.ts';
import { cliBytes, type Ended, jsonOf, treeOf } from '../mirror/mirror-fixture.ts';

const PART_SIZE = '65536';
/** Of every import, so that what it leaves can be compared. */
const AT = instantOf(systemClock.now());

let kits: KitFixture;
/** The tar of the signed kit, a directory with its parts, and the names of these. */
let tar: string;
let parts: string;
let names: string[];

const path = (...more: string[]) => kits.mirror.path(...more);
const key = () => ['--kit-key', path('stream.pem')];
const partsIn = async (dir: string) => (await readdir(dir)).filter((name) => name.endsWith('.tar')).sort();
const cut = (to: string, ...more: string[]) => kits.mirror.exportTo(to, '--part-size', PART_SIZE, ...more);

beforeAll(async () => {
  kits = await openKits();
  tar = await kits.export('kit.tar');
  parts = path('parts');
  expect(await cut(parts, ...key())).toMatchObject({ status: 0, err: '' });
  names = await partsIn(parts);
});
afterAll(() => kits.registry.close());

let fresh = 0;
async function copyOfParts(): Promise<string> {
  const copy = join(await makeTempDir(), 'parts');
  await cp(parts, copy, { recursive: true });
  return copy;
}

/** Imports from these paths into a new layout. */
async function importFrom(paths: readonly string[], ...more: string[]): Promise<Ended & { readonly target: string }> {
  fresh++;
  const [target, state] = [path(`target-${fresh}`), path(`state-${fresh}`)];
  const [first = '', ...others] = paths;
  return {
    ...(await kits.mirror.importTo(first, `oci:${target}`, ...others, '--state', state, '--at', AT, ...more)),
    target,
  };
}

/** An import is refused before anything is written. */
async function expectRefused(paths: readonly string[], code: string, ...more: string[]): Promise<string> {
  const ended = await importFrom(paths, ...more);
  expect(ended.err).toContain(`error ${code}: `);
  expect(ended.status).toBe(code === 'ERR_EXPORT_PART_MISSING' ? 5 : 3);
  expect(await treeOf(ended.target)).toEqual({});
  return ended.err;
}

/** What a part says of itself. */
function describedIn(dir: string, name: string) {
  return readJson(execFileSync('tar', ['-xOf', join(dir, name), 'part.json']).toString());
}

/** Changes what a part says of itself, without its signature. */
async function redescribe(dir: string, name: string, change: JsonObject): Promise<void> {
  const work = await makeTempDir();
  execFileSync('tar', ['-xf', join(dir, name), '-C', work]);
  const described = { ...describedIn(dir, name), ...change };
  await writeFile(join(work, 'part.json'), encodeCanonical(described));
  const files = (await readdir(work)).sort();
  execFileSync('tar', ['--format=ustar', '-cf', join(dir, name), '-C', work, ...files]);
}

describe('parts', () => {
  test('are the tar of the kit, cut, each within its size, and describe themselves', async () => {
    expect(names.length).toBeGreaterThan(5);
    const slices: Buffer[] = [];
    for (const [i, name] of names.entries()) {
      expect(name).toMatch(new RegExp(`^main\\.1-[0-9a-f]{8}-000${i + 1}\\.tar$`));
      expect((await stat(join(parts, name))).size).toBeLessThanOrEqual(Number(PART_SIZE));
      const described = describedIn(parts, name);
      expect(described).toMatchObject({
        part: i + 1,
        parts: names.length,
        partBytes: Number(PART_SIZE),
        recipients: [],
      });
      const slice = execFileSync('tar', ['-xOf', join(parts, name), 'data']);
      expect(described).toMatchObject({ sizeBytes: slice.length, offset: Buffer.concat(slices).length });
      slices.push(slice);
    }
    expect(Buffer.concat(slices).equals(await readFile(tar))).toBe(true);
  });

  test('are checked and joined by a shell alone, as the documents say', async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/mirror-bundles.md'), 'utf8');
    const [, script = ''] = /```text\n(cd PARTS\n[\s\S]*?)```/.exec(text) ?? [];
    const copy = await copyOfParts();
    const run = () => execFileSync('sh', ['-euc', script.replace('PARTS', copy)], { stdio: 'pipe' });
    expect(run().toString()).toContain('complete: ');
    expect((await readFile(join(copy, 'kit.tar'))).equals(await readFile(tar))).toBe(true);
    await rm(join(copy, 'kit.tar'));
    await flipByte(join(copy, names[2] as string));
    const failed = expect.objectContaining({
      stdout: expect.toSatisfy((out) => String(out).includes(`${names[2]}: FAILED`)),
    });
    expect(run).toThrow(failed);
  });

  test('are the same each time; a second export writes nothing', async () => {
    const again = path('again');
    expect(await cut(again, ...key())).toMatchObject({ status: 0 });
    expect(await treeOf(again)).toEqual(await treeOf(parts));
    const before = await stat(join(again, names[0] as string));
    const { bytesWritten, partsWritten } = jsonOf(await cut(again, ...key(), '--output', 'json'));
    expect({ bytesWritten, partsWritten }).toEqual({ bytesWritten: 0, partsWritten: [] });
    expect((await stat(join(again, names[0] as string))).mtimeMs).toBe(before.mtimeMs);
  });

  test('are made again one by one, with the same bytes', async () => {
    const one = path('one');
    const written = jsonOf(await cut(one, ...key(), '--part', '3', '--part', '5', '--output', 'json'));
    expect(written).toMatchObject({ parts: names.length, partsWritten: [3, 5] });
    expect(await readdir(one)).toEqual([names[2], names[4]]);
    for (const name of await readdir(one)) {
      expect((await readFile(join(one, name))).equals(await readFile(join(parts, name)))).toBe(true);
    }
    expect(await cut(one, ...key(), '--part', '10', '--part-size', '1GB')).toMatchObject({ status: 2 });
  });

  test('of a kit that has changed since are not made', async () => {
    const other = `sha256:${'0'.repeat(64)}`;
    const ended = await cut(path('none'), ...key(), '--part', '3', '--kit', other);
    expect(ended).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_EXPECTATION_MISMATCH') });
    const { kit } = describedIn(parts, names[0] as string);
    expect(await cut(path('same'), ...key(), '--part', '3', '--kit', kit)).toMatchObject({ status: 0 });
  });

  test('that are damaged or unfinished are written again, and no others', async () => {
    const dir = await copyOfParts();
    const at = (i: number) => join(dir, names[i] as string);
    await flipByte(at(1));
    await flipByte(at(2), (await stat(at(2))).size - 1);
    await truncate(at(3), 1000);
    await rename(at(4), `${at(4)}.part`);
    expect(jsonOf(await cut(dir, ...key(), '--output', 'json')).partsWritten).toEqual([2, 3, 4, 5]);
    expect(await treeOf(dir)).toEqual(await treeOf(parts));
  });

  test('share no directory with another kit, but with other files', async () => {
    const dir = await copyOfParts();
    await writeFile(join(dir, 'notes.txt'), 'mine');
    expect(await cut(dir, ...key())).toMatchObject({ status: 0 });
    const refused = { status: 2, err: expect.stringContaining('it contains another kit') };
    expect(await kits.mirror.exportTo(dir, '--part-size', '100000', ...key())).toMatchObject(refused);
    // Also where only the last parts of the other size are left, such as after the first ones went to media.
    const some = await copyOfParts();
    for (const name of names.slice(0, -1)) await rm(join(some, name));
    expect(await kits.mirror.exportTo(some, '--part-size', '200000', ...key())).toMatchObject(refused);
    expect(await partsIn(some)).toEqual(names.slice(-1));
    await rename(join(dir, names[0] as string), join(dir, 'other.7-00000000-0001.tar'));
    expect(await cut(dir, ...key())).toMatchObject(refused);
  });

  test.each([
    [['--part-size', '1000'], 'too small for a kit'],
    [['--part-size', '0'], 'not a size'],
    [['--part-size', '4 parsecs'], 'not a size'],
    [['--part', '3'], '--part requires --part-size'],
    [['--part-size', PART_SIZE, '--part', '0'], 'not the number of a part'],
    [['--part-size', PART_SIZE, '--part', '9999'], 'the kit has'],
  ])('%j is an error of usage', async (args, text) => {
    const ended = await kits.mirror.exportTo(path('usage'), ...args);
    expect(ended).toMatchObject({ status: 2, err: expect.stringContaining(text) });
    for (const to of ['-', path('x.tar')]) expect(await cut(to)).toMatchObject({ status: 2 });
  });
});

describe('an import', () => {
  test('reads parts where they lie, in any order and from several directories', async () => {
    const whole = await importFrom([tar]);
    const dir = await makeTempDir();
    const media = [join(dir, 'a'), join(dir, 'b'), join(dir, 'c')];
    for (const each of media) await mkdir(each);
    for (const [i, name] of names.entries()) await copyFile(join(parts, name), join(media[i % 3] as string, name));
    const renamed = join(dir, 'disc.bin');
    await rename(join(dir, 'a', names[0] as string), renamed);
    await writeFile(join(media[1] as string, 'other.tar'), await readFile(tar));
    for (const paths of [
      [parts],
      media.toReversed().concat(renamed),
      names.map((name) => join(parts, name)).toReversed(),
    ]) {
      const ended = await importFrom(paths);
      expect(ended).toMatchObject({ status: 0, err: '' });
      expect(await treeOf(ended.target)).toEqual(await treeOf(whole.target));
    }
    const copied = await importFrom([parts, ...media, renamed]);
    expect(copied).toMatchObject({ status: 0, err: '' });
  });

  test.each(['first', 'last'])('with a whole kit beside them is refused, the kit %s', async (place) => {
    const whole = kits.mirror.path('whole');
    if (place === 'first') await kits.export('whole');
    for (const kit of [tar, whole]) {
      const ended = await importFrom(place === 'first' ? [kit, parts] : [parts, kit]);
      expect([ended.status, ended.err]).toEqual([
        2,
        expect.stringContaining('a whole kit among several paths') as string,
      ]);
      expect(await treeOf(ended.target)).toEqual({});
    }
  });

  test('of an unsigned kit works as well', async () => {
    const unsigned = path('unsigned');
    expect(await cut(unsigned)).toMatchObject({ status: 0 });
    expect(await importFrom([unsigned])).toMatchObject({ status: 0, err: '' });
  });

  test('names the numbers of parts that are missing, and of those that are damaged', async () => {
    const dir = await copyOfParts();
    await rm(join(dir, names[1] as string));
    await rm(join(dir, names[4] as string));
    const error = await expectRefused([dir], 'ERR_EXPORT_PART_MISSING');
    expect(error).toContain(`parts missing: 2, 5 of ${names.length}`);
    const { kit } = describedIn(parts, names[0] as string);
    expect(error).toContain(`--part-size ${PART_SIZE} --kit ${kit} --part 2 --part 5`);
    await truncate(join(dir, names[2] as string), 30_000);
    expect(await expectRefused([dir], 'ERR_EXPORT_PART_MISSING')).toMatch(
      /missing: 2, 3, 5 of \d+; not readable as parts: .*-0003\.tar/,
    );
    await flipByte(join(dir, names[3] as string));
    expect(await expectRefused([dir], 'ERR_EXPORT_PART_INVALID')).toMatch(/missing: 2, 3, 5 of \d+; damaged: 4 \(/);
  });

  test('names the part that is damaged, whichever it is', async () => {
    for (const [i, name] of names.entries()) {
      const dir = await copyOfParts();
      await flipByte(join(dir, name), 512 + (i === names.length - 1 ? 100 : 20_000));
      expect(await expectRefused([dir], 'ERR_EXPORT_PART_INVALID')).toContain(`damaged: ${i + 1} (`);
    }
  });

  test('asked for by what it printed, the part completes the kit', async () => {
    const dir = await copyOfParts();
    await rm(join(dir, names[1] as string));
    const error = await expectRefused([dir], 'ERR_EXPORT_PART_MISSING');
    const more = (/--to DIR (.*)/.exec(error)?.[1] ?? '').split(' ');
    expect(await kits.mirror.exportTo(dir, ...more, ...key())).toMatchObject({ status: 0 });
    expect(await importFrom([dir])).toMatchObject({ status: 0, err: '' });
  });

  test('refuses a part of another kit', async () => {
    const other = await openKits();
    try {
      await other.export('kit.tar');
      const to = other.mirror.path('parts');
      const more = ['--part-size', PART_SIZE, '--kit-key', other.mirror.path('stream.pem')];
      expect(await other.mirror.exportTo(to, ...more)).toMatchObject({ status: 0 });
      const dir = await copyOfParts();
      const foreign = (await partsIn(to))[2] as string;
      await copyFile(join(to, foreign), join(dir, names[2] as string));
      expect(await expectRefused([dir], 'ERR_EXPORT_PART_INVALID')).toContain('of kit sha256:');
      expect(await expectRefused([parts, to], 'ERR_EXPORT_PART_INVALID')).toContain('of kit sha256:');
    } finally {
      await other.registry.close();
    }
  });

  test('refuses two parts of one number that differ, and a copy that is damaged', async () => {
    const dir = await copyOfParts();
    const copy = join(dir, 'copy.tar');
    await copyFile(join(dir, names[2] as string), copy);
    expect(await importFrom([dir])).toMatchObject({ status: 0 });
    await flipByte(copy);
    expect(await expectRefused([dir], 'ERR_EXPORT_PART_INVALID')).toContain('copy.tar');
    await copyFile(join(parts, names[2] as string), copy);
    await redescribe(dir, 'copy.tar', { digest: `sha256:${'0'.repeat(64)}` });
    expect(await expectRefused([dir], 'ERR_EXPORT_PART_INVALID')).toContain('which has the same number');
  });

  test.each<[string, JsonObject, string]>([
    ['a number beyond the last', { part: 999 }, 'contradicts itself'],
    ['the number of another part', { part: 4 }, 'contradicts itself'],
    ['another offset', { offset: 0 }, 'contradicts itself'],
    ['more parts than a kit can have', { parts: 10_000 }, '/parts'],
    ['fewer parts', { parts: 2 }, 'contradicts itself'],
    ['a larger tar', { tarBytes: 9e15 }, 'contradicts itself'],
    ['a size of its own', { sizeBytes: 1 }, 'contradicts itself'],
    ['another digest', { digest: `sha256:${'0'.repeat(64)}` }, 'part 3 is not signed by the key'],
    ['another kit', { kit: `sha256:${'0'.repeat(64)}` }, 'of kit sha256:0000'],
    ['recipients', { recipients: ['age1xyz'] }, 'recipients: '],
    ['a later format', { formatVersion: 2 }, '/formatVersion'],
    ['a member that is not known', { more: 1 }, '/more'],
  ])('refuses a part that says %s', async (_, change, text) => {
    const dir = await copyOfParts();
    await redescribe(dir, names[2] as string, change);
    const ended = await importFrom([dir]);
    expect(ended.err).toMatch(/error ERR_EXPORT_PART_(?:INVALID|MISSING): /);
    expect(ended.err).toContain(text);
    expect(await treeOf(ended.target)).toEqual({});
  });

  test('refuses parts that lie alike about their kit', async () => {
    const unsigned = path('lying');
    expect(await cut(unsigned)).toMatchObject({ status: 0 });
    for (const [change, text] of [
      [{ kit: `sha256:${'0'.repeat(64)}` }, 'but each says kit sha256:0000'],
      [{ sequence: 9 }, 'together they are kit'],
      [{ checksums: `sha256:${'0'.repeat(64)}` }, 'another checksums.txt'],
    ] as const) {
      const dir = join(await makeTempDir(), 'parts');
      await cp(unsigned, dir, { recursive: true });
      for (const name of await partsIn(dir)) await redescribe(dir, name, change);
      expect(await expectRefused([dir], 'ERR_EXPORT_PART_INVALID')).toContain(text);
    }
    const [, , third = ''] = await partsIn(unsigned);
    await redescribe(unsigned, third, { digest: `sha256:${'0'.repeat(64)}` });
    expect(await expectRefused([unsigned], 'ERR_EXPORT_PART_INVALID')).toContain('damaged: 3 (');
  });

  test('refuses parts that are not signed by who signed the kit', async () => {
    const unsigned = path('unsigned-parts');
    expect(await cut(unsigned)).toMatchObject({ status: 0 });
    const strip = async (dir: string, name: string) => {
      const work = await makeTempDir();
      execFileSync('tar', ['-xf', join(dir, name), '-C', work]);
      execFileSync('tar', ['--format=ustar', '-cf', join(dir, name), '-C', work, 'data', 'part.json']);
    };
    const dir = await copyOfParts();
    await strip(dir, names[1] as string);
    expect(await expectRefused([dir], 'ERR_EXPORT_PART_INVALID')).toContain('part 2 is not signed');
    const other = await copyOfParts();
    await redescribe(other, names[1] as string, { checksums: describedIn(parts, names[1] as string).checksums });
    expect(await importFrom([other])).toMatchObject({ status: 0 });
    const [last = ''] = names.slice(-1);
    const work = await makeTempDir();
    execFileSync('tar', ['-xf', join(other, last), '-C', work]);
    await writeFile(
      join(work, 'part.json.sig'),
      execFileSync('tar', ['-xOf', join(other, names[0] as string), 'part.json.sig']),
    );
    execFileSync('tar', ['--format=ustar', '-cf', join(other, last), '-C', work, 'data', 'part.json', 'part.json.sig']);
    expect(await expectRefused([other], 'ERR_EXPORT_PART_INVALID')).toContain(
      'not signed by the key that signed the kit',
    );
  });

  test('says what paths without parts are', async () => {
    const empty = await makeTempDir();
    for (const paths of [[empty], [empty, parts.replace('parts', 'none')], [tar, empty]]) {
      const ended = await importFrom(paths);
      expect(ended.status, ended.err).toBeGreaterThan(0);
      expect(ended.err).toContain('hint: ');
    }
  });

  test('says that a part is locked', async () => {
    const dir = await copyOfParts();
    await rename(join(dir, names[1] as string), join(dir, `${names[1]}.age`));
    const error = await expectRefused([dir], 'ERR_EXPORT_PART_MISSING');
    expect(error).toMatch(/missing: 2 of \d+; not readable as parts: .*-0002\.tar\.age: locked/);
  });

  test('of mirror verify names parts as well', async () => {
    const dir = await copyOfParts();
    await flipByte(join(dir, names[0] as string), 30_000);
    const args = ['--trust', kits.mirror.root, '--state', path('state-verify')];
    expect(await cliBytes('mirror', 'verify', parts, ...args)).toMatchObject({ status: 0 });
    const ended = await cliBytes('mirror', 'verify', dir, ...args);
    expect(ended).toMatchObject({ status: 3, err: expect.stringContaining('damaged: 1 (') });
  });
});
