import { expect, test } from 'vitest';
import { digestOf } from '#core';
import type { Repository } from '#oci/image';
import { findHolders } from '../../../src/mirror/delta.ts';

test('ends the other requests once one has failed', async () => {
  const blobs = ['a', 'b', 'c'].map((text) => ({ digest: digestOf(Buffer.from(text)), sizeBytes: 1 }));
  const ended: unknown[] = [];
  const failure = new Error('host not found');
  const exists: Repository['exists'] = ({ digest }, options) => {
    if (digest === blobs[2]?.digest) return Promise.reject(failure);
    return new Promise((_, reject) => {
      options?.signal?.addEventListener('abort', () => {
        ended.push(options.signal?.reason);
        reject(options.signal?.reason);
      });
    });
  };
  const repository = { exists, close: async () => {} } as unknown as Repository;
  const state = { name: 'a', tags: [], manifests: [], blobs, referrers: [] };
  await expect(findHolders({ find: async () => repository }, [state], () => true, {})).rejects.toBe(failure);
  expect(ended).toEqual([failure, failure]);
});
