import { expect, test } from 'vitest';
import { describe, listAll, noise, pushArtifact } from '../content.ts';
import { RegistryDouble, send, sendError } from '../registry-double.ts';
import { fetchAll, useFaulty, writeEndlessly } from './faulty.ts';

const faulty = useFaulty();

test.each([
  ['no Content-Type', { 'docker-content-digest': '-', 'content-type': undefined }],
  ['no Docker-Content-Digest', { 'docker-content-digest': undefined }],
  ['a type of something else', { 'content-type': 'text/html' }],
])('resolve: a HEAD with %s is made good by a GET', async (_, changes) => {
  const repository = await faulty.open();
  const manifest = await pushArtifact(repository, 'x');
  await repository.tag(manifest, 'v1');
  faulty.misbehave('HEAD', /manifests/, (response) => {
    const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': manifest.digest, ...changes };
    const known = Object.entries(headers).filter(([, value]) => value !== undefined) as [string, string][];
    send(response, 200, Object.fromEntries(known), manifest.size);
  });
  const other = await faulty.open();
  expect(await other.resolve('v1')).toEqual({
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.size,
  });
});

test('resolve: a registry without HEAD', async () => {
  const manifest = await pushArtifact(await faulty.open(), 'x');
  faulty.misbehave('HEAD', /manifests/, (response) => send(response, 405, {}));
  expect((await (await faulty.open()).resolve(manifest.digest))?.digest).toBe(manifest.digest);
});

test('resolve: another digest than asked for', async () => {
  const repository = await faulty.open();
  const manifest = await pushArtifact(repository, 'x');
  const other = describe(noise(5)).digest;
  faulty.misbehave('HEAD', /manifests/, (response) =>
    send(response, 200, { 'content-type': manifest.mediaType, 'docker-content-digest': other }, manifest.size),
  );
  await expect(repository.resolve(manifest.digest)).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
});

test('fetch: a manifest that is another, too long or without end', async () => {
  const manifest = await pushArtifact(await faulty.open(), 'x');
  const fetched = async () => fetchAll(await faulty.open(), manifest);
  faulty.misbehave('GET', /manifests/, (response) => send(response, 200, {}, Buffer.alloc(manifest.size, 0x20)));
  await expect(fetched()).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
  faulty.misbehave('GET', /manifests/, (response) => send(response, 200, {}, Buffer.alloc(manifest.size + 1)));
  await expect(fetched()).rejects.toMatchObject({ code: 'ERR_EXPORT_SIZE_MISMATCH' });
  faulty.misbehave('GET', /manifests/, (response) => {
    response.writeHead(200);
    return writeEndlessly(response);
  });
  await expect(fetched()).rejects.toMatchObject({ code: 'ERR_EXPORT_SIZE_MISMATCH' });
});

test.each([
  ['in a circle', () => '/v2/a/tags/list?x=1'],
  ['for ever', () => `/v2/a/tags/list?x=${Math.random()}`],
  ['to another host', () => 'http://127.0.0.1:1/v2/a/tags/list'],
])('tags: pages that lead %s end in an error', async (_, next) => {
  faulty.misbehave('GET', /tags/, (response) => {
    const body = Buffer.from('{"name":"a","tags":["v1"]}');
    send(response, 200, { 'content-type': 'application/json', link: `<${next()}>; rel="next"` }, body);
  });
  await expect(listAll((await faulty.open()).tags())).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
  expect(faulty.double.count('GET', /tags/)).toBeLessThan(50);
});

test('tags: not JSON, null, and no repository', async () => {
  const repository = await faulty.open();
  faulty.misbehave('GET', /tags/, (response) => send(response, 200, {}, '<html>'));
  await expect(listAll(repository.tags())).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
  faulty.misbehave('GET', /tags/, (response) => send(response, 200, {}, '{"name":"a","tags":null}'));
  expect(await listAll(repository.tags())).toEqual([]);
  faulty.misbehave('GET', /tags/, (response) => send(response, 200, {}, '{"name":"a"}'));
  expect(await listAll(repository.tags())).toEqual([]);
  faulty.misbehave('GET', /tags/, (response) => sendError(response, 404, 'NAME_UNKNOWN'));
  await expect(listAll(repository.tags())).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
});

test.each([
  ['an object without tags', '{"status":"ok"}'],
  ['tags that are no list', '{"name":"a","tags":"v1"}'],
  ['tags that are an object', '{"name":"a","tags":{"v1":true}}'],
])('tags: %s is not a list of tags', async (_, body) => {
  faulty.misbehave('GET', /tags/, (response) => send(response, 200, {}, body));
  await expect(listAll((await faulty.open()).tags())).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
});

test('tags: names that cannot be tags are told, each once', async () => {
  const body = JSON.stringify({ name: 'a', tags: ['v1', '-bad', 'no/slash', '-bad', 7, null, 'x'.repeat(129), ''] });
  faulty.misbehave('GET', /tags/, (response) => send(response, 200, {}, body));
  const invalid: string[] = [];
  const repository = await faulty.open();
  expect(await listAll(repository.tags({ onInvalid: (name) => invalid.push(name) }))).toEqual(['v1']);
  expect(invalid).toEqual(['', '-bad', '7', 'no/slash', 'null', 'x'.repeat(129)]);
});

test.each([
  ['a registry that does not say why', 200, 'ERR_EXPORT_NOT_FOUND'],
  ['a registry that wants a login', 403, 'ERR_EXPORT_NOT_FOUND'],
  ['a web server', 404, 'ERR_EXPORT_REGISTRY_PROTOCOL'],
  ['a server of something else', 500, 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
])('tags: 404 of %s', async (_, ping, code) => {
  faulty.misbehave('GET', /./, (response, request) => {
    if (request.url === '/v2/') send(response, ping, {}, '');
    else send(response, 404, { 'content-type': 'text/html' }, '<html>');
  });
  await expect(listAll((await faulty.open({ retry: { attempts: 1 } })).tags())).rejects.toMatchObject({ code });
});

const INDEX = { 'content-type': 'application/vnd.oci.image.index.v1+json' };

test('referrers: a list with nonsense in it is refused, duplicates are one, unknown digests are passed over', async () => {
  const repository = await faulty.open();
  const subject = describe(noise(1)).digest;
  const good = { ...describe(noise(2), 'application/vnd.oci.image.manifest.v1+json'), artifactType: 'x/y' };
  const answer = (manifests: unknown) =>
    faulty.misbehave('GET', /referrers/, (response) =>
      send(response, 200, INDEX, JSON.stringify({ schemaVersion: 2, manifests })),
    );
  answer([good, { ...good, artifactType: 'x/other' }, { ...good, digest: `blake3:${'0'.repeat(64)}` }]);
  expect(await listAll(repository.referrers(subject))).toEqual([good]);
  for (const bad of [[null], [{}], [{ ...good, size: -1 }], [{ ...good, digest: 'sha256:12' }], {}, 'x']) {
    answer(bad);
    await expect(listAll(repository.referrers(subject))).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_EXPORT_(REGISTRY_PROTOCOL|MANIFEST_INVALID)$/),
    });
  }
});

test('referrers: a registry that leads to its web pages has none of its own', async () => {
  const elsewhere = await RegistryDouble.start();
  const manifest = await pushArtifact(await faulty.open(), 'x');
  faulty.misbehave('GET', /referrers/, (response) =>
    send(response, 303, { location: `http://${elsewhere.host}/login` }),
  );
  const repository = await faulty.open();
  const signature = await pushArtifact(repository, 'sig', { subject: manifest, annotations: { a: 'b' } });
  expect((await listAll(repository.referrers(manifest.digest))).map(({ digest }) => digest)).toEqual([
    signature.digest,
  ]);
  expect(faulty.double.tags.has(`a ${manifest.digest.replace(':', '-')}`)).toBe(true);
  expect(elsewhere.seen).toEqual([]);
  await elsewhere.close();
});

test.each([
  ['application/json', { 'content-type': 'application/json; charset=utf-8' }],
  ['no type', {}],
])('referrers: what an API lists as %s counts, beside the fallback tag that other clients keep', async (_, headers) => {
  await faulty.restart({ referrers: false });
  const setup = await faulty.open();
  const root = await pushArtifact(setup, 'x');
  const tagged = await pushArtifact(setup, 'tagged', { subject: root, annotations: { a: 'b' } });
  const listed = await pushArtifact(setup, 'listed', { annotations: { a: 'b' } });
  const entries = [tagged, listed].map((entry) => ({ ...entry, artifactType: 'x/y' }));
  const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX['content-type'], manifests: entries });
  faulty.misbehave('GET', /referrers/, (response) => send(response, 200, headers, body));
  const repository = await faulty.open();
  const found = await listAll(repository.referrers(root.digest));
  expect(found.map(({ digest }) => digest).sort()).toEqual([tagged.digest, listed.digest].sort());
  // oras and regctl find it there by the tag alone.
  const added = await pushArtifact(repository, 'added', { subject: root, annotations: { a: 'b' } });
  const index = faulty.double.tags.get(`a ${root.digest.replace(':', '-')}`);
  expect(faulty.double.manifests.get(`a ${index}`)?.bytes.toString()).toContain(added.digest);
});

test('referrers: JSON that is no index is no list of them', async () => {
  await faulty.restart({ referrers: false });
  const setup = await faulty.open();
  const root = await pushArtifact(setup, 'x');
  const tagged = await pushArtifact(setup, 'tagged', { subject: root, annotations: { a: 'b' } });
  for (const body of ['{}', '{"manifests":[]}', '{"errors":[]}', '[]', '<html>', '']) {
    faulty.misbehave('GET', /referrers/, (response) =>
      send(response, 200, { 'content-type': 'application/json' }, body),
    );
    const found = await listAll((await faulty.open()).referrers(root.digest));
    expect({ body, found: found.map(({ digest }) => digest) }).toEqual({ body, found: [tagged.digest] });
  }
});

test('referrers: a filter is applied here too', async () => {
  const repository = await faulty.open();
  const root = await pushArtifact(repository, 'x');
  await pushArtifact(repository, 'one', { subject: root, artifactType: 'x/one' });
  const two = await pushArtifact(repository, 'two', { subject: root, artifactType: 'x/two' });
  // The double ignores the filter, as many registries do.
  const found = await listAll(repository.referrers(root.digest, { artifactType: 'x/two' }));
  expect(found.map(({ digest }) => digest)).toEqual([two.digest]);
});

test('referrers: entries of the fallback tag that others wrote badly are read from the manifest', async () => {
  await faulty.restart({ referrers: false });
  const repository = await faulty.open();
  const root = await pushArtifact(repository, 'x');
  const one = await pushArtifact(repository, 'one', { subject: root, artifactType: 'x/one', annotations: { a: 'b' } });
  const unrelated = await pushArtifact(repository, 'unrelated');
  const gone = describe(noise(77), root.mediaType);
  const entries = [
    { ...one, artifactType: 'application/vnd.oci.empty.v1+json' },
    { mediaType: unrelated.mediaType, digest: unrelated.digest, size: unrelated.size },
    gone,
  ].map(({ mediaType, digest, size, ...rest }) => ({ mediaType, digest, size, ...rest }));
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX['content-type'], manifests: entries }));
  const { digest } = describe(index);
  faulty.double.manifests.set(`a ${digest}`, { bytes: index, type: INDEX['content-type'] });
  faulty.double.tags.set(`a ${root.digest.replace(':', '-')}`, digest);
  const found = await listAll((await faulty.open()).referrers(root.digest));
  expect(found).toEqual([
    { mediaType: one.mediaType, digest: one.digest, size: one.size, artifactType: 'x/one', annotations: { a: 'b' } },
    gone,
  ]);
});

test('delete: a registry that does not delete says so', async () => {
  const repository = await faulty.open();
  const manifest = await pushArtifact(repository, 'x');
  faulty.misbehave('DELETE', /./, (response) => sendError(response, 405, 'UNSUPPORTED'));
  await expect(repository.delete(manifest)).rejects.toMatchObject({ code: 'ERR_EXPORT_UNSUPPORTED' });
});
