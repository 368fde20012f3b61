import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { copy, openRepository, packManifest, parseReference, type Repository } from '#oci';
import { describe, inPieces, noise, pushBytes } from '../content.ts';
import { RegistryDouble, send, sendError } from '../registry-double.ts';
import { useFaulty } from './faulty.ts';

const faulty = useFaulty();

const bytes = noise(3_000_000);

async function bundle(): Promise<{ source: RegistryDouble; from: Repository; manifest: Descriptor }> {
  const source = await RegistryDouble.start();
  const from = await openRepository(parseReference(`${source.host}/s`), { env: {} });
  const config = await pushBytes(from, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layers = [await pushBytes(from, bytes), await pushBytes(from, noise(2000))];
  const packed = packManifest({ artifactType: 'x/y', config, layers });
  await from.push(packed.descriptor, inPieces(packed.bytes, 100));
  return { source, from, manifest: packed.descriptor };
}

test.each([
  ['a reset', (response: ServerResponse) => response.destroy()],
  ['a 500', (response: ServerResponse) => sendError(response, 500, 'UNKNOWN')],
  ['a 503', (response: ServerResponse) => send(response, 503, { 'retry-after': '0' })],
  [
    'an answer that breaks off',
    (response: ServerResponse, request: IncomingMessage) => {
      if (request.method !== 'GET') return response.destroy();
      response.writeHead(200);
      response.flushHeaders();
      return setTimeout(() => response.destroy(), 5);
    },
  ],
])('copy: %s at each step is got over, or leaves no tag', { timeout: 120_000 }, async (_, act) => {
  const { source, from, manifest } = await bundle();
  const options = { tags: [{ tag: 'v1', descriptor: manifest }], concurrency: 1 };
  for (const side of ['source', 'target'] as const) {
    for (let step = 0; ; step++) {
      await faulty.restart();
      let requests = 0;
      let hit = false;
      const registry = side === 'source' ? source : faulty.double;
      registry.fault = (request, response) => {
        if (requests++ !== step) return false;
        hit = true;
        act(response, request);
        return true;
      };
      const fresh = await openRepository(parseReference(`${source.host}/s`), { env: {}, retry: { firstMs: 10 } });
      const target = await faulty.open();
      await copy(fresh, target, [manifest], options);
      source.fault = undefined;
      expect(faulty.double.tags.get('a v1')).toBe(manifest.digest);
      for (const [key, held] of faulty.double.blobs)
        expect(key).toContain(createHash('sha256').update(held).digest('hex'));
      await fresh.close();
      if (!hit) break;
    }
  }
  await from.close();
  await source.close();
});

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
        if (Buffer.concat(parts).length > 9_000_000) break;
      }
      faulty.double.uploads.set('u1', Buffer.concat(parts));
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
