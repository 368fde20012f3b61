import { expect, test } from 'vitest';
import type { ContentReader } from '#oci/image';
import { describe, inPieces, noise } from '../content.ts';
import { sendError } from '../registry-double.ts';
import { fetchAll, useFaulty } from './faulty.ts';

const faulty = useFaulty();

const bytes = noise(3_000_000);

test('push: a registry that wants chunks gets them', async () => {
  const large = noise(9_000_000);
  faulty.double.fault = (request, response) => {
    if (request.method !== 'PUT' || Number(request.headers['content-length']) === 0) return false;
    request.resume();
    sendError(response, 413, 'SIZE_INVALID');
    return true;
  };
  const repository = await faulty.open();
  let counted = 0;
  const outcome = await repository.push(describe(large), inPieces(large, 100_000), {
    onBytes: (size) => (counted += size),
  });
  expect(outcome).toBe('uploaded');
  expect(Buffer.compare(faulty.double.blobs.get(`a ${describe(large).digest}`) as Buffer, large)).toBe(0);
  const sizes = faulty.double.seen
    .filter(({ method }) => method === 'PATCH')
    .map(({ headers }) => Number(headers['content-length']));
  expect(sizes).toEqual([4_194_304, 4_194_304, 9_000_000 - 2 * 4_194_304]);
  expect(counted).toBe(9_000_000);
});

test('push: goes on where an upload broke, as the registry says', async () => {
  const large = noise(12_000_000);
  faulty.misbehave(
    'PUT',
    /uploads/,
    async (_, request) => {
      const parts: Buffer[] = [];
      for await (const part of request) {
        parts.push(part as Buffer);
        // Leaving the loop breaks the connection, and the client asks at once what is there.
        faulty.double.uploads.set('u1', Buffer.concat(parts));
        if (Buffer.concat(parts).length > 9_000_000) break;
      }
      request.socket.destroy();
    },
    1,
  );
  const repository = await faulty.open();
  expect(await repository.push(describe(large), inPieces(large, 100_000))).toBe('uploaded');
  expect(Buffer.compare(faulty.double.blobs.get(`a ${describe(large).digest}`) as Buffer, large)).toBe(0);
  const first = faulty.double.seen.find(({ method }) => method === 'PATCH')?.headers['content-range'];
  expect(Number(first?.split('-')[0])).toBeGreaterThan(9_000_000);
});

test('push: an upload that broke when all of it had arrived is only ended', async () => {
  const large = noise(12_000_000);
  faulty.misbehave(
    'PUT',
    /uploads/,
    async (_, request) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      faulty.double.uploads.set('u1', Buffer.concat(parts));
      request.socket.destroy();
    },
    1,
  );
  // A registry as the source is asked for no bytes beyond its end.
  const held = faulty.hold(large);
  const from = await faulty.open();
  const to = await faulty.open({}, 'b');
  const read: number[] = [];
  const content: ContentReader = (offset) => {
    read.push(offset);
    const range = offset === 0 ? undefined : { start: offset, end: held.size - 1 };
    return from.fetch(held, { range });
  };
  expect(await to.push(held, content)).toBe('uploaded');
  expect(read).toEqual([0]);
  expect(faulty.double.blobs.get(`b ${held.digest}`)?.equals(large)).toBe(true);
  expect(faulty.double.count('PATCH', /./)).toBe(0);
});

test('push: an answer that got lost is not a second upload', async () => {
  const small = noise(5000);
  faulty.double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.includes('uploads')) return false;
    faulty.double.fault = undefined;
    faulty.double.blobs.set(`a ${describe(small).digest}`, Buffer.from(small));
    request.resume().on('end', () => response.destroy());
    return true;
  };
  expect(await (await faulty.open()).push(describe(small), inPieces(small, 1000))).toBe('uploaded');
  expect(faulty.double.count('POST', /uploads/)).toBe(1);
});

test.each([1024 * 1024, 600_000])(
  'push: a proxy that takes bodies of %i bytes gets chunks of no more than that',
  async (most) => {
    const sizes: number[] = [];
    faulty.double.fault = (request, response) => {
      const size = Number(request.headers['content-length'] ?? 0);
      if (request.method !== 'PUT' && request.method !== 'PATCH') return false;
      if (size > most) {
        request.resume();
        sendError(response, 413, 'SIZE_INVALID');
        return true;
      }
      if (request.method === 'PATCH') sizes.push(size);
      return false;
    };
    const bytes = noise(9_500_000);
    const descriptor = describe(bytes);
    const repository = await faulty.open();
    expect(await repository.push(descriptor, inPieces(bytes, 300_000))).toBe('uploaded');
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(bytes.length);
    expect(Buffer.compare(await fetchAll(repository, descriptor), bytes)).toBe(0);
  },
);

test('push: a proxy that takes next to nothing ends the push with its own words', async () => {
  faulty.double.fault = (request, response) => {
    if (!Number(request.headers['content-length'] ?? 0)) return false;
    request.resume();
    sendError(response, 413, 'SIZE_INVALID');
    return true;
  };
  const bytes = noise(2_000_000);
  await expect((await faulty.open()).push(describe(bytes), inPieces(bytes, 300_000))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_REFUSED',
    details: { status: 413 },
  });
  expect(faulty.double.count('PATCH', /./)).toBe(3);
});

test('push: a digest that the registry does not accept is not sent in chunks', async () => {
  faulty.misbehave('PUT', /uploads/, (response, request) => {
    request.resume();
    sendError(response, 400, 'DIGEST_INVALID');
  });
  const repository = await faulty.open();
  await expect(repository.push(describe(bytes), inPieces(bytes, 100_000))).rejects.toMatchObject({
    code: 'ERR_EXPORT_REGISTRY_REFUSED',
    details: { registryCode: 'DIGEST_INVALID' },
  });
  expect(faulty.double.count('PATCH', /./)).toBe(0);
  expect(faulty.double.uploads.size).toBe(0);
});

test('push: a mount that is refused becomes an upload', async () => {
  faulty.double.fault = (_, response, path) => {
    if (!path.includes('mount=')) return false;
    sendError(response, 400, 'NAME_UNKNOWN');
    return true;
  };
  const repository = await faulty.open();
  expect(await repository.push(describe(bytes), inPieces(bytes, 100_000), { mountFrom: 'other' })).toBe('uploaded');
});
