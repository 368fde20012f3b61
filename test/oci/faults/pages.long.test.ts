import { expect, test } from 'vitest';
import { readJson } from '../../core/read-json.ts';
import { describe, listAll, noise, pushArtifact } from '../content.ts';
import { send, sendError } from '../registry-double.ts';
import { useFaulty, writeEndlessly } from './faulty.ts';

const faulty = useFaulty();
const INDEX = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
const subject = describe(noise(1));
const entry = (i: number) => ({ ...describe(Buffer.from(`${i}`), 'application/vnd.oci.image.manifest.v1+json') });
const page = (...manifests: unknown[]) => JSON.stringify({ schemaVersion: 2, manifests });

test('referrers: pages are read to the last, each entry once', async () => {
  const repository = await faulty.open();
  faulty.misbehave('GET', /referrers/, (response, request) => {
    const n = Number(/page=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
    const link = n < 4 ? { link: `</v2/a/referrers/${subject.digest}?page=${n + 1}>; rel="next"` } : {};
    send(response, 200, { ...INDEX, ...link }, page(entry(n), entry(n + 1)));
  });
  const found = await listAll(repository.referrers(subject.digest));
  expect(found.map(({ digest }) => digest)).toEqual([0, 1, 2, 3, 4, 5].map((i) => entry(i).digest));
  expect(faulty.double.count('GET', /referrers/)).toBe(5);
});

test('referrers: what a registry says that it has filtered is filtered here too', async () => {
  const repository = await faulty.open();
  faulty.misbehave('GET', /referrers/, (response) => {
    const both = page({ ...entry(1), artifactType: 'x/one' }, { ...entry(2), artifactType: 'x/two' });
    send(response, 200, { ...INDEX, 'oci-filters-applied': 'artifactType' }, both);
  });
  const found = await listAll(repository.referrers(subject.digest, { artifactType: 'x/two' }));
  expect(found.map(({ digest }) => digest)).toEqual([entry(2).digest]);
  expect(faulty.double.seen.at(-1)?.path).toContain('?artifactType=x%2Ftwo');
});

test.each([
  ['in a circle', (n: number) => n % 2],
  ['for ever, with nothing new', (n: number) => n + 1],
])('referrers: pages that lead %s end in an error', async (_, next) => {
  const repository = await faulty.open();
  faulty.misbehave('GET', /referrers/, (response, request) => {
    const n = Number(/page=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
    const link = `</v2/a/referrers/${subject.digest}?page=${next(n)}>; rel="next"`;
    send(response, 200, { ...INDEX, link }, page(entry(1)));
  });
  await expect(listAll(repository.referrers(subject.digest))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
  });
  expect(faulty.double.count('GET', /referrers/)).toBeLessThan(50);
});

test('tags: pages that always bring something new end too', { timeout: 120_000 }, async () => {
  const repository = await faulty.open();
  let n = 0;
  faulty.double.fault = (_, response) => {
    const body = `{"tags":["t${n}"]}`;
    send(response, 200, { link: `</v2/a/tags/list?last=t${n++}>; rel="next"` }, body);
    return true;
  };
  await expect(listAll(repository.tags())).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
    message: expect.stringContaining('do not end'),
  });
  expect(n).toBe(10_000);
});

test.each(['tags', 'referrers'])('%s: a page without end is not read to its end', async (family) => {
  const repository = await faulty.open({ retry: { attempts: 1 } });
  // That there is a list is known, so that nonsense is not taken for its absence.
  faulty.misbehave('GET', /referrers/, (response) => send(response, 200, INDEX, page()));
  expect(await listAll(repository.referrers(subject.digest))).toEqual([]);
  let sent = 0;
  faulty.misbehave('GET', /./, async (response) => {
    response.writeHead(200, INDEX);
    sent = await writeEndlessly(response, 200_000_000);
  });
  const listing = family === 'tags' ? repository.tags() : repository.referrers(subject.digest);
  await expect(listAll<unknown>(listing)).rejects.toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE' });
  expect(sent).toBeLessThan(100_000_000);
});

test('a second page that fails is an error, and no half of a list', async () => {
  const repository = await faulty.open();
  for (const [status, code] of [
    [404, 'ERR_EXPORT_NOT_FOUND'],
    [400, 'ERR_EXPORT_REGISTRY_REFUSED'],
    [503, 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
  ] as const) {
    faulty.misbehave('GET', /./, (response, request) => {
      if (request.url?.includes('page=2')) sendError(response, status, 'UNKNOWN');
      else
        send(
          response,
          200,
          { ...INDEX, link: '<?page=2>; rel="next"' },
          JSON.stringify({ tags: ['v1'], ...readJson(page(entry(1))) }),
        );
    });
    await expect(listAll(repository.tags())).rejects.toMatchObject({ code });
    await expect(listAll(repository.referrers(subject.digest))).rejects.toMatchObject({ code });
  }
});

test('a page that is cut or silent is asked for again', async () => {
  const repository = await faulty.open({ idleTimeoutMs: 200 });
  await repository.tag(await pushArtifact(repository, 'x'), 'v1');
  for (const cut of [true, false]) {
    faulty.misbehave(
      'GET',
      /tags/,
      (response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{"tags":["wrong', () => cut && response.destroy());
      },
      1,
    );
    expect(await listAll(repository.tags())).toEqual(['v1']);
  }
});
