import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packIndex, parseReference, type Repository } from '#oci/image';
import {
  type CopyOptions,
  type CopyReport,
  copy,
  discover,
  openRepository,
  parsePlatform,
  selectPlatform,
  verifyCopy,
} from '#oci/transfer';
import { copyLimits } from '../../../src/oci/transfer/copy/planner.ts';
import { describe, inPieces, noise, pushArtifact } from '../content.ts';
import { RegistryDouble, send } from '../registry-double.ts';
import { useFaulty } from './faulty.ts';

const faulty = useFaulty();
let target: RegistryDouble;
let writer: Repository;

beforeEach(async () => {
  target = await RegistryDouble.start();
  writer = await openRepository(parseReference(`${target.host}/t`), { env: {}, retry: { attempts: 1 } });
});

afterEach(async () => {
  await writer.close();
  await target.close();
});

async function pushIndex(repository: Repository, manifests: Descriptor[]): Promise<Descriptor> {
  const { descriptor, bytes } = packIndex({ manifests });
  await repository.push(descriptor, inPieces(bytes, 10_000));
  return descriptor;
}

async function copyAll(root: Descriptor, options: CopyOptions = {}): Promise<CopyReport> {
  const tags = [{ tag: 'v1', descriptor: root }];
  return copy(await faulty.open(), writer, [root], { referrers: true, cosignTags: true, tags, ...options });
}

test('indexes with two ways to each of the next: each is read once', async () => {
  const repository = await faulty.open();
  let level = [await pushArtifact(repository, 'one'), await pushArtifact(repository, 'two')];
  for (let depth = 0; depth < 14; depth++) {
    const [a, b] = level as [Descriptor, Descriptor];
    level = [await pushIndex(repository, [a, b]), await pushIndex(repository, [b, a])];
  }
  const root = await pushIndex(repository, level);
  faulty.double.seen.length = 0;
  const report = await copyAll(root);
  expect(report.outcomes.size).toBe(2 * 14 + 1 + 2 + 2 + 1);
  expect(faulty.double.count('GET', /manifests\/sha256:/)).toBe(2 * 14 + 1 + 2);
  expect(target.tags.get('t v1')).toBe(root.digest);
});

test('indexes that name the next one a hundred times are searched for a platform once each', async () => {
  const repository = await faulty.open();
  let level = await pushArtifact(repository, 'of no platform');
  for (let depth = 0; depth < 6; depth++) level = await pushIndex(repository, Array(100).fill(level));
  faulty.double.seen.length = 0;
  const choice = selectPlatform(await faulty.open(), level, parsePlatform('linux/amd64'));
  await expect(choice).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  expect(faulty.double.count('GET', /manifests\/sha256:/)).toBe(6 + 1);
});

test('an index that would be larger than a manifest may be is not asked for', async () => {
  const repository = await faulty.open();
  const huge = { ...describe(noise(3), 'application/vnd.oci.image.index.v1+json'), size: 5_000_000 };
  faulty.double.manifests.set(`a ${huge.digest}`, { bytes: Buffer.from(noise(3)), type: huge.mediaType });
  const root = await pushIndex(repository, [huge]);
  faulty.double.seen.length = 0;
  await expect(copyAll(root)).rejects.toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE', details: { side: 'source' } });
  expect(faulty.double.count('GET', new RegExp(huge.digest))).toBe(0);
  expect(target.tags.size).toBe(0);
});

test('contents beyond a million, levels beyond sixteen and referrers beyond ten thousand are a trap', async () => {
  expect(copyLimits).toMatchObject({ maxNodes: 1_000_000, maxDepth: 16, maxReferrers: 10_000 });
  const repository = await faulty.open();
  let level = await pushArtifact(repository, 'deep');
  for (let depth = 0; depth < 17; depth++) level = await pushIndex(repository, [level]);
  await expect(copyAll(level)).rejects.toMatchObject({
    code: 'ERR_EXPORT_TOO_LARGE',
    message: expect.stringContaining('more than 16 levels of nesting'),
  });

  const root = await pushArtifact(await faulty.open(), 'root');
  const manifests = Array.from({ length: 10_001 }, (_, i) => ({ ...describe(Buffer.from(`${i}`), root.mediaType) }));
  lieAbout(root, manifests);
  await expect(copyAll(root)).rejects.toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE' });
  expect(target.tags.size).toBe(0);
});

test('cosign tags that lead in a circle end', async () => {
  const repository = await faulty.open();
  const [a, b] = [await pushArtifact(repository, 'a'), await pushArtifact(repository, 'b')];
  const tagOf = ({ digest }: Descriptor) => `${digest.replace(':', '-')}.sig`;
  await repository.tag(b, tagOf(a));
  await repository.tag(a, tagOf(b));
  const report = await copyAll(a);
  expect(target.tags).toEqual(
    new Map([
      [`t ${tagOf(a)}`, b.digest],
      [`t ${tagOf(b)}`, a.digest],
      ['t v1', a.digest],
    ]),
  );
  expect(await verifyCopy(writer, report)).toEqual([]);
  expect((await discover(repository, a)).children).toMatchObject([{ descriptor: { digest: b.digest }, children: [] }]);
});

/** The list of referrers that the source gives for a subject, and what it says of others is true. */
function lieAbout(subject: Descriptor, manifests: unknown[]): void {
  const headers = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
  faulty.misbehave('GET', new RegExp(`referrers/${subject.digest}`), (response) =>
    send(response, 200, headers, JSON.stringify({ schemaVersion: 2, manifests })),
  );
}

test('referrers that are listed as of each other, and of themselves, end, and are taken for what they are', async () => {
  const repository = await faulty.open();
  const subject = await pushArtifact(repository, 'subject');
  const signature = await pushArtifact(repository, 'signature', { subject });
  const headers = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
  const lie = JSON.stringify({ schemaVersion: 2, manifests: [signature, subject] });
  faulty.misbehave('GET', /referrers/, (response) => send(response, 200, headers, lie));
  const report = await copyAll(subject);
  expect(report.referrers.map((each) => [each.subject, each.descriptor.digest])).toEqual([
    [subject.digest, signature.digest],
  ]);
  // What does not refer is no loss when the target does not list it.
  expect(await verifyCopy(writer, report)).toEqual([]);
  expect(target.tags.get('t v1')).toBe(subject.digest);
  const { children } = await discover(repository, subject);
  expect(children).toMatchObject([{ descriptor: { digest: signature.digest }, children: [] }]);
});

test('what one manifest is listed for, and does not refer to, is copied where it belongs', async () => {
  const repository = await faulty.open();
  const [a, b] = [await pushArtifact(repository, 'a'), await pushArtifact(repository, 'b')];
  const signature = await pushArtifact(repository, 'signature of b', { subject: b });
  const list = await pushIndex(repository, [signature]);
  const headers = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
  const lie = JSON.stringify({ schemaVersion: 2, manifests: [signature] });
  faulty.misbehave('GET', /referrers/, (response) => send(response, 200, headers, lie));
  const tags = [
    { tag: 'a', descriptor: a },
    { tag: 'b', descriptor: b },
    { tag: 'list', descriptor: list },
  ];
  const report = await copy(await faulty.open(), writer, [a, b, list], { referrers: true, tags });
  expect(report.referrers).toMatchObject([{ subject: b.digest, descriptor: { digest: signature.digest } }]);
  expect(report.excluded.map(({ descriptor }) => descriptor.digest)).toContain(signature.digest);
  expect([...target.tags.keys()].sort()).toEqual(['t a', 't b', 't list']);
  expect(await verifyCopy(writer, report)).toEqual([]);
});

test.each([
  ['is not there', (_: Descriptor) => describe(noise(1)), 'ERR_EXPORT_NOT_FOUND'],
  ['is shorter', (real: Descriptor) => ({ ...real, size: real.size - 1 }), 'ERR_EXPORT_SIZE_MISMATCH'],
  ['is longer', (real: Descriptor) => ({ ...real, size: real.size + 1 }), 'ERR_EXPORT_SIZE_MISMATCH'],
  [
    'is an index',
    (real: Descriptor) => ({ ...real, mediaType: 'application/vnd.oci.image.index.v1+json' }),
    'ERR_EXPORT_MANIFEST_INVALID',
  ],
])('a referrer that %s, other than its list says: the copy fails, or goes on and names it', async (_, change, code) => {
  const repository = await faulty.open();
  const subject = await pushArtifact(repository, 'subject');
  const real = await pushArtifact(repository, 'signature', { subject });
  const listed = {
    ...change(real),
    ...(change(real).mediaType.includes('index') ? {} : { mediaType: real.mediaType }),
  };
  lieAbout(subject, [listed]);
  await expect(copyAll(subject)).rejects.toMatchObject({ code, details: { side: 'source', digest: listed.digest } });
  expect(target.tags.size).toBe(0);
  const report = await copyAll(subject, { keepGoing: true });
  expect(report.missing).toMatchObject([{ code, descriptor: { digest: listed.digest } }]);
  expect(report.referrers).toEqual([]);
  // The subject itself is whole.
  expect(target.tags.get('t v1')).toBe(subject.digest);
});

test('a referrer of another kind and with other annotations than listed is taken with its own', async () => {
  const repository = await faulty.open();
  const subject = await pushArtifact(repository, 'subject');
  const real = await pushArtifact(repository, 'signature', { subject, annotations: { a: 'true' } });
  lieAbout(subject, [{ ...real, artifactType: 'x/lie', annotations: { a: 'lie' } }]);
  await copyAll(subject);
  const listed = [];
  for await (const each of writer.referrers(subject.digest)) listed.push(each);
  expect(listed).toMatchObject([
    { digest: real.digest, artifactType: 'application/vnd.example.test', annotations: { a: 'true' } },
  ]);
});
