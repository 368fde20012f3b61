import { crc32, deflateRawSync, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { annotationKeys, type Descriptor, type Digest, mediaTypes } from '#core';
import { type VerifyReport, verifyArtifact } from '#export';
import type { ManifestParts } from '#oci/image';
import type { Layout } from '#oci/layout';
import type { Bundle } from '../../src/export/pack.ts';
import { goAdvisory } from '../fixtures/records.ts';
import { destinationIn, type ExportFixture, openVerifyFixture, requestFor, type SignerFixture } from './fixture.ts';
import { type FileValue, type Forgery, forge } from './forge.ts';

/**
 * Bundles that the signer makes, with valid signatures and hashes, of which stock readers take every byte or pass over
 * it, and which are not what docs/FORMATS.md says.
 */
let fixture: ExportFixture;
let layout: Layout;
let keys: SignerFixture;
beforeEach(async () => {
  ({ fixture, layout, keys } = await openVerifyFixture());
});

const SHARD = 'data/raw/advisories/474f2d323032362d30303031.jsonl.zst';
const LAYER = 'db.tar.gz';
const records = [goAdvisory('GO-2026-0001'), goAdvisory('GO-2026-0002')];

async function forged(profile: string, forgery: Forgery): Promise<Bundle> {
  return forge(fixture, layout, requestFor(await fixture.source(records), { profile }), keys, forgery);
}

function verify(): Promise<VerifyReport> {
  return verifyArtifact(destinationIn(layout).reference, layout, keys.verifier);
}

async function refuses(profile: string, forgery: Forgery, message: RegExp): Promise<void> {
  await forged(profile, forgery);
  const refused = await verify().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH', message: expect.stringMatching(message) });
}

/** Changes the bytes of one file; export.json and all hashes go along. */
function changing(path: string, change: (bytes: Buffer) => Uint8Array): Forgery {
  return {
    files: (files: Map<string, FileValue>) => {
      const file = files.get(path);
      if (file === undefined) throw new Error(`no file ${path}`);
      files.set(path, { ...file, bytes: change(Buffer.from(file.bytes)) });
    },
  };
}

const skippable = Buffer.from('502a4d18040000006e6f7465', 'hex');

describe('shards: zstd frames other than those that are written', () => {
  const again = (bytes: Buffer, options: object = {}) => zstdCompressSync(zstdDecompressSync(bytes), options);
  const checksum = { params: { 201: 1 } };
  it.each<[string, (bytes: Buffer) => Uint8Array]>([
    ['a skippable frame before', (bytes) => Buffer.concat([skippable, bytes])],
    ['a skippable frame after', (bytes) => Buffer.concat([bytes, skippable])],
    ['an empty skippable frame after', (bytes) => Buffer.concat([bytes, Buffer.from('5f2a4d1800000000', 'hex')])],
    [
      'an empty frame after',
      (bytes) => Buffer.concat([bytes, zstdCompressSync('', { ...checksum, pledgedSrcSize: 0 } as object)]),
    ],
    [
      'two frames where one is enough',
      (bytes) => {
        const text = zstdDecompressSync(bytes);
        const frames = [text.subarray(0, 100), text.subarray(100)].map((part) =>
          zstdCompressSync(part, { ...checksum, pledgedSrcSize: part.length } as object),
        );
        return Buffer.concat(frames);
      },
    ],
    ['no checksum', (bytes) => again(bytes, { pledgedSrcSize: zstdDecompressSync(bytes).length })],
    [
      'the unused bit',
      (bytes) => {
        bytes[4] = (bytes[4] as number) | 0x10;
        return bytes;
      },
    ],
    ['bytes after the frame', (bytes) => Buffer.concat([bytes, Buffer.from([0])])],
    ['a size in more bytes than it needs', (bytes) => widenSize(bytes)],
  ])('refuses %s', (_, change) => refuses('json:raw', changing(SHARD, change), /zstd/));
});

/** The same frame, its size of two bytes (256 and more are kept less 256) in four. */
function widenSize(frame: Buffer): Buffer {
  const descriptor = frame[4] as number;
  if (descriptor >>> 6 !== 1 || (descriptor & 0x20) === 0) throw new Error('a frame of another form');
  const size = Buffer.alloc(4);
  size.writeUInt32LE(frame.readUInt16LE(5) + 256);
  return Buffer.concat([frame.subarray(0, 4), Buffer.from([(descriptor & 0x3f) | 0x80]), size, frame.subarray(7)]);
}

describe('checksums.txt: lists that sha256sum takes', () => {
  const lines = (text: string) => text.split(/(?<=\n)/);
  it.each<[string, (text: string) => string]>([
    ['lines out of order', (text) => lines(text).toReversed().join('')],
    ['a line twice', (text) => `${lines(text)[0]}${text}`],
    ['carriage returns', (text) => text.replaceAll('\n', '\r\n')],
    ['the mark for binary files', (text) => text.replaceAll('  ', ' *')],
    [
      'upper-case digits',
      (text) =>
        lines(text)
          .map((line) => line.slice(0, 64).toUpperCase() + line.slice(64))
          .join(''),
    ],
    ['names that begin with ./', (text) => text.replaceAll('  ', '  ./')],
    ['an empty line at the end', (text) => `${text}\n`],
    ['a comment', (text) => `# these are checksums\n${text}`],
    ['a byte order mark', (text) => `\ufeff${text}`],
    ['nothing', () => ''],
  ])('refuses %s', (_, checksums) => refuses('json:raw', { checksums }, /checksums\.txt/));
});

describe('the layer of trivy:db', () => {
  const header = (path: string, type = '0', size = 0): Buffer => {
    const block = Buffer.alloc(512);
    block.write(path, 0);
    block.write('000644 ', 100);
    block.write('000000 ', 108);
    block.write('000000 ', 116);
    block.write(`${size.toString(8).padStart(11, '0')} `, 124);
    block.write('15137512000 ', 136);
    block.write(type, 156);
    block.write('ustar\x0000', 257);
    block.write('000000 ', 329);
    block.write('000000 ', 337);
    return summed(block);
  };
  const summed = (block: Buffer): Buffer => {
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')} \0`, 148);
    return block;
  };
  /** The tar with its first header changed and summed anew. */
  const reheaded = (change: (block: Buffer) => void) => (tar: Buffer) => {
    const block = tar.subarray(0, 512);
    change(block);
    summed(block);
    return tar;
  };
  const end = Buffer.alloc(1024);
  const inTar = (change: (tar: Buffer) => Uint8Array) =>
    changing(LAYER, (bytes) => asWritten(change(gunzipSync(bytes))));
  const databaseAt = 512 + 512 + 512;
  const contentEnd = (tar: Buffer) => tar.length - 1024;

  it('passes what is packed again in the same way', async () => {
    await forged(
      'trivy:db',
      inTar((tar) => tar),
    );
    await expect(verify()).resolves.toMatchObject({ profile: 'trivy:db' });
  });

  it.each<[string, (bytes: Buffer) => Uint8Array]>([
    ['an empty member after', (bytes) => Buffer.concat([bytes, asWritten(Buffer.alloc(0))])],
    ['an empty member before', (bytes) => Buffer.concat([asWritten(Buffer.alloc(0)), bytes])],
    [
      'two members where one is enough',
      (bytes) => {
        const tar = gunzipSync(bytes);
        return Buffer.concat([asWritten(tar.subarray(0, 700)), asWritten(tar.subarray(700))]);
      },
    ],
    ['a header of another system', (bytes) => gzipSync(gunzipSync(bytes))],
    ['a time in the header', (bytes) => withHeader(bytes, 4, 1)],
    ['a hint about the effort', (bytes) => withHeader(bytes, 8, 2)],
    ['a flag for text', (bytes) => withHeader(bytes, 3, 1)],
    ['a name in the header', (bytes) => withField(bytes, 0x08, Buffer.from('hidden\0'))],
    ['a comment in the header', (bytes) => withField(bytes, 0x10, Buffer.from('hidden\0'))],
    ['an extra field in the header', (bytes) => withField(bytes, 0x04, Buffer.from('\x06\x00hidden'))],
    ['zeros after the members', (bytes) => Buffer.concat([bytes, Buffer.alloc(16)])],
    ['other bytes after the members', (bytes) => Buffer.concat([bytes, Buffer.from('hidden')])],
  ])('refuses gzip with %s', (_, change) => refuses('trivy:db', changing(LAYER, change), /gzip/));

  it.each<[string, (tar: Buffer) => Uint8Array]>([
    ['a folder', (tar) => Buffer.concat([header('folder/', '5'), tar])],
    ['a folder for the files', (tar) => Buffer.concat([header('./', '5'), tar])],
    ['names that begin with ./', reheaded((block) => block.write('./metadata.json\0', 0))],
    ['a file of the oldest kind', reheaded((block) => block.fill(0, 156, 157))],
    ['a contiguous file', reheaded((block) => block.fill('7', 156, 157))],
    ['GNU tar’s format', reheaded((block) => block.write('ustar  \0', 257))],
    ['an owner', reheaded((block) => block.write('root', 265))],
    ['an owner by number', reheaded((block) => block.write('001750 ', 108))],
    ['another mode', reheaded((block) => block.write('000755 ', 100))],
    ['another time', reheaded((block) => block.write('15137512001 ', 136))],
    ['a link name on a file', reheaded((block) => block.write('hidden', 157))],
    ['text after the name', reheaded((block) => block.write('hidden', 40))],
    ['text at the end of the header', reheaded((block) => block.write('hidden', 501))],
    ['a size in other spelling', reheaded((block) => block.write(`  ${block.toString('latin1', 126, 135)}\0`, 124))],
    [
      'a pax header for one file',
      (tar) => Buffer.concat([header('PaxHeader', 'x', 19), pad('19 comment=hidden!\n'), tar]),
    ],
    ['a pax header for all files', (tar) => Buffer.concat([header('pax', 'g', 19), pad('19 comment=hidden!\n'), tar])],
    ['a GNU long name', (tar) => Buffer.concat([header('././@LongLink', 'L', 14), pad('metadata.json\0'), tar])],
    [
      'text in the fill after the content',
      (tar) => {
        tar.write('hidden', databaseAt - 512 - 6);
        return tar;
      },
    ],
    ['one zero block at the end', (tar) => tar.subarray(0, tar.length - 512)],
    ['no zero block at the end', (tar) => tar.subarray(0, contentEnd(tar))],
    ['zeros up to a record of 10 KiB', (tar) => Buffer.concat([tar, Buffer.alloc(10_240 - (tar.length % 10_240))])],
    ['text after the end', (tar) => Buffer.concat([tar, pad('hidden')])],
    ['a second archive after the end', (tar) => Buffer.concat([tar, tar])],
    ['an empty file more', (tar) => Buffer.concat([tar.subarray(0, contentEnd(tar)), header('z'), end])],
    ['an empty file of one of the names', (tar) => Buffer.concat([header('trivy.db'), tar])],
    [
      'one file called by both names',
      () => Buffer.concat([header('metadata.json,trivy.db', '0', 6), pad('hidden'), end]),
    ],
    ['nothing', () => end],
  ])('refuses a tar with %s', (_, change) => refuses('trivy:db', inTar(change), /db\.tar\.gz/));

  /** A tar whose database is changed, its length too. */
  const inDatabase = (change: (database: Buffer) => Uint8Array) =>
    inTar((tar) => {
      const size = Number.parseInt(tar.toString('latin1', databaseAt - 512 + 124, databaseAt - 512 + 135), 8);
      const changed = Buffer.from(change(Buffer.from(tar.subarray(databaseAt, databaseAt + size))));
      const head = tar.subarray(databaseAt - 512, databaseAt);
      head.write(changed.length.toString(8).padStart(11, '0'), 124);
      summed(head);
      return Buffer.concat([tar.subarray(0, databaseAt), pad(changed), end]);
    });
  const PAGE = 4096;
  it.each<[string, (database: Buffer) => Uint8Array]>([
    ['a byte after the last page', (file) => Buffer.concat([file, Buffer.from([0])])],
    ['a page after the last one', (file) => Buffer.concat([file, Buffer.alloc(PAGE, 'hidden')])],
    ['text in the unused part of a page', (file) => fill(file, 3 * PAGE + PAGE - 6)],
    ['text in the unused part of the free list', (file) => fill(file, 2 * PAGE + 100)],
    ['text behind a meta', (file) => fill(file, 100)],
    ['one meta damaged', (file) => fill(file, 24)],
    ['a sequence of the free list’s page', (file) => Buffer.concat([file.subarray(0, -1), Buffer.from([1])])],
  ])('refuses a database with %s', (_, change) => refuses('trivy:db', inDatabase(change), /bbolt/));

  function fill(file: Buffer, at: number): Buffer {
    file.write('hidden', at);
    return file;
  }

  function pad(content: string | Uint8Array): Buffer {
    const bytes = Buffer.from(content as string);
    return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  }
});

/** One gzip member with the header that is written. */
function asWritten(content: Uint8Array): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length, 4);
  return Buffer.concat([Buffer.from('1f8b08000000000000ff', 'hex'), deflateRawSync(content), trailer]);
}

function withHeader(bytes: Buffer, at: number, value: number): Buffer {
  bytes[at] = value;
  return bytes;
}

function withField(bytes: Buffer, flag: number, field: Uint8Array): Buffer {
  bytes[3] = flag;
  return Buffer.concat([bytes.subarray(0, 10), field, bytes.subarray(10)]);
}

describe('manifests that clients take', () => {
  const subject: Descriptor = {
    mediaType: mediaTypes.ociManifest,
    digest: `sha256:${'0'.repeat(64)}` as Digest,
    size: 2,
  };
  const manifests: [string, (parts: ManifestParts) => ManifestParts, RegExp][] = [
    ['a subject', (parts) => ({ ...parts, subject }), /subject/],
    ['an annotation more', (parts) => ({ ...parts, annotations: { ...parts.annotations, x: 'y' } }), /annotation "x"/],
    [
      'another value of an annotation',
      (parts) => ({ ...parts, annotations: { ...parts.annotations, [annotationKeys.version]: '9' } }),
      /annotation/,
    ],
    [
      'no time',
      (parts) => ({ ...parts, annotations: without(parts.annotations, annotationKeys.created) }),
      /annotation/,
    ],
    [
      'an annotation on a layer',
      (parts) => ({ ...parts, layers: onFirst(parts, { annotations: { x: 'y' } }) }),
      /manifest is not in canonical form/,
    ],
    [
      'an artifact type on a layer',
      (parts) => ({ ...parts, layers: onFirst(parts, { artifactType: 'a/b' }) }),
      /manifest is not in canonical form/,
    ],
    [
      'places to fetch a layer from',
      (parts) => ({ ...parts, layers: onFirst(parts, { urls: ['http://a.test'] }) }),
      /manifest is not in canonical form/,
    ],
    [
      'a layer inline',
      (parts) => ({ ...parts, layers: onFirst(parts, { platform: { os: 'linux' } }) }),
      /manifest is not in canonical form/,
    ],
  ];
  for (const profile of ['json:raw', 'trivy:db']) {
    it.each(manifests)(`${profile}: refuses %s`, (_, parts, message) => refuses(profile, { parts }, message));
  }

  it('json:raw: refuses layers in another order', () =>
    refuses('json:raw', { layers: (layers) => layers.toReversed() }, /layer/));

  it('trivy:db: refuses another config than the empty one', () =>
    refuses(
      'trivy:db',
      { parts: (parts) => ({ ...parts, config: { ...subject, mediaType: mediaTypes.ociConfig } }) },
      /manifest is not in canonical form/,
    ));

  it('trivy:db: refuses a referrer with another annotation, which the provenance names', () =>
    refuses('trivy:db', { referrerAnnotations: { x: 'y' } }, /referrer sha256:[0-9a-f]{64} is not in canonical form/));

  function onFirst({ layers = [] }: ManifestParts, more: Partial<Descriptor>): Descriptor[] {
    return layers.map((layer, i) =>
      i > 0 ? layer : { ...layer, ...more, annotations: { ...layer.annotations, ...more.annotations } },
    );
  }

  function without(annotations: Readonly<Record<string, string>> = {}, name: string): Record<string, string> {
    return Object.fromEntries(Object.entries(annotations).filter(([key]) => key !== name));
  }
});
