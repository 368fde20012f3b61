import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { noise, readAll } from '../content.ts';
import { send } from '../registry-double.ts';
import { fetchAll, useFaulty, writeEndlessly } from './faulty.ts';

const faulty = useFaulty();

test('pull: other bytes of the same length', async () => {
  const descriptor = faulty.hold(noise(1000));
  faulty.misbehave('GET', /blobs/, (response) => send(response, 200, {}, Buffer.from(noise(1000, 'other'))));
  await expect(fetchAll(await faulty.open(), descriptor)).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
});

test('pull: another length than promised', async () => {
  const descriptor = faulty.hold(noise(1000));
  faulty.misbehave('GET', /blobs/, (response) => send(response, 200, {}, Buffer.from(noise(999))));
  await expect(fetchAll(await faulty.open(), descriptor)).rejects.toMatchObject({ code: 'ERR_EXPORT_SIZE_MISMATCH' });
});

test('pull: a body without end is cut', async () => {
  const descriptor = faulty.hold(noise(1000));
  let sent = 0;
  faulty.misbehave('GET', /blobs/, async (response) => {
    response.writeHead(200);
    sent = await writeEndlessly(response);
  });
  await expect(fetchAll(await faulty.open(), descriptor)).rejects.toMatchObject({ code: 'ERR_EXPORT_SIZE_MISMATCH' });
  expect(sent).toBeLessThan(50_000_000);
});

const bytes = noise(3_000_000);

function cutAfter(sizeBytes: number) {
  return (response: ServerResponse) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(Buffer.from(bytes.subarray(0, sizeBytes)), () => response.destroy());
  };
}

test('pull: goes on where a connection broke, by a closed range', async () => {
  const descriptor = faulty.hold(bytes);
  faulty.misbehave('GET', /blobs/, cutAfter(1_000_000), 1);
  expect(Buffer.compare(await fetchAll(await faulty.open(), descriptor), bytes)).toBe(0);
  const ranges = faulty.double.seen.filter(({ path }) => path.includes('/blobs/')).map(({ headers }) => headers.range);
  expect(ranges).toHaveLength(2);
  expect(ranges[1]).toMatch(/^bytes=\d+-2999999$/);
  expect(Number(/=(\d+)-/.exec(ranges[1] as string)?.[1])).toBeGreaterThan(0);
});

test('pull: a registry without ranges sends the whole again', async () => {
  const descriptor = faulty.hold(bytes);
  let broken = false;
  faulty.double.fault = (request, response, path) => {
    if (!path.includes('/blobs/')) return false;
    if (!broken) {
      broken = true;
      cutAfter(1_000_000)(response);
    } else {
      expect(request.headers.range).toBeDefined();
      send(response, 200, {}, Buffer.from(bytes));
    }
    return true;
  };
  expect(Buffer.compare(await fetchAll(await faulty.open(), descriptor), bytes)).toBe(0);
});

test('pull: a connection that always breaks at one place ends in an error', async () => {
  const descriptor = faulty.hold(bytes);
  faulty.misbehave('GET', /blobs/, cutAfter(1_000_000));
  await expect(fetchAll(await faulty.open(), descriptor)).rejects.toMatchObject({ code: 'ERR_EXPORT_NETWORK' });
});

test.each([
  ['starts elsewhere', 'bytes 0-2999999/3000000'],
  ['ends elsewhere', 'bytes 1000000-1500000/3000000'],
  ['is of other content', 'bytes 1000000-2999999/4000000'],
  ['is not named', undefined],
])('pull: an answer to a range that %s is refused', async (_, contentRange) => {
  const descriptor = faulty.hold(bytes);
  faulty.misbehave('GET', /blobs/, (response) =>
    send(
      response,
      206,
      contentRange === undefined ? {} : { 'content-range': contentRange },
      Buffer.from(bytes.subarray(1_000_000)),
    ),
  );
  const repository = await faulty.open();
  const reading = readAll(await repository.fetch(descriptor, { range: { start: 1_000_000, end: 2_999_999 } }));
  await expect(reading).rejects.toMatchObject({ code: 'ERR_EXPORT_REGISTRY_PROTOCOL' });
});

test('pull: a body that stalls is given up and asked for again', async () => {
  const descriptor = faulty.hold(bytes);
  const stall = (response: ServerResponse) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(Buffer.from(bytes.subarray(0, 1000)));
  };
  faulty.misbehave('GET', /blobs/, stall, 1);
  expect(Buffer.compare(await fetchAll(await faulty.open({ idleTimeoutMs: 500 }), descriptor), bytes)).toBe(0);
});

test('any: a registry that never answers ends in an error', async () => {
  faulty.misbehave('HEAD', /./, () => undefined);
  const repository = await faulty.open({ idleTimeoutMs: 300, retry: { attempts: 2 } });
  await expect(repository.resolve('v1')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    message: expect.stringContaining('timed out'),
  });
});

test('any: nobody listens', async () => {
  const repository = await openRepository(parseReference('127.0.0.1:1/a:b'), { env: {}, retry: { attempts: 2 } });
  await expect(repository.resolve('b')).rejects.toMatchObject({
    code: 'ERR_EXPORT_NETWORK',
    message: expect.stringContaining('connection refused'),
    hint: expect.stringMatching(/./),
  });
});
