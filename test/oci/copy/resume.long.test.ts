import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { openRepository } from '#oci/transfer';
import { startServer } from '#server';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, inPieces, listAll, noise, pushArtifact } from '../content.ts';
import { useFaulty } from '../faults/faulty.ts';
import { sendError } from '../registry-double.ts';

const MiB = 1024 * 1024;
const bytes = noise(12 * MiB);
/** Where pushes are killed: after more than the client's chunk of 4 MiB. */
const killedAt = 7 * MiB;
const blob = describe(bytes);
const faulty = useFaulty();
let root: string;

beforeEach(async () => {
  root = await makeTempDir();
});

/** A run of a client whose user has a home. */
const open = (options = {}): Promise<Repository> =>
  faulty.open({ env: { XDG_STATE_HOME: root }, retry: { attempts: 1 }, ...options });

/** Content that counts what is read of it, and breaks off at a byte. */
function counting(until = bytes.byteLength) {
  const read = { bytes: 0 };
  const content = async function* (offset: number) {
    for (let at = offset; at < bytes.byteLength; at += 256 * 1024) {
      if (at >= until) throw new Error('the process was killed');
      const chunk = bytes.subarray(at, at + 256 * 1024);
      read.bytes += chunk.byteLength;
      yield chunk;
    }
  };
  return { read, content };
}

const journal = () => readdir(join(root, 'export-center/uploads')).catch(() => []);

/** Stops a push in the middle, as a kill does: nothing is said to the registry any more. */
async function pushHalf(repository: Repository): Promise<void> {
  const stop = new AbortController();
  let sent = 0;
  const onBytes = (sizeBytes: number) => {
    sent += sizeBytes;
    if (sent > killedAt) stop.abort(new Error('killed'));
  };
  const pushing = repository.push(blob, inPieces(bytes, 256 * 1024), { signal: stop.signal, onBytes });
  await expect(pushing).rejects.toThrow('killed');
  await repository.close();
}

test('push: a run after a killed one goes on where the registry says', async () => {
  await pushHalf(await open());
  expect(await journal()).toHaveLength(1);
  const [name] = await journal();
  expect((await stat(join(root, 'export-center/uploads', name ?? ''))).mode & 0o777).toBe(0o600);
  const held = [...faulty.double.uploads.values()][0]?.length ?? 0;
  expect(held).toBeGreaterThan(4 * MiB);
  const { read, content } = counting();
  expect(await (await open()).push(blob, content)).toBe('uploaded');
  expect(read.bytes).toBe(bytes.byteLength - held);
  expect(faulty.double.blobs.get(`a ${blob.digest}`)?.equals(bytes)).toBe(true);
  expect(await journal()).toEqual([]);
  expect(faulty.double.uploads.size).toBe(0);
});

test.each(['export-center', 'export-center/uploads'])('push: writes no session through a link at %s', async (link) => {
  const victim = join(root, 'victim');
  await mkdir(join(victim, 'uploads'), { recursive: true });
  if (link.includes('/')) await mkdir(join(root, 'export-center'));
  await symlink(victim, join(root, link));
  await pushHalf(await open());
  expect(await readdir(victim, { recursive: true })).toEqual(['uploads']);
});

test('push: a session that the registry has forgotten begins anew', async () => {
  await pushHalf(await open());
  faulty.misbehave('GET', /\/uploads\//, (response) => sendError(response, 404, 'BLOB_UPLOAD_UNKNOWN'));
  const { read, content } = counting();
  expect(await (await open()).push(blob, content)).toBe('uploaded');
  expect(read.bytes).toBe(bytes.byteLength);
  expect(await journal()).toEqual([]);
});

test('push: the session of a run that is at work is left to it', async () => {
  await pushHalf(await open());
  const [name = ''] = await journal();
  const path = join(root, 'export-center/uploads', name);
  const text = await readFile(path, 'utf8');
  // Process 1 runs as long as the system does.
  await writeFile(path, text.replace(/"owner":"\d+\.\d+/, '"owner":"1.0'));
  await writeFile(path, (await readFile(path, 'utf8')).replace(/[0-9a-f]{16}"/, '0123456789abcdef"'));
  const { read, content } = counting();
  await (await open()).push(blob, content);
  expect(read.bytes).toBe(bytes.byteLength);
});

test('push: without a home nothing is written down', async () => {
  await pushHalf(await faulty.open({ env: {} }));
  expect(await readdir(root)).toEqual([]);
});

test('push: a run after a killed one goes on at our server', async () => {
  const server = await startServer({ dataDir: join(root, 'data'), port: 0 });
  const connect = () => openRepository(parseReference(`${server.address}/a`), { env: { XDG_STATE_HOME: root } });
  try {
    await pushHalf(await connect());
    // A server takes in what is on its way before somebody has run the command again; here that takes a moment.
    await vi.waitFor(async () => expect(await uploadedBytes(root)).toBeGreaterThan(killedAt - 4 * MiB), {
      timeout: 20_000,
    });
    const { read, content } = counting();
    const again = await connect();
    expect(await again.push(blob, content)).toBe('uploaded');
    // What was on its way when it was cut may be sent once more, and no more than a chunk of it.
    expect(read.bytes).toBeLessThanOrEqual(bytes.byteLength - killedAt + 4 * MiB);
    await again.close();
  } finally {
    await server.close(0);
  }
});

/** What the server has of the one upload. */
async function uploadedBytes(folder: string): Promise<number> {
  const names = await readdir(join(folder, 'data'), { recursive: true });
  const upload = names.find((name) => /_uploads\/[0-9a-f-]+$/.test(name));
  return upload === undefined ? 0 : (await stat(join(folder, 'data', upload))).size;
}

const layoutRoot = () => join(root, 'layout');

test('layout: a blob that was cut short goes on where it stopped', async () => {
  const first = await openLayout(layoutRoot(), { create: true });
  await expect(first.push(blob, counting(killedAt).content)).rejects.toThrow('killed');
  await first.close();
  expect(await listAll(first.tags())).toEqual([]);
  expect(await first.exists(blob)).toBe(false);
  const { read, content } = counting();
  const second = await openLayout(layoutRoot());
  expect(await second.push(blob, content)).toBe('uploaded');
  expect(read.bytes).toBe(bytes.byteLength - killedAt);
  await second.tag(await pushArtifact(second, 'x'), 'v1');
  await second.close();
  const path = join(layoutRoot(), 'blobs/sha256', blob.digest.slice(7));
  expect((await readFile(path)).equals(bytes)).toBe(true);
  expect((await readdir(layoutRoot())).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
});

test.each([
  ['damaged', noise(5 * MiB, 'damage')],
  ['too long', noise(13 * MiB)],
  ['empty', new Uint8Array()],
])('layout: a beginning that is %s is thrown away', async (_, beginning) => {
  const layout = await openLayout(layoutRoot(), { create: true });
  await layout.tag(await pushArtifact(layout, 'x'), 'v1');
  await layout.push(blob, counting(1).content).catch(() => undefined);
  const part = join(layoutRoot(), '.export-center', `${blob.digest.replace(':', '-')}.part`);
  await writeFile(part, beginning);
  expect(await layout.push(blob, inPieces(bytes, 256 * 1024))).toBe('uploaded');
  const path = join(layoutRoot(), 'blobs/sha256', blob.digest.slice(7));
  expect((await readFile(path)).equals(bytes)).toBe(true);
  expect(await readdir(join(layoutRoot(), '.export-center'))).toEqual([]);
  await layout.close();
});

test('layout: content that lies leaves nothing behind', async () => {
  const layout = await openLayout(layoutRoot(), { create: true });
  const lie = inPieces(noise(12 * MiB, 'lie'), 256 * 1024);
  await expect(layout.push(blob, lie)).rejects.toMatchObject({ code: 'ERR_EXPORT_DIGEST_MISMATCH' });
  await layout.close();
  expect(await readdir(layoutRoot())).not.toContain('.export-center');
});
