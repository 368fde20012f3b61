import { expect, test } from 'vitest';
import { type Digest, digestOf, type Instant } from '#core';
import type { Repository } from '#oci/image';
import { collect } from '#oci/image';
import { cachedByDigest, DigestCache } from '../../../src/mirror/service/by-digest.ts';
import { Plans } from '../../../src/mirror/service/plans.ts';
import type { ServedKit } from '../../../src/mirror/service/served-kit.ts';

const NOW = '2026-11-30T00:00:00Z' as Instant;
const LATER = '2026-12-01T00:00:00Z' as Instant;
const EVEN_LATER = '2026-12-02T00:00:00Z' as Instant;

function kit(id: string, memoryBytes = 1, keptUntil: Instant = LATER): ServedKit {
  const held = {
    ...{ id, memoryBytes, keptUntil },
    keepUntil(time: Instant) {
      held.keptUntil = time;
    },
  };
  return held as unknown as ServedKit;
}

test('the least recently used plans leave first, by number and by memory', () => {
  const plans = new Plans({ count: 3, memoryBytes: 100 });
  for (const id of ['a', 'b', 'c']) plans.add(kit(id), NOW);
  expect(plans.get('a', NOW)).toBeDefined();
  plans.add(kit('d'), NOW);
  expect(plans.get('b', NOW)).toBeUndefined();
  plans.add(kit('large', 99), NOW);
  expect(['a', 'c', 'd', 'large'].filter((id) => plans.get(id, NOW) !== undefined)).toEqual(['d', 'large']);
});

test('a plan that alone is too large is kept until the next', () => {
  const plans = new Plans({ count: 3, memoryBytes: 100 });
  plans.add(kit('huge', 500), NOW);
  expect(plans.get('huge', NOW)).toBeDefined();
  plans.add(kit('next'), NOW);
  expect(plans.get('huge', NOW)).toBeUndefined();
});

test('a plan ends at its time; of two with one id the first stays, until the time of the second', () => {
  const plans = new Plans({ count: 3, memoryBytes: 100 });
  const first = kit('a');
  expect(plans.add(first, NOW)).toBe(first);
  expect(plans.add(kit('a'), NOW)).toBe(first);
  expect(plans.get('a', LATER)).toBeUndefined();
  expect(plans.add(first, NOW)).toBe(first);
  expect(plans.add(kit('a', 1, EVEN_LATER), NOW)).toBe(first);
  expect(plans.get('a', LATER)).toBe(first);
  expect(plans.get('a', EVEN_LATER)).toBeUndefined();
  expect(plans.get('a', NOW)).toBeUndefined();
});

test('contents are read once by digest; tags are asked for each time', async () => {
  const bytes = Buffer.from('content');
  const descriptor = { digest: digestOf(bytes), size: bytes.length, mediaType: 'text/plain' };
  const calls: string[] = [];
  const repository = {
    name: 'a/b',
    resolve: async (name: string) => {
      calls.push(`resolve ${name}`);
      return { ...descriptor, digest: `sha256:${String(calls.length).padStart(64, '0')}` as Digest };
    },
    fetch: async () => {
      calls.push('fetch');
      return (async function* () {
        yield bytes;
      })();
    },
  } as unknown as Repository;
  const cached = cachedByDigest(repository, new DigestCache(10));
  for (let i = 0; i < 2; i++) {
    expect(Buffer.from(await collect(await cached.fetch(descriptor), 100, 'x'))).toEqual(bytes);
  }
  expect(await cached.resolve('latest')).not.toEqual(await cached.resolve('latest'));
  expect(calls).toEqual(['fetch', 'resolve latest', 'resolve latest']);
  // Ranges are not whole, and are not kept.
  await cached.fetch(descriptor, { range: { start: 0, end: 1 } });
  const other = { digest: digestOf(Buffer.from('0123456789')), size: 10, mediaType: 'text/plain' };
  await collect(await cached.fetch(other), 100, 'x').catch(() => undefined);
  expect(calls.filter((call) => call === 'fetch')).toHaveLength(3);
  expect(cached.name).toBe('a/b');
});
