import { expect, test } from 'vitest';
import { Semaphore } from '../../../src/oci/transfer/copy/semaphore.ts';
import { noise } from '../content.ts';
import { send, sendError } from '../registry-double.ts';
import { fetchAll, useFaulty, writeEndlessly } from './faulty.ts';

const faulty = useFaulty();

test.each([
  [400, 'ERR_EXPORT_REGISTRY_REFUSED'],
  [401, 'ERR_EXPORT_UNAUTHORIZED'],
  [403, 'ERR_EXPORT_FORBIDDEN'],
  [404, 'ERR_EXPORT_NOT_FOUND'],
  [418, 'ERR_EXPORT_REGISTRY_REFUSED'],
  [429, 'ERR_EXPORT_RATE_LIMITED'],
  [500, 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
  [503, 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
  [300, 'ERR_EXPORT_REGISTRY_PROTOCOL'],
  [302, 'ERR_EXPORT_REGISTRY_PROTOCOL'],
])('any: %i for ever is %s, with what the registry says', async (status, code) => {
  const descriptor = faulty.hold(noise(100));
  faulty.misbehave('GET', /blobs/, (response) => sendError(response, status, 'SOME_CODE', 'in its own words'));
  const repository = await faulty.open({ retry: { attempts: 2, budgetMs: 1000 } });
  const error = await fetchAll(repository, descriptor).catch((fault: unknown) => fault);
  expect(error).toMatchObject({ code, hint: expect.stringMatching(/./) });
  if (status !== 404) expect(error).toMatchObject({ message: expect.stringContaining('SOME_CODE: in its own words') });
});

test('any: a registry that finds its own content damaged is believed at once', async () => {
  const descriptor = faulty.hold(noise(100));
  let asked = 0;
  faulty.misbehave('GET', /blobs/, (response) => {
    asked++;
    sendError(response, 500, 'DIGEST_INVALID', `${descriptor.digest}: damaged`);
  });
  await expect(fetchAll(await faulty.open(), descriptor)).rejects.toMatchObject({
    code: 'ERR_EXPORT_DIGEST_MISMATCH',
    message: expect.stringContaining(`${descriptor.digest}: damaged`),
  });
  expect(asked).toBe(1);
});

test('any: what a registry says is clipped and holds no secret', async () => {
  const descriptor = faulty.hold(noise(100));
  const message = `sent Bearer abc.def and basic dXNlcg== to https://u:p@h/x?sig=s3cret \u001b[31m${'x'.repeat(5000)}`;
  faulty.misbehave('GET', /blobs/, (response) => sendError(response, 400, 'ODD', message));
  const error = (await fetchAll(await faulty.open(), descriptor).catch((fault: unknown) => fault)) as Error;
  expect(error.message).toContain('ODD');
  expect(error.message).not.toMatch(/abc\.def|dXNlcg|s3cret|u:p|\p{Cc}/u);
  expect(error.message.length).toBeLessThan(700);
});

test('any: an error without end is not read to its end', async () => {
  const descriptor = faulty.hold(noise(100));
  faulty.misbehave('GET', /blobs/, (response) => {
    response.writeHead(400);
    return writeEndlessly(response);
  });
  await expect(fetchAll(await faulty.open(), descriptor)).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_REFUSED',
  });
});

test.each([
  ['seconds', () => '1'],
  ['a date', () => new Date(Date.now() + 1500).toUTCString()],
])('retry: waits as told in %s, and says so', async (_, retryAfter) => {
  const descriptor = faulty.hold(noise(100));
  faulty.misbehave('GET', /blobs/, (response) => send(response, 429, { 'retry-after': retryAfter() }), 2);
  const waits: number[] = [];
  const repository = await faulty.open({ retry: { attempts: 1, onWait: ({ waitMs }) => waits.push(waitMs) } });
  const began = performance.now();
  expect(Buffer.compare(await fetchAll(repository, descriptor), noise(100))).toBe(0);
  expect(performance.now() - began).toBeGreaterThan(500);
  expect(waits).toHaveLength(2);
});

test('retry: what would take longer than the budget is not waited for', async () => {
  const descriptor = faulty.hold(noise(100));
  faulty.misbehave('GET', /blobs/, (response) => send(response, 429, { 'retry-after': '3600' }));
  const repository = await faulty.open({ retry: { budgetMs: 2000 } });
  const began = performance.now();
  await expect(fetchAll(repository, descriptor)).rejects.toMatchObject({
    code: 'ERR_EXPORT_RATE_LIMITED',
    message: expect.stringContaining('3601 s'),
  });
  expect(performance.now() - began).toBeLessThan(1500);
});

test('retry: one host that is busy holds back all requests to it, and a storm passes', async () => {
  const descriptors = Array.from({ length: 20 }, (_, i) => faulty.hold(noise(100, String(i))));
  let busyUntil = 0;
  let refused = 0;
  faulty.double.fault = (_, response, path) => {
    if (!path.includes('/blobs/')) return false;
    if (busyUntil === 0) busyUntil = performance.now() + 1000;
    if (performance.now() > busyUntil) return false;
    refused++;
    send(response, 429, { 'retry-after': '1' });
    return true;
  };
  const repository = await faulty.open({ retry: { attempts: 1 } });
  const semaphore = new Semaphore(4);
  await Promise.all(descriptors.map((descriptor) => semaphore.run(() => fetchAll(repository, descriptor))));
  // Those that were under way when the first was refused, and nobody after them.
  expect(refused).toBeLessThanOrEqual(4);
});

test('retry: an abort ends the wait', async () => {
  faulty.misbehave('HEAD', /./, (response) => send(response, 503, { 'retry-after': '60' }));
  const repository = await faulty.open();
  const signal = AbortSignal.timeout(200);
  const began = performance.now();
  await expect(repository.resolve('v1', { signal })).rejects.toThrow(/timeout|aborted/i);
  expect(performance.now() - began).toBeLessThan(3000);
});
