import { expect, test } from 'vitest';
import { describe, noise, readAll } from '../../content.ts';
import { streamOf } from '../stream-of.ts';
import { opening, type StorageFixture } from './storage.ts';

const bytes = noise(300_000);
const { digest } = describe(bytes);

function pieces(from: number, to: number): AsyncGenerator<Uint8Array> {
  return streamOf(bytes.subarray(from, to), 7_000);
}

/** A stream that says when somebody waits for its second half, which never comes. */
function stuckAfter(count: number): { chunks: AsyncGenerator<Uint8Array>; waiting: Promise<void> } {
  const waiting = Promise.withResolvers<void>();
  const chunks = (async function* () {
    yield bytes.subarray(0, count);
    waiting.resolve();
    await new Promise(() => undefined);
  })();
  return { chunks, waiting: waiting.promise };
}

/** A stream whose end the test brings about. */
function held(from: number, to: number) {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const chunks = (async function* () {
    yield* pieces(from, to);
    begun.resolve();
    await end.promise;
  })();
  return { chunks, begun: begun.promise, end: end.resolve };
}

/** What uploads into a repository promise (src/oci/store/registry-store.ts). */
export function uploadContract(setUp: () => Promise<StorageFixture>): void {
  const open = opening(setUp);

  test('an upload in chunks becomes a blob, and is none before', async () => {
    const { blobs, uploads } = (await open()).repository('a');
    const id = await uploads.start();
    expect(await uploads.size(id)).toBe(0);
    expect(await uploads.append(id, pieces(0, 100_000), { offset: 0 })).toEqual({ accepted: true, size: 100_000 });
    expect(await uploads.append(id, pieces(100_000, 200_000))).toEqual({ accepted: true, size: 200_000 });
    expect(await uploads.size(id)).toBe(200_000);
    expect(await blobs.size(digest)).toBeUndefined();
    expect(await uploads.commit(id, digest, pieces(200_000, 300_000), { offset: 200_000 })).toMatchObject({
      accepted: true,
    });
    expect(await blobs.size(digest)).toBe(300_000);
    expect(await uploads.size(id)).toBeUndefined();
  });

  test('a chunk for another offset is not taken', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const id = await uploads.start();
    await uploads.append(id, pieces(0, 100_000));
    for (const offset of [0, 99_999, 100_001]) {
      expect(await uploads.append(id, pieces(0, 5), { offset })).toEqual({ accepted: false, size: 100_000 });
      expect(await uploads.commit(id, digest, pieces(0, 5), { offset })).toEqual({ accepted: false, size: 100_000 });
    }
    await uploads.commit(id, digest, pieces(100_000, 300_000));
    expect(await blobs.size(digest)).toBe(300_000);
  });

  test.each([['sha256' as const], ['sha512' as const]])(
    'an upload goes on after a restart, with %s',
    async (algorithm) => {
      const wanted = describe(bytes, undefined, algorithm).digest;
      const id = await (await open()).repository('a').uploads.start();
      await (await open()).repository('a').uploads.append(id, pieces(0, 100_000));
      const second = (await open()).repository('a');
      expect(await second.uploads.size(id)).toBe(100_000);
      await second.uploads.append(id, pieces(100_000, 250_000), { offset: 100_000 });
      await second.uploads.append(id, pieces(250_000, 260_000), { offset: 250_000 });
      const third = (await open()).repository('a');
      await third.uploads.commit(id, wanted, pieces(260_000, 300_000));
      expect(await third.blobs.size(wanted)).toBe(300_000);
    },
  );

  test('the digest may be of another algorithm than the upload was begun with', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const wanted = describe(bytes, undefined, 'sha512').digest;
    const id = await uploads.start('sha256');
    await uploads.append(id, pieces(0, 300_000));
    await uploads.commit(id, wanted);
    expect(await blobs.size(wanted)).toBe(300_000);
  });

  test('a wrong digest: nothing is visible and the upload is gone', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const id = await uploads.start();
    await uploads.append(id, pieces(0, 100_000));
    await expect(uploads.commit(id, digest, pieces(100_000, 299_999))).rejects.toMatchObject({
      code: 'ERR_EXPORT_DIGEST_MISMATCH',
    });
    await expect(uploads.put(digest, pieces(0, 5))).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
    expect(await uploads.size(id)).toBeUndefined();
    expect(await blobs.size(digest)).toBeUndefined();
  });

  test('a stream that breaks off leaves what came, to go on from', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const id = await uploads.start();
    const breaking = (async function* () {
      yield* pieces(0, 123_456);
      throw new Error('the line broke');
    })();
    await expect(uploads.append(id, breaking)).rejects.toThrow('the line broke');
    expect(await uploads.size(id)).toBe(123_456);
    await uploads.commit(id, digest, pieces(123_456, 300_000), { offset: 123_456 });
    expect(await blobs.size(digest)).toBe(300_000);
  });

  test('a newer request takes an upload over from one that hangs', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const id = await uploads.start();
    const { chunks, waiting } = stuckAfter(50_000);
    const hanging = uploads.append(id, chunks);
    const hung = expect(hanging).rejects.toMatchObject({ code: 'ERR_EXPORT_INTERRUPTED' });
    await waiting;
    await uploads.append(id, pieces(50_000, 60_000), { offset: 50_000 });
    await hung;
    await uploads.commit(id, digest, pieces(60_000, 300_000));
    expect(await blobs.size(digest)).toBe(300_000);
  });

  test('a request for an offset that has passed is told so, and the one under way goes on', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const id = await uploads.start();
    await uploads.append(id, pieces(0, 50_000));
    const first = held(50_000, 300_000);
    const running = uploads.append(id, first.chunks, { offset: 50_000 });
    await first.begun;
    const refused = [
      await uploads.append(id, pieces(0, 50_000), { offset: 0 }),
      await uploads.commit(id, digest, pieces(0, 300_000), { offset: 10 }),
    ];
    // What the one under way has added may or may not be stored yet.
    for (const { accepted, size } of refused) {
      expect(accepted).toBe(false);
      expect([50_000, 300_000]).toContain(size);
    }
    first.end();
    expect(await running).toEqual({ accepted: true, size: 300_000 });
    await uploads.commit(id, digest);
    expect(await blobs.size(digest)).toBe(300_000);
  });

  test('a request without an offset that comes while another adds bytes is not accepted after it', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const id = await uploads.start();
    const first = held(0, 300_000);
    const running = uploads.append(id, first.chunks);
    await first.begun;
    const second = uploads.append(id, pieces(0, 300_000));
    const ending = uploads.commit(id, digest);
    first.end();
    expect(await running).toEqual({ accepted: true, size: 300_000 });
    const [late] = await Promise.allSettled([second]);
    if (late.status === 'fulfilled') expect(late.value).toEqual({ accepted: false, size: 300_000 });
    else expect(late.reason).toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
    // One that adds nothing ends the upload as it is by then.
    expect(await ending).toEqual({ accepted: true, size: 300_000 });
    expect(await blobs.size(digest)).toBe(300_000);
  });

  test('eight identical commits at once all succeed, and one for another digest does not', async () => {
    const { uploads, blobs } = (await open()).repository('a');
    const id = await uploads.start();
    const commits = Array.from({ length: 8 }, () => uploads.commit(id, digest, pieces(0, 300_000)));
    expect(await Promise.all(commits)).toEqual(commits.map(() => ({ accepted: true, size: 300_000 })));
    const other = describe(Buffer.from('other')).digest;
    await expect(uploads.commit(id, other)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
    await blobs.delete(digest);
    await expect(uploads.commit(id, digest)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  });

  test('cancelling ends the request at work', async () => {
    const { uploads } = (await open()).repository('a');
    const id = await uploads.start();
    const { chunks, waiting } = stuckAfter(50_000);
    const running = expect(uploads.append(id, chunks)).rejects.toMatchObject({ code: 'ERR_EXPORT_INTERRUPTED' });
    await waiting;
    expect(await uploads.cancel(id)).toBe(true);
    await running;
    expect(await uploads.size(id)).toBeUndefined();
  });

  test('an upload cannot grow beyond the limit', async () => {
    const { uploads } = (await open()).repository('a');
    const id = await uploads.start();
    const tooLarge = { code: 'ERR_EXPORT_TOO_LARGE' };
    await uploads.append(id, pieces(0, 90_000), { maxSizeBytes: 100_000 });
    await expect(uploads.append(id, pieces(0, 20_000), { maxSizeBytes: 100_000 })).rejects.toMatchObject(tooLarge);
    expect(await uploads.size(id)).toBeLessThanOrEqual(100_000);
  });

  test('an upload that was given up, and one that never was', async () => {
    const { uploads } = (await open()).repository('a');
    const id = await uploads.start();
    await uploads.append(id, pieces(0, 10));
    expect(await uploads.cancel(id)).toBe(true);
    expect(await uploads.cancel(id)).toBe(false);
    for (const unknown of [id, '', '..', '../../store.json', '../_tags/x', 'a'.repeat(300), crypto.randomUUID()]) {
      expect(await uploads.size(unknown)).toBeUndefined();
      expect(await uploads.cancel(unknown)).toBe(false);
      await expect(uploads.append(unknown, pieces(0, 1))).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
      await expect(uploads.commit(unknown, digest)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
    }
  });

  test('an upload belongs to its repository', async () => {
    const store = await open();
    const id = await store.repository('a').uploads.start();
    expect(await store.repository('b').uploads.size(id)).toBeUndefined();
    expect(await store.repository('a/b').uploads.size(id)).toBeUndefined();
  });

  test('many uploads of one blob at once, each of which is told the truth', async () => {
    const store = await open();
    const names = Array.from({ length: 12 }, (_, i) => `repo-${i % 3}`);
    await Promise.all(names.map((name) => store.repository(name).uploads.put(digest, pieces(0, 300_000))));
    const blob = (await store.repository('repo-0').blobs.open(digest)) ?? expect.fail('no blob');
    expect(Buffer.compare(await readAll(blob.read()), bytes)).toBe(0);
    for (const name of names) expect(await store.repository(name).blobs.size(digest)).toBe(300_000);
  });
}
