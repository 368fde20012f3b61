import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Descriptor, Digest } from '#core';
import {
  artifactTypeOf,
  detectManifestType,
  emptyDescriptor,
  packIndex,
  packManifest,
  parseManifest,
  referrerDescriptor,
  successorsOf,
  verifyStream,
} from '#oci/image';
import { describe, inPieces, noise, readAll } from './content.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const blob = (text: string, mediaType = 'text/plain'): Descriptor => describe(Buffer.from(text), mediaType);
const encode = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const manifestOf = (changes: Record<string, unknown>) =>
  encode({ schemaVersion: 2, mediaType: MANIFEST, config: blob('{}'), layers: [blob('a')], ...changes });

test('parseManifest: an image manifest with all its parts', () => {
  const subject = blob('subject', MANIFEST);
  const layer = {
    ...blob('a'),
    annotations: { k: 'v' },
    data: 'YQ==',
    urls: ['https://h/x'],
    platform: { os: 'linux' },
  };
  const bytes = manifestOf({
    layers: [layer],
    subject,
    artifactType: 'x/y',
    annotations: { a: 'b' },
    extra: { any: 1 },
  });
  expect(parseManifest(bytes, MANIFEST, 'm')).toEqual({
    kind: 'manifest',
    mediaType: MANIFEST,
    artifactType: 'x/y',
    config: blob('{}'),
    layers: [layer],
    subject,
    annotations: { a: 'b' },
  });
});

test('parseManifest: what other makers leave out or write as null', () => {
  const noType = encode({ schemaVersion: 2, config: blob('{}'), layers: null, annotations: null, subject: null });
  expect(parseManifest(noType, undefined, 'm')).toMatchObject({ kind: 'manifest', mediaType: MANIFEST, layers: [] });
  expect(parseManifest(noType, MANIFEST, 'm')).toMatchObject({ mediaType: MANIFEST });
  const index = encode({ schemaVersion: 2, manifests: null });
  expect(parseManifest(index, undefined, 'm')).toMatchObject({ kind: 'index', mediaType: INDEX, manifests: [] });
  const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
  expect(parseManifest(encode({ schemaVersion: 2, mediaType: list, manifests: [] }), list, 'm').kind).toBe('index');
});

test.each([
  ['config', { config: undefined }],
  ['config.digest', { config: { ...blob('{}'), digest: 'sha256:12' } }],
  ['config.digest', { config: { ...blob('{}'), digest: `blake3:${'0'.repeat(64)}` } }],
  ['config.size', { config: { ...blob('{}'), size: -1 } }],
  ['config.size', { config: { ...blob('{}'), size: 1.5 } }],
  ['config.mediaType', { config: { ...blob('{}'), mediaType: undefined } }],
  ['layers', { layers: undefined }],
  ['layers', { layers: {} }],
  ['layers[1]', { layers: [blob('a'), null] }],
  ['layers[0].size', { layers: [{ ...blob('a'), size: '1' }] }],
  ['layers[0].data', { layers: [{ ...blob('a'), data: 1 }] }],
  ['layers[0].annotations.k', { layers: [{ ...blob('a'), annotations: { k: 1 } }] }],
  ['annotations', { annotations: [] }],
  ['annotations.k', { annotations: { k: null } }],
  ['subject.digest', { subject: { mediaType: MANIFEST, size: 1 } }],
  ['artifactType', { artifactType: 1 }],
  ['schemaVersion', { schemaVersion: 1 }],
  ['schemaVersion', { schemaVersion: '2' }],
  ['manifests', { manifests: [] }],
  ['mediaType', { mediaType: INDEX }],
  ['mediaType', { mediaType: 'text/plain' }],
])('parseManifest: refuses a wrong %s', (field, changes) => {
  expect(() => parseManifest(manifestOf(changes), MANIFEST, 'm')).toThrowError(
    expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID', details: expect.objectContaining({ field }) }),
  );
});

test('parseManifest: refuses what two readers may understand differently', () => {
  const twice = Buffer.from('{"schemaVersion":2,"config":{},"config":{}}');
  expect(() => parseManifest(twice, MANIFEST, 'm')).toThrowError(
    expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' }),
  );
  const large = Buffer.from(`{"schemaVersion":2,"x":"${'x'.repeat(4 * 1024 * 1024)}"}`);
  expect(() => parseManifest(large, MANIFEST, 'm')).toThrowError(
    expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' }),
  );
});

test('detectManifestType: by the text alone', () => {
  expect(detectManifestType(manifestOf({}))).toBe(MANIFEST);
  expect(detectManifestType(manifestOf({ mediaType: undefined }))).toBe(MANIFEST);
  expect(detectManifestType(encode({ schemaVersion: 2, manifests: [] }))).toBe(INDEX);
  for (const text of ['', '{}', '[]', '{"schemaVersion":2}', 'not json'])
    expect(detectManifestType(Buffer.from(text))).toBeUndefined();
});

test('successorsOf: config and layers once each, without the subject', () => {
  const shared = blob('shared');
  const bytes = manifestOf({ config: shared, layers: [blob('a'), shared, blob('a')], subject: blob('s', MANIFEST) });
  expect(successorsOf(parseManifest(bytes, MANIFEST, 'm')).map(({ digest }) => digest)).toEqual([
    shared.digest,
    blob('a').digest,
  ]);
});

test('artifactTypeOf: falls back to the type of the config', () => {
  expect(artifactTypeOf(parseManifest(manifestOf({ artifactType: 'x/y' }), MANIFEST, 'm'))).toBe('x/y');
  expect(artifactTypeOf(parseManifest(manifestOf({ artifactType: '' }), MANIFEST, 'm'))).toBe('text/plain');
  expect(artifactTypeOf(parseManifest(encode({ schemaVersion: 2, manifests: [] }), INDEX, 'm'))).toBeUndefined();
});

test('packManifest: these bytes, and no others', () => {
  const packed = packManifest({ artifactType: 'application/x', annotations: { b: '2', a: '1' } });
  expect(Buffer.from(packed.bytes).toString()).toBe(
    '{"annotations":{"a":"1","b":"2"},"artifactType":"application/x","config":{"data":"e30=","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","mediaType":"application/vnd.oci.empty.v1+json","size":2},"layers":[{"data":"e30=","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","mediaType":"application/vnd.oci.empty.v1+json","size":2}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}',
  );
  expect(packed.descriptor).toEqual({ ...describe(packed.bytes, MANIFEST), artifactType: 'application/x' });
  expect(() => packManifest({ layers: [blob('a')] })).toThrow(TypeError);
});

test('packManifest and packIndex: parse back to what went in', () => {
  const descriptor = fc.record({
    mediaType: fc.stringMatching(/^[a-z]{1,5}\/[a-z.+]{1,9}$/),
    digest: fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}` as Digest),
    size: fc.maxSafeNat(),
  });
  const annotations = fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), {
    minKeys: 1,
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(
      descriptor,
      fc.array(descriptor, { minLength: 1 }),
      annotations,
      fc.option(descriptor, { nil: undefined }),
      (config, layers, notes, subject) => {
        fc.pre(!('__proto__' in notes && Object.hasOwn(notes, '__proto__')));
        const packed = packManifest({ config, layers, subject, annotations: notes });
        const parsed = parseManifest(packed.bytes, packed.descriptor.mediaType, 'm');
        expect(parsed).toEqual({
          kind: 'manifest',
          mediaType: MANIFEST,
          artifactType: undefined,
          config,
          layers,
          subject,
          annotations: notes,
        });
        const index = packIndex({ manifests: layers, subject, artifactType: 'x/y' });
        const parsedIndex = parseManifest(index.bytes, INDEX, 'i');
        expect(parsedIndex).toEqual({
          kind: 'index',
          mediaType: INDEX,
          artifactType: 'x/y',
          manifests: layers,
          subject,
          annotations: {},
        });
      },
    ),
  );
});

test('referrerDescriptor: what the manifest itself says', () => {
  const manifest = parseManifest(manifestOf({ annotations: { a: 'b' }, subject: blob('s', MANIFEST) }), MANIFEST, 'm');
  const listed = referrerDescriptor(
    { ...blob('x', MANIFEST), artifactType: 'wrong', annotations: { wrong: 'yes' } },
    manifest,
  );
  expect(listed).toEqual({ ...blob('x', MANIFEST), artifactType: 'text/plain', annotations: { a: 'b' } });
});

test('emptyDescriptor: as the specification prints it', () => {
  expect(emptyDescriptor).toEqual({
    ...describe(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
    data: 'e30=',
  });
});

test('verifyStream: lets exactly the content through, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      fc.integer({ min: 1, max: 64 }),
      fc.constantFrom('sha256', 'sha512'),
      async (bytes, piece, algorithm) => {
        const descriptor = describe(bytes, 'x/y', algorithm as 'sha256');
        const read = await readAll(
          verifyStream(descriptor, inPieces(bytes, piece)(0) as AsyncIterable<Uint8Array>, 'here'),
        );
        expect(Buffer.compare(read, bytes)).toBe(0);
      },
    ),
  );
});

test.each([
  [
    'one byte changed',
    (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, i) => (i === 9 ? byte ^ 1 : byte)),
    'ERR_EXPORT_DIGEST_MISMATCH',
  ],
  ['one byte less', (bytes: Uint8Array) => bytes.subarray(0, -1), 'ERR_EXPORT_SIZE_MISMATCH'],
  ['one byte more', (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.from('x')]), 'ERR_EXPORT_SIZE_MISMATCH'],
  ['nothing', () => new Uint8Array(), 'ERR_EXPORT_SIZE_MISMATCH'],
])('verifyStream: with %s the last piece is never seen', async (_, damage, code) => {
  const bytes = noise(100);
  let seen = 0;
  const reading = async () => {
    const stream = inPieces(damage(bytes), 10)(0) as AsyncIterable<Uint8Array>;
    for await (const chunk of verifyStream(describe(bytes), stream, 'here')) seen += chunk.byteLength;
  };
  await expect(reading()).rejects.toMatchObject({ code, message: expect.stringContaining('here') });
  expect(seen).toBeLessThan(100);
});

test.each(['5.0', '5e0', '5E+0', '50e-1', '-5', '-0.0', '9007199254740993', '1e400', '"5"', 'null'])(
  'parseManifest: a size written as %s is refused, wherever a descriptor stands',
  (size) => {
    const descriptor = JSON.stringify(blob('a')).replace('"size":1', `"size":${size}`);
    const { digest } = blob('{}');
    const valid = JSON.stringify(blob('{}'));
    for (const text of [
      `{"schemaVersion":2,"mediaType":"${MANIFEST}","config":${descriptor},"layers":[]}`,
      `{"schemaVersion":2,"mediaType":"${MANIFEST}","config":${valid},"layers":[${valid},${descriptor}]}`,
      `{"schemaVersion":2,"mediaType":"${MANIFEST}","config":${valid},"layers":[],"subject":${descriptor}}`,
      `{"schemaVersion":2,"mediaType":"${INDEX}","manifests":[${descriptor}]}`,
      `{"schemaVersion":2,"mediaType":"${INDEX}","manifests":[{"size":1,"digest":"${digest}","mediaType":"x","s\\u0069ze":${size}}]}`,
    ]) {
      expect(() => parseManifest(Buffer.from(text), undefined, 'm'), text).toThrow(
        expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' }),
      );
      // It is the size that is refused.
      if (text.includes(descriptor))
        expect(parseManifest(Buffer.from(text.replace(descriptor, valid)), undefined, 'm')).toBeDefined();
    }
  },
);

test.each(['2.0', '2e0', '20e-1'])('parseManifest: a schemaVersion written as %s is refused', (version) => {
  const text = Buffer.from(manifestOf({})).toString().replace('"schemaVersion":2', `"schemaVersion":${version}`);
  expect(() => parseManifest(Buffer.from(text), undefined, 'm')).toThrow(/schemaversion/);
});

test('parseManifest: fractions in members that readers do not look at are let be', () => {
  const bytes = manifestOf({
    extra: { size: 5.5, list: [1.5, { size: 2.5 }], config: { size: 0.5 } },
    annotations: { a: '5.0 e' },
  });
  expect(parseManifest(bytes, MANIFEST, 'm').kind).toBe('manifest');
});

test.each([
  ['Layers', []],
  ['CONFIG', blob('b')],
  ['mediatype', INDEX],
  ['schemaversion', 2],
  ['Subject', blob('s', MANIFEST)],
  ['Annotation\u017f', {}],
])('parseManifest: a member %s, which Go takes for another, is refused', (name, value) => {
  expect(() => parseManifest(manifestOf({ [name]: value }), undefined, 'm')).toThrow(
    expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' }),
  );
});

test.each(['Size', 'DIGEST', 'mediaTYPE', '\u017fize', 'Urls', 'Data'])(
  'parseManifest: a member %s of a descriptor is refused',
  (name) => {
    const layer = { ...blob('a'), [name]: 7 };
    expect(() => parseManifest(manifestOf({ layers: [layer] }), undefined, 'm')).toThrow(
      expect.objectContaining({ code: 'ERR_EXPORT_MANIFEST_INVALID' }),
    );
  },
);

test.each(['[]', '{}', '1', '"a"', '{"a":1}', '1e5', '[[[[[[[[]]]]]]]]'])(
  'parseManifest: a text of 4 MB of %s is refused before it is read',
  (value) => {
    const count = Math.floor(4_000_000 / (value.length + 1));
    const bomb = Buffer.from(`{"schemaVersion":2,"manifests":[],"x":[${Array(count).fill(value).join(',')}]}`);
    expect(() => parseManifest(bomb, undefined, 'm')).toThrow(/too many JSON values/);
    expect(detectManifestType(bomb)).toBeUndefined();
  },
);

test('parseManifest: an index of 10,000 entries with five annotations each is read, one of 25,000 is refused', () => {
  const annotations = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`org.example.${i}`, 'value']));
  const child = { ...blob('a', MANIFEST), artifactType: 'application/x', annotations };
  const indexOf = (count: number, entry: unknown) =>
    encode({ schemaVersion: 2, mediaType: INDEX, manifests: Array(count).fill(entry) });
  const index = parseManifest(indexOf(10_000, child), undefined, 'm');
  expect(index.kind === 'index' && index.manifests.length).toBe(10_000);
  expect(() => parseManifest(indexOf(25_000, blob('a', MANIFEST)), undefined, 'm')).toThrow(/25000 entries/);
});

const named = (count: number, write: (i: number) => string) =>
  `{${Array.from({ length: count }, (_, i) => `"${write(i)}":"v"`).join(',')}}`;
const withMember = (name: string, json: string) =>
  Buffer.from(`${Buffer.from(manifestOf({})).toString().slice(0, -1)},"${name}":${json}}`);
const plain = (i: number) => `name.${i}`;
const escaped = (i: number) => `\\u006eame.${i}`;

test.each([
  ['annotations', named(100_000, plain), /too many members of different names/],
  ['annotations', named(3_000, plain), /too many members of different names/],
  ['unknown', named(140_000, escaped), /too many members of different names/],
  ['unknown', `[${Array(10_000).fill(named(15, plain)).join(',')}]`, /too many JSON values/],
  [
    'unknown',
    `[${Array.from({ length: 9_000 }, (_, n) => named(5, (i) => `${n}.${i}`)).join(',')}]`,
    /too many members of different names/,
  ],
  [
    'unknown',
    `[${Array.from({ length: 900 }, (_, n) => named(30, (i) => `${(n * 7 + i * (n % 97)) % 300}.${i}`)).join(',')}]`,
    /too many members of different names/,
  ],
  ['unknown', `[${Array(4_000).fill(named(4, escaped)).join(',')}]`, /ambiguous or invalid manifest JSON/],
  ['unknown', `{"${'\\u006b'.repeat(600_000)}":0}`, /ambiguous or invalid manifest JSON/],
])('parseManifest: too many members in %s (%#) are refused by their count', (name, json, message) => {
  expect(() => parseManifest(withMember(name, json), MANIFEST, 'm')).toThrow(message);
});

test('parseManifest: hundreds of names, plain and escaped, are read', () => {
  expect(parseManifest(withMember('annotations', named(900, plain)), MANIFEST, 'm').annotations['name.899']).toBe('v');
  expect(parseManifest(withMember('annotations', named(900, escaped)), MANIFEST, 'm').annotations['name.899']).toBe(
    'v',
  );
});

test.each([
  ...['YQ', 'YQ=', '_w==', ' YQ==', '!!', 'YQ==YQ==', '', 'Yg==', 'YWI='].map((data) => ['data', { data }] as const),
  ...['http://x.test', [1], {}].map((urls) => ['urls', { urls }] as const),
  ...['linux', [], 1].map((platform) => ['platform', { platform }] as const),
  ...['os', 'architecture', 'variant', 'os.version'].map(
    (key) => [`platform.${key}`, { platform: { [key]: 1 } }] as const,
  ),
  ['platform.os.features', { platform: { 'os.features': 'x' } }] as const,
  ['platform.os.features', { platform: { 'os.features': [1] } }] as const,
  ['platform.features', { platform: { features: [1] } }] as const,
  ['platform.OS', { platform: { OS: 'linux' } }] as const,
])('parseManifest: a descriptor whose %s no Go client reads is refused, wherever it stands (%#)', (member, change) => {
  const wrong = { ...blob('a', MANIFEST), ...change };
  const artifact = 'application/vnd.oci.artifact.manifest.v1+json';
  for (const [field, bytes] of [
    ['config', manifestOf({ config: wrong })],
    ['layers[1]', manifestOf({ layers: [blob('b'), wrong] })],
    ['subject', manifestOf({ subject: wrong })],
    ['manifests[0]', encode({ schemaVersion: 2, mediaType: INDEX, manifests: [wrong] })],
    ['blobs[0]', encode({ mediaType: artifact, blobs: [wrong] })],
  ] as const) {
    expect(() => parseManifest(bytes, undefined, 'm')).toThrow(
      expect.objectContaining({
        code: 'ERR_EXPORT_MANIFEST_INVALID',
        details: expect.objectContaining({ field: `${field}.${member}` }),
      }),
    );
  }
});

test('parseManifest: what Go clients read in a descriptor is let be', () => {
  for (const change of [
    { data: 'YQ==' },
    { data: 'YQ=\n=' },
    { data: null, urls: null, platform: null },
    { urls: [] },
    { platform: { os: null, 'os.features': null, odd: 1 } },
    { platform: { os: 'windows', architecture: 'amd64', 'os.version': '10', 'os.features': ['win32k'] } },
  ])
    expect(parseManifest(manifestOf({ layers: [{ ...blob('a'), ...change }] }), MANIFEST, 'm').kind).toBe('manifest');
});
