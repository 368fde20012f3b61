import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CodedError } from '#core';
import { copy } from '#oci/transfer';
import { parseRetryAfter } from '../../../src/oci/registry/headers.ts';
import { Backoff } from '../../../src/oci/registry/http/backoff.ts';
import { resolveLocation } from '../../../src/oci/registry/origin.ts';
import { describe, inPieces, noise, pushArtifact } from '../content.ts';
import { send, sendError } from '../registry-double.ts';
import { fetchAll, useFaulty, writeEndlessly } from './faulty.ts';

const faulty = useFaulty();

test('answers that are dropped are not read to their end', { timeout: 60_000 }, async () => {
  const blob = describe(noise(10));
  let sent = 0;
  const endlessly = (status: number, headers: Record<string, string>) =>
    faulty.misbehave(
      'GET',
      /blobs/,
      async (response) => {
        response.writeHead(status, headers);
        sent = await writeEndlessly(response, 200_000_000);
      },
      1,
    );
  const repository = await faulty.open();
  endlessly(404, {});
  await expect(fetchAll(repository, blob)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  expect(sent).toBeLessThan(50_000_000);
  faulty.hold(noise(10));
  endlessly(307, { location: `/v2/a/blobs/${blob.digest}` });
  expect(Buffer.compare(await fetchAll(repository, blob), noise(10))).toBe(0);
  expect(sent).toBeLessThan(50_000_000);
  endlessly(503, {});
  expect(Buffer.compare(await fetchAll(repository, blob), noise(10))).toBe(0);
  expect(sent).toBeLessThan(50_000_000);
});

test('resolve: a manifest under a tag that is larger than any may be', async () => {
  const repository = await faulty.open();
  faulty.double.fault = (request, response) => {
    if (request.method === 'HEAD') send(response, 405, {});
    else {
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
      void writeEndlessly(response);
    }
    return true;
  };
  await expect(repository.resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
});

test('resolve: a manifest that is announced as another kind is none', async () => {
  const repository = await faulty.open();
  const manifest = await pushArtifact(repository, 'x');
  await repository.tag(manifest, 'v1');
  const held = faulty.double.manifests.get(`a ${manifest.digest}`);
  const type = 'application/vnd.oci.image.index.v1+json';
  faulty.double.manifests.set(`a ${manifest.digest}`, { bytes: held?.bytes ?? Buffer.alloc(0), type });
  const other = await faulty.open();
  const found = (await other.resolve('v1')) ?? expect.fail('not there');
  const target = await faulty.open({}, 'b');
  await expect(copy(other, target, [found])).rejects.toMatchObject({ code: 'ERR_EXPORT_MANIFEST_INVALID' });
});

test('push: a registry that says that it took another manifest is not believed', async () => {
  const repository = await faulty.open();
  faulty.misbehave('PUT', /manifests/, (response, request) => {
    request.resume();
    send(response, 201, { 'docker-content-digest': describe(noise(1)).digest });
  });
  await expect(pushArtifact(repository, 'x')).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
  expect(faulty.double.tags.size).toBe(0);
});

test('push: nor one that says that it took another blob; one that names it by another algorithm is', async () => {
  const repository = await faulty.open();
  for (const [size, chunked] of [
    [10, false],
    [2_000_000, false],
    [9_000_000, true],
  ] as const) {
    for (const [said, fails] of [
      [describe(noise(1)).digest, true],
      [describe(noise(1), '', 'sha512').digest, false],
      ['nonsense', false],
    ] as const) {
      faulty.double.blobs.clear();
      faulty.double.fault = (request, response, path) => {
        if (request.method !== 'PUT' || !path.includes('digest=')) return false;
        request.resume();
        if (chunked && request.headers['content-length'] !== '0') sendError(response, 413, 'SIZE_INVALID');
        else send(response, 201, { 'docker-content-digest': said });
        return true;
      };
      const pushing = repository.push(describe(noise(size)), inPieces(noise(size), 100_000));
      if (fails) await expect(pushing).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
      else expect(await pushing).toBe('uploaded');
    }
  }
});

test.each<[string, (path: string) => boolean, number, Record<string, string>]>([
  ['no Location', (path) => path.endsWith('/uploads/'), 202, {}],
  ['200 for a session', (path) => path.endsWith('/uploads/'), 200, { location: '/x' }],
  ['202 for the end of an upload', (path) => path.includes('digest='), 202, { location: '/x' }],
])('push: %s is no way to take a blob', async (_, isAt, status, headers) => {
  faulty.double.fault = (request, response, path) => {
    if (!['POST', 'PUT'].includes(request.method ?? '') || !isAt(path)) return false;
    request.resume();
    send(response, status, headers);
    return true;
  };
  const repository = await faulty.open();
  await expect(repository.push(describe(noise(9)), inPieces(noise(9), 9))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
  });
});

test('push: a registry that counts more bytes than were sent is not believed', async () => {
  const large = noise(9_000_000);
  faulty.double.fault = (request, response) => {
    if (request.method === 'PUT' && request.headers['content-length'] !== '0') sendError(response, 413, 'SIZE_INVALID');
    else if (request.method === 'PATCH')
      send(response, 202, { location: '/v2/a/blobs/uploads/u9', range: '0-8999999' });
    else return false;
    request.resume();
    return true;
  };
  const repository = await faulty.open();
  await expect(repository.push(describe(large), inPieces(large, 100_000))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_PROTOCOL',
  });
  expect([...faulty.double.blobs.keys()]).toEqual([]);
});

test('push: a registry that does not read is given up', async () => {
  const large = noise(9_000_000);
  faulty.misbehave('PUT', /uploads/, () => undefined);
  const repository = await faulty.open({ idleTimeoutMs: 200, retry: { attempts: 2 } });
  await expect(repository.push(describe(large), inPieces(large, 100_000))).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    message: expect.stringContaining('timed out'),
  });
});

test('backoff: waits double, spread over half to the whole, and what the host says is the least', async () => {
  const failure = (retryAfterMs?: number) =>
    new CodedError('ERR_EXPORT_REGISTRY_UNAVAILABLE', 'busy', {
      details: retryAfterMs === undefined ? {} : { retryAfterMs },
    });
  const runs = Array.from({ length: 20 }, async () => {
    const waits: number[] = [];
    const backoff = new Backoff('h', { attempts: 4, firstMs: 200, onWait: ({ waitMs }) => waits.push(waitMs) });
    await expect(backoff.retry(() => Promise.reject(failure()), undefined)).rejects.toThrow('4 times');
    return waits;
  });
  const waits = await Promise.all(runs);
  for (const [i, least] of [100, 200, 400].entries()) {
    const each = waits.map((run) => run[i] ?? Number.NaN);
    expect(Math.min(...each)).toBeGreaterThanOrEqual(least - 1);
    expect(Math.max(...each)).toBeLessThanOrEqual(2 * least + 1);
    expect(new Set(each).size).toBeGreaterThan(1);
  }
  const told: number[] = [];
  const patient = new Backoff('h', { attempts: 1, firstMs: 1, onWait: ({ waitMs }) => told.push(waitMs) });
  let left = 2;
  await patient.retry(() => (left-- > 0 ? Promise.reject(failure(50)) : Promise.resolve()), undefined);
  expect(Math.min(...told)).toBeGreaterThanOrEqual(50);
});

test('parseRetryAfter: what is written comes back, and any text gives a time or none', () => {
  const now = new Date('2026-01-01T00:00:00Z');
  fc.assert(
    fc.property(fc.nat({ max: 999_999_999 }), (seconds) => {
      expect(parseRetryAfter(String(seconds), now)).toBe(seconds * 1000);
      const date = new Date(now.getTime() + seconds * 1000);
      expect(parseRetryAfter(date.toUTCString(), now)).toBe(seconds * 1000);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => (parseRetryAfter(text, now) ?? 0) >= 0));
});

test('resolveLocation: any text leads to http or https without a login, never down from TLS, or is refused', () => {
  const text = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.constantFrom('//', '\\\\', 'http:', '@').chain((begin) => fc.string().map((end) => begin + end)),
  );
  fc.assert(
    fc.property(text, fc.constantFrom('https://r.io/v2/', 'http://r.io/v2/'), (location, from) => {
      try {
        const url = resolveLocation(location, new URL(from), { what: 'redirect', registry: new URL(from) });
        expect(['http:', 'https:']).toContain(url.protocol);
        expect(url.username + url.password).toBe('');
        if (from.startsWith('https:')) expect(url.protocol).toBe('https:');
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
      }
    }),
  );
});
