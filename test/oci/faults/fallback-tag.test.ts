import { expect, test } from 'vitest';
import { type Descriptor, type Digest, digestOf } from '#core';
import { packIndex } from '#oci/image';
import { readJson } from '../../core/read-json.ts';
import { inPieces, listAll, pushArtifact } from '../content.ts';
import { useFaulty } from './faulty.ts';

const faulty = useFaulty();

test('fallback tag: several writers lose nothing', async () => {
  await faulty.restart({ referrers: false });
  const root = await pushArtifact(await faulty.open(), 'root');
  // Answers in their own time, so that writers do cross.
  faulty.double.fault = async () => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    return false;
  };
  const writers = await Promise.all(Array.from({ length: 4 }, () => faulty.open()));
  const pushed = await Promise.all(
    writers.flatMap((writer, i) =>
      Array.from({ length: 5 }, (_, j) =>
        pushArtifact(writer, `sig ${i} ${j}`, { subject: root, annotations: { n: `${i} ${j}` } }),
      ),
    ),
  );
  const found = await listAll((await faulty.open()).referrers(root.digest));
  expect(found.map(({ digest }) => digest).sort()).toEqual(pushed.map(({ digest }) => digest).sort());
});

test('fallback tag: writers, one who deletes, and one who knows of nobody', async () => {
  await faulty.restart({ referrers: false });
  const setup = await faulty.open();
  const root = await pushArtifact(setup, 'root');
  const doomed = await pushArtifact(setup, 'doomed', { subject: root });
  const tag = `a ${root.digest.replace(':', '-')}`;
  const before = faulty.double.tags.get(tag) ?? '';
  // Another program writes the list as it was before, once, over what others have written.
  let writes = 0;
  faulty.double.fault = async (request, _, path) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    if (request.method === 'PUT' && path.endsWith(tag.slice(2)) && ++writes === 3) {
      setTimeout(() => faulty.double.tags.set(tag, before), 5);
    }
    return false;
  };
  const writers = await Promise.all([faulty.open(), faulty.open(), faulty.open()]);
  const pushing = writers.map((writer, i) => pushArtifact(writer, `sig ${i}`, { subject: root }));
  const [pushed] = await Promise.all([Promise.all(pushing), (await faulty.open()).delete(doomed)]);
  const found = await listAll((await faulty.open()).referrers(root.digest));
  expect(found.map(({ digest }) => digest).sort()).toEqual(pushed.map(({ digest }) => digest).sort());
});

test('fallback tag: an entry that is not there any more holds nobody up', async () => {
  await faulty.restart({ referrers: false });
  const repository = await faulty.open();
  const root = await pushArtifact(repository, 'root');
  const [gone, stays] = [
    await pushArtifact(repository, 'gone', { subject: root }),
    await pushArtifact(repository, 'stays', { subject: root }),
  ];
  // Deleted by somebody who knows nothing of the list.
  faulty.double.manifests.delete(`a ${gone.digest}`);
  const next = await pushArtifact(await faulty.open(), 'next', { subject: root });
  const digest = faulty.double.tags.get(`a ${root.digest.replace(':', '-')}`);
  const { manifests } = readJson(faulty.double.manifests.get(`a ${digest}`)?.bytes.toString() ?? '{}');
  const listed = manifests.map((entry: { digest: string }) => entry.digest);
  expect(listed).toEqual([stays.digest, next.digest].sort());
});

/** Rewrites the list of a subject's referrers as clients do that leave the artifactType out. */
function listBare(subject: Descriptor): void {
  const tag = `a ${subject.digest.replace(':', '-')}`;
  const held = faulty.double.manifests.get(`a ${faulty.double.tags.get(tag)}`);
  const index = readJson(held?.bytes.toString() ?? '{}');
  for (const entry of index.manifests) delete entry.artifactType;
  const bytes = Buffer.from(JSON.stringify(index));
  const digest = digestOf(bytes);
  faulty.double.manifests.set(`a ${digest}`, { ...held, bytes } as never);
  faulty.double.tags.set(tag, digest);
}

test.each([
  ['gone', undefined],
  ['another content', Buffer.from('{}')],
])('fallback tag: an entry whose manifest is %s is listed, so that a copy tells it', async (_, bytes) => {
  await faulty.restart({ referrers: false });
  const repository = await faulty.open();
  const root = await pushArtifact(repository, 'root');
  await repository.tag(root, 'v1');
  const lost = await pushArtifact(repository, 'lost', { subject: root });
  const stays = await pushArtifact(repository, 'stays', { subject: root });
  listBare(root);
  const name = `a ${lost.digest}`;
  if (bytes === undefined) faulty.double.manifests.delete(name);
  else faulty.double.manifests.set(name, { ...faulty.double.manifests.get(name), bytes } as never);
  const found = await listAll((await faulty.open()).referrers(root.digest));
  expect(found.map(({ digest }) => digest).sort()).toEqual([lost.digest, stays.digest].sort());
});

test('fallback tag: one that is no index is not overwritten', async () => {
  await faulty.restart({ referrers: false });
  const repository = await faulty.open();
  const root = await pushArtifact(repository, 'root');
  const tag = root.digest.replace(':', '-');
  await repository.tag(await pushArtifact(repository, 'not a list'), tag);
  const before = faulty.double.tags.get(`a ${tag}`);
  await expect(pushArtifact(repository, 'sig', { subject: root })).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
  });
  expect(faulty.double.tags.get(`a ${tag}`)).toBe(before);
});

/** Takes a fallback tag for the digest that it spells, as one large registry does. */
function resolveDashes(): void {
  faulty.double.fault = (request, response, path) => {
    const hex = /\/manifests\/sha256-([0-9a-f]{64})$/.exec(path)?.[1];
    if (hex === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
    const found = faulty.double.manifests.get(`a sha256:${hex}`);
    response.writeHead(found === undefined ? 404 : 200, {
      'content-type': found?.type ?? 'text/plain',
      'content-length': found?.bytes.byteLength ?? 0,
      'docker-content-digest': `sha256:${hex}`,
    });
    response.end(request.method === 'GET' ? found?.bytes : undefined);
    return true;
  };
}

test('fallback tag: a subject that answers for its own tag has no referrers', async () => {
  await faulty.restart({ referrers: false });
  resolveDashes();
  const repository = await faulty.open();
  const child = await pushArtifact(repository, 'child');
  const annotated = { ...child, artifactType: 'x/y', annotations: { a: 'b' } };
  const { descriptor, bytes } = packIndex({ manifests: [annotated] });
  await repository.push(descriptor, inPieces(bytes, 100));
  for (const { digest } of [child, descriptor]) expect(await listAll(repository.referrers(digest))).toEqual([]);
});

test('fallback tag: where it cannot be kept, a referrer is refused and nothing is overwritten', async () => {
  await faulty.restart({ referrers: false });
  resolveDashes();
  const repository = await faulty.open();
  const root = await pushArtifact(repository, 'root');
  await expect(pushArtifact(repository, 'sig', { subject: root })).rejects.toMatchObject({
    code: 'ERR_EXPORT_UNSUPPORTED',
    message: expect.stringContaining('the registry treats this tag as a digest'),
  });
  expect(faulty.double.tags.size).toBe(0);
  // Nothing lists it, so it can be deleted.
  const lone = faulty.double.manifests.keys().find((key) => key !== `a ${root.digest}`) as string;
  const { bytes, type } = faulty.double.manifests.get(lone) as { bytes: Buffer; type: string };
  expect(await repository.delete({ mediaType: type, digest: lone.slice(2) as Digest, size: bytes.length })).toBe(true);
});
