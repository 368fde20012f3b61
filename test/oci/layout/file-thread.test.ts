import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ByteStream, type ContentReader, isHashedOutside } from '#oci/image';
import { openLayout, openOnThread, type ThreadedFile, threadBytes } from '#oci/layout';
import { describe, noise, readAll } from '../content.ts';

const MiB = 1024 * 1024;
/** Large enough for another thread, and no whole number of pieces. */
const large = noise(threadBytes + 12_345);
const blob = describe(large);
const threads = availableParallelism() > 1;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'thread-'));
});

afterEach(() => rm(root, { recursive: true }));

/** Runs `work` with a file on another thread. */
async function withFile(path: string, flags: string, work: (threaded: ThreadedFile) => Promise<void>): Promise<void> {
  const file = openSync(path, flags);
  const threaded = await openOnThread(file, true);
  if (threaded === undefined) throw new Error('no thread');
  await threaded.hash('sha256');
  try {
    await work(threaded);
  } finally {
    await threaded.end();
    closeSync(file);
  }
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  copy.set(bytes);
  return copy;
}

/** Content whose chunks lie in one buffer, which is overwritten as soon as the next is asked for. */
function reusing(bytes: Uint8Array, isShared: boolean): ContentReader {
  return async function* (offset: number): ByteStream {
    const buffer = isShared ? new Uint8Array(new SharedArrayBuffer(MiB)) : new Uint8Array(MiB);
    for (let at = offset; at < bytes.byteLength; at += 300_007) {
      const part = bytes.subarray(at, at + 300_007);
      buffer.fill(0);
      buffer.set(part);
      yield buffer.subarray(0, part.byteLength);
    }
  };
}

test.skipIf(!threads)('writes and hashes chunks in their order, in shared memory or not', async () => {
  const chunk = fc.record({ size: fc.integer({ min: 0, max: 700_000 }), isShared: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 8 }), async (chunks) => {
      const path = join(root, 'f');
      const parts = chunks.map(({ size }, i) => noise(size, `part ${i}`));
      await withFile(path, 'w', async (threaded) => {
        for (const [i, part] of parts.entries()) {
          const bytes = chunks[i]?.isShared ? shared(part) : Uint8Array.from(part);
          await threaded.write(bytes);
          // It may be reused now.
          bytes.fill(0);
        }
        expect(await threaded.digest()).toBe(describe(Buffer.concat(parts)).digest);
        await threaded.sync();
      });
      expect(Buffer.compare(await readFile(path), Buffer.concat(parts))).toBe(0);
    }),
    { numRuns: 25 },
  );
});

test.skipIf(!threads)('many files at a time do not mix', async () => {
  const contents = Array.from({ length: 6 }, (_, i) => noise(MiB + i, `file ${i}`));
  await Promise.all(
    contents.map((bytes, i) =>
      withFile(join(root, `${i}`), 'w', async (threaded) => {
        for (let at = 0; at < bytes.byteLength; at += 100_000) await threaded.write(bytes.subarray(at, at + 100_000));
        expect(await threaded.digest()).toBe(describe(bytes).digest);
      }),
    ),
  );
});

test.skipIf(!threads)('what the system says arrives with its code, for small chunks by the end', async () => {
  await withFile('/dev/full', 'w', async (threaded) => {
    await expect(threaded.write(shared(noise(10)))).rejects.toMatchObject({ code: 'ENOSPC' });
    await threaded.write(noise(10));
    await expect(threaded.digest()).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});

test.each([true, false])(
  'a layout takes a large blob, whose chunks are reused (shared memory: %s)',
  async (isShared) => {
    await using layout = await openTemporary();
    let sent = 0;
    const onBytes = (sizeBytes: number) => {
      sent += sizeBytes;
    };
    expect(await layout.push(blob, reusing(large, isShared), { onBytes })).toBe('uploaded');
    expect(sent).toBe(large.byteLength);
    expect(Buffer.compare(await readAll(await layout.fetch(blob)), large)).toBe(0);
  },
);

test('a large file is hashed by one thread while another writes it', async () => {
  await using layout = await openTemporary();
  await using copy = await openTemporary('copy');
  await layout.push(blob, reusing(large, true));
  const fetched = await layout.fetch(blob, { reuseBuffer: true });
  expect(isHashedOutside(fetched)).toBe(true);
  await copy.push(blob, () => fetched);
  expect(Buffer.compare(await readAll(await copy.fetch(blob)), large)).toBe(0);
});

test.each([
  [
    'another content',
    'ERR_EXPORT_DIGEST_MISMATCH',
    Uint8Array.from(large, (byte, i) => (i === 5 * MiB ? byte ^ 1 : byte)),
  ],
  ['a byte too many', 'ERR_EXPORT_SIZE_MISMATCH', Buffer.concat([large, Buffer.alloc(1)])],
  ['a byte too few', 'ERR_EXPORT_SIZE_MISMATCH', large.subarray(0, -1)],
])('%s leaves neither a blob nor a beginning of one', async (_, code, bytes) => {
  await using layout = await openTemporary();
  await expect(layout.push(blob, reusing(bytes, true))).rejects.toMatchObject({ code });
  expect(await layout.exists(blob)).toBe(false);
  expect((await readdir(root, { recursive: true })).filter((name) => name.includes('.part'))).toEqual([]);
});

test.each([
  ['a small file', 2 * MiB, 'truncates it', (path: string) => truncate(path, 0)],
  ['a small file', 2 * MiB, 'puts a link there', replaceByLink],
  ['a large file', large.byteLength, 'truncates it', (path: string) => truncate(path, 0)],
  ['a large file', large.byteLength, 'puts a link there', replaceByLink],
])('%s of %i bytes gets no name where another process %s', async (_, size, __, tamper) => {
  await using layout = await openTemporary();
  const bytes = large.subarray(0, size);
  const content: ContentReader = async function* () {
    const folder = join(root, 'layout/.export-center');
    let sent = 0;
    let temp = '';
    // What is taken away before anything is written loses nothing.
    do {
      yield bytes.subarray(sent, sent + MiB);
      sent += MiB;
      temp = (await readdir(folder)).find((name) => name.endsWith('.part')) ?? '';
    } while ((await stat(join(folder, temp))).size === 0);
    await tamper(join(folder, temp));
    yield bytes.subarray(sent);
  };
  await expect(layout.push(describe(bytes), content)).rejects.toMatchObject({ code: 'ERR_EXPORT_IO' });
  expect(await layout.exists(describe(bytes))).toBe(false);
});

async function replaceByLink(path: string): Promise<void> {
  await writeFile(join(root, 'elsewhere'), 'elsewhere');
  await rm(path);
  await symlink(join(root, 'elsewhere'), path);
}

test('a push that is stopped leaves its beginning, which the next goes on with', async () => {
  await using layout = await openTemporary();
  const stop = new AbortController();
  let sent = 0;
  const onBytes = (sizeBytes: number) => {
    sent += sizeBytes;
    if (sent > 8 * MiB) stop.abort(new Error('stopped'));
  };
  await expect(layout.push(blob, reusing(large, true), { onBytes, signal: stop.signal })).rejects.toThrow('stopped');
  const asked: number[] = [];
  const content: ContentReader = (offset) => {
    asked.push(offset);
    return reusing(large, true)(offset);
  };
  await layout.push(blob, content);
  expect(asked).toEqual([sent]);
  expect(Buffer.compare(await readAll(await layout.fetch(blob)), large)).toBe(0);
});

test('a large file that is damaged is never handed over to its last byte', async () => {
  await using layout = await openTemporary();
  await layout.push(blob, reusing(large, true));
  const path = join(root, 'layout/blobs/sha256', blob.digest.slice('sha256:'.length));
  const file = openSync(path, 'r+');
  writeSync(file, 'x', 7 * MiB);
  closeSync(file);
  let read = 0;
  const reading = async () => {
    for await (const chunk of await layout.fetch(blob, { reuseBuffer: true })) read += chunk.byteLength;
  };
  await expect(reading()).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
  expect(read).toBeLessThan(large.byteLength);
});

async function openTemporary(name = 'layout') {
  const layout = await openLayout(join(root, name), { create: true });
  return Object.assign(layout, { [Symbol.asyncDispose]: () => layout.close() });
}
