import { expect, test } from 'vitest';
import { openStoreRepository } from '#oci/store';
import { createApp, singleTenant } from '#server';
import { close, listen, serverFor } from '../../../src/server/http-server.ts';
import { noise, pushBytes } from '../../oci/content.ts';
import { memoryStorage } from '../../oci/store/contract/storage.ts';
import { serveFrom } from '../registry.ts';

/** The tests of the server again, over a storage that is no disk. */
serveFrom(memoryStorage);
await import('../discovery.test.ts');
await import('../pull.test.ts');
await import('../push.test.ts');

test('a blob of a storage without a fast path is sent through a socket, whole and in part', async () => {
  const store = await (await memoryStorage()).open();
  const bytes = noise(5_000_000);
  const { digest } = await pushBytes(openStoreRepository(store, 'a'), bytes);
  const limits = { perClient: undefined, total: 10 };
  const server = serverFor(createApp({ storeFor: singleTenant(store) }), undefined, { idleMs: 60_000, limits });
  const port = await listen(server, '127.0.0.1', 0);
  const get = async (headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}/v2/a/blobs/${digest}`, { headers });
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  };
  try {
    const whole = await get({});
    expect(whole.status).toBe(200);
    expect(Buffer.compare(whole.body, bytes)).toBe(0);
    const part = await get({ range: 'bytes=1000000-4999998' });
    expect(part.status).toBe(206);
    expect(Buffer.compare(part.body, bytes.subarray(1_000_000, 4_999_999))).toBe(0);
  } finally {
    await close(server, 0);
  }
});
