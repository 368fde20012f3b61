import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, describe as group, test } from 'vitest';
import type { Descriptor } from '#core';
import { type ByteStream, packIndex, type Repository } from '#oci/image';
import { describe, inPieces, listAll, noise, pushArtifact, pushBytes, readAll } from './content.ts';

/** What is put to the test: a fresh, empty repository and ways to see it anew. */
export interface ContractSubject {
  readonly repository: Repository;
  /** False for a registry that removes no single tag, which it is then asked to say. */
  readonly removesTags?: false;
  /** The same repository as another process would open it, after all that was done is made visible. */
  reopen(): Promise<Repository>;
  dispose(): Promise<void>;
}

/** Chunks of reused buffers, to keep: each is copied before the next is asked for. */
async function* copying(stream: ByteStream): ByteStream {
  for await (const chunk of stream) yield Uint8Array.from(chunk);
}

/** Every repository, wherever it lies, keeps these promises (src/oci/image/ports.ts). */
export function repositoryContract(name: string, setUp: () => Promise<ContractSubject>): void {
  group(`${name}: contract`, () => {
    let subject: ContractSubject;
    let repository: Repository;

    beforeEach(async () => {
      subject = await setUp();
      repository = subject.repository;
    });

    afterEach(() => subject.dispose());

    test('resolve: what is not there is undefined', async () => {
      await pushArtifact(repository, 'something');
      expect(await repository.resolve('nothing')).toBeUndefined();
      expect(await repository.resolve(describe(noise(10)).digest)).toBeUndefined();
      expect(await repository.exists(describe(noise(10)))).toBe(false);
    });

    test.each([
      ['of no bytes', 0],
      ['of one byte', 1],
      ['of a chunk', 65_536],
      ['of many chunks', 3_000_001],
    ])('push: a blob %s comes back as it was', async (_, size) => {
      const bytes = noise(size);
      const descriptor = describe(bytes);
      expect(await repository.push(descriptor, inPieces(bytes, 50_000))).toBe('uploaded');
      expect(await repository.exists(descriptor)).toBe(true);
      expect(Buffer.compare(await readAll(await repository.fetch(descriptor)), bytes)).toBe(0);
      const reused = copying(await repository.fetch(descriptor, { reuseBuffer: true }));
      expect(Buffer.compare(await readAll(reused), bytes)).toBe(0);
      expect(await repository.push(descriptor, inPieces(bytes, 50_000))).toBe('present');
    });

    test('push: a present blob is not read again', async () => {
      const descriptor = await pushBytes(repository, noise(1000));
      const outcome = await repository.push(descriptor, () => {
        throw new Error('read');
      });
      expect(outcome).toBe('present');
    });

    test('push: sha512 is as good as sha256', async () => {
      const bytes = noise(1000);
      const blob = describe(bytes, 'text/plain', 'sha512');
      expect(await repository.push(blob, inPieces(bytes, 300))).toBe('uploaded');
      expect(Buffer.compare(await readAll(await repository.fetch(blob)), bytes)).toBe(0);
    });

    test('push: reports the bytes that it sends', async () => {
      let sent = 0;
      const bytes = noise(200_000);
      await repository.push(describe(bytes), inPieces(bytes, 7_000), { onBytes: (size) => (sent += size) });
      expect(sent).toBe(200_000);
    });

    const promised = noise(100_000, 'promised');
    test.each([
      ['other bytes', noise(100_000, 'other'), 'ERR_EXPORT_DIGEST_MISMATCH'],
      ['too few bytes', promised.subarray(0, 99_999), 'ERR_EXPORT_SIZE_MISMATCH'],
      ['too many bytes', Buffer.concat([promised, Buffer.from('x')]), 'ERR_EXPORT_SIZE_MISMATCH'],
    ])('push: %s are refused and leave nothing', async (_, actual, code) => {
      const descriptor = describe(promised);
      await expect(repository.push(descriptor, inPieces(actual, 9_000))).rejects.toMatchObject({ code });
      expect(await repository.exists(descriptor)).toBe(false);
      await expect(fetchAll(repository, descriptor)).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
      expect(await repository.push(descriptor, inPieces(promised, 9_000))).toBe('uploaded');
    });

    test('push: a manifest that is none is refused', async () => {
      const bytes = Buffer.from('{"schemaVersion":2,"manifests":[],"layers":[]}');
      const descriptor = describe(bytes, 'application/vnd.oci.image.index.v1+json');
      await expect(repository.push(descriptor, inPieces(bytes, 10))).rejects.toMatchObject({
        code: 'ERR_EXPORT_MANIFEST_INVALID',
      });
      expect(await repository.exists(descriptor)).toBe(false);
    });

    test('push: a source that fails leaves nothing, and its own error comes out', async () => {
      const bytes = noise(300_000);
      const failing = async function* () {
        yield bytes.subarray(0, 200_000);
        throw new Error('the source broke');
      };
      await expect(repository.push(describe(bytes), failing)).rejects.toThrow('the source broke');
      expect(await repository.exists(describe(bytes))).toBe(false);
    });

    test('push: the same blob many times at once', async () => {
      const bytes = noise(100_000);
      const descriptor = describe(bytes);
      await Promise.all(Array.from({ length: 8 }, () => repository.push(descriptor, inPieces(bytes, 9_000))));
      expect(Buffer.compare(await readAll(await repository.fetch(descriptor)), bytes)).toBe(0);
    });

    test('fetch: a range is exact', async () => {
      const bytes = noise(700_000);
      const descriptor = await pushBytes(repository, bytes);
      for (const [start, end] of [
        [0, 0],
        [1, 699_999],
        [300_000, 600_000],
        [699_999, 699_999],
      ] as const) {
        const part = await readAll(await repository.fetch(descriptor, { range: { start, end } }));
        expect(Buffer.compare(part, bytes.subarray(start, end + 1))).toBe(0);
      }
    });

    test('fetch: a wrong size in the descriptor is found out', async () => {
      const descriptor = await pushBytes(repository, noise(1000));
      for (const size of [999, 1001]) {
        await expect(fetchAll(repository, { ...descriptor, size })).rejects.toMatchObject({
          code: 'ERR_EXPORT_SIZE_MISMATCH',
        });
      }
    });

    test('fetch: can be given up', async () => {
      const descriptor = await pushBytes(repository, noise(2_000_000));
      for await (const chunk of await repository.fetch(descriptor)) {
        expect(chunk.byteLength).toBeGreaterThan(0);
        break;
      }
      expect(await repository.exists(descriptor)).toBe(true);
    });

    test('fetch: stops at an abort with its reason', async () => {
      const descriptor = await pushBytes(repository, noise(2_000_000));
      const controller = new AbortController();
      const reading = async () => {
        for await (const _ of await repository.fetch(descriptor, { signal: controller.signal })) {
          controller.abort(new Error('enough'));
        }
      };
      await expect(reading()).rejects.toThrow('enough');
    });

    test('tag: names a manifest, moves, and stays for others to see', async () => {
      const first = await pushArtifact(repository, 'first');
      const second = await pushArtifact(repository, 'second');
      const { mediaType, digest, size } = first;
      expect(await repository.resolve(digest)).toMatchObject({ mediaType, digest, size });
      await repository.tag(first, 'latest');
      await repository.tag(first, 'v1');
      expect(await repository.resolve('latest')).toMatchObject({ mediaType, digest, size });
      await repository.tag(second, 'latest');
      await repository.tag(second, 'latest');
      const other = await subject.reopen();
      expect((await other.resolve('latest'))?.digest).toBe(second.digest);
      expect((await other.resolve('v1'))?.digest).toBe(digest);
      expect((await other.resolve(digest))?.digest).toBe(digest);
      expect(await listAll(other.tags())).toEqual(['latest', 'v1']);
      const manifest = await readAll(await other.fetch(second));
      expect(describe(manifest).digest).toBe(second.digest);
      await other.close();
    });

    test('tag: of a manifest that is not there', async () => {
      const missing = describe(Buffer.from('{}'), 'application/vnd.oci.image.manifest.v1+json');
      await expect(repository.tag(missing, 'latest')).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
      expect(await repository.resolve('latest')).toBeUndefined();
    });

    test('untag: removes one tag, once, and neither the manifest nor its other tags', async () => {
      const manifest = await pushArtifact(repository, 'text');
      for (const name of ['v1', 'v2']) await repository.tag(manifest, name);
      if (subject.removesTags === false) {
        await expect(repository.untag('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_UNSUPPORTED' });
        expect(await listAll(repository.tags())).toEqual(['v1', 'v2']);
        return;
      }
      expect(await repository.untag('v1')).toBe(true);
      expect(await repository.untag('v1')).toBe(false);
      expect(await repository.resolve('v1')).toBeUndefined();
      await repository.flush?.();
      const other = await subject.reopen();
      expect(await listAll(other.tags())).toEqual(['v2']);
      expect((await other.resolve('v2'))?.digest).toBe(manifest.digest);
      expect(await other.untag('v2')).toBe(true);
      expect((await other.resolve(manifest.digest))?.digest).toBe(manifest.digest);
      expect(await other.exists(manifest)).toBe(true);
      await other.close();
    });

    test('tags: in byte order', async () => {
      const manifest = await pushArtifact(repository, 'text');
      const names = ['b', 'a', 'B', '_x', '10', '9', 'a.b', 'a-b', 'z'.repeat(128)];
      for (const name of names) await repository.tag(manifest, name);
      expect(await listAll(repository.tags())).toEqual(
        names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
    });

    test('index: children are found by digest', async () => {
      const children = [await pushArtifact(repository, 'one'), await pushArtifact(repository, 'two')];
      const index = packIndex({ manifests: children });
      await repository.push(index.descriptor, inPieces(index.bytes, 1000));
      await repository.tag(index.descriptor, 'both');
      const other = await subject.reopen();
      for (const child of children) expect((await other.resolve(child.digest))?.digest).toBe(child.digest);
      expect(await other.resolve('both')).toMatchObject({ mediaType: 'application/vnd.oci.image.index.v1+json' });
      await other.close();
    });

    test('referrers: by subject, each once, with type and annotations, nested, and of a subject that is not there', async () => {
      const root = await pushArtifact(repository, 'root');
      await repository.tag(root, 'root');
      const annotations = { 'org.example.note': randomBytes(4).toString('hex') };
      const one = await pushArtifact(repository, 'one', {
        subject: root,
        artifactType: 'application/x.one',
        annotations,
      });
      const two = await pushArtifact(repository, 'two', { subject: root, artifactType: 'application/x.two' });
      const deep = await pushArtifact(repository, 'deep', { subject: one });
      await pushArtifact(repository, 'one', { subject: root, artifactType: 'application/x.one', annotations });
      const absent = describe(noise(5), root.mediaType);
      const orphan = await pushArtifact(repository, 'orphan', { subject: absent });
      await repository.tag(root, 'again');

      const other = await subject.reopen();
      const all = await listAll(other.referrers(root.digest));
      expect(all.map(({ digest }) => digest).sort()).toEqual([one.digest, two.digest].sort());
      expect(all.find(({ digest }) => digest === one.digest)).toMatchObject({
        mediaType: one.mediaType,
        size: one.size,
        artifactType: 'application/x.one',
        annotations,
      });
      const filtered = await listAll(other.referrers(root.digest, { artifactType: 'application/x.two' }));
      expect(filtered.map(({ digest }) => digest)).toEqual([two.digest]);
      expect((await listAll(other.referrers(one.digest))).map(({ digest }) => digest)).toEqual([deep.digest]);
      expect((await listAll(other.referrers(absent.digest))).map(({ digest }) => digest)).toEqual([orphan.digest]);
      expect(await listAll(other.referrers(two.digest))).toEqual([]);
      await other.close();
    });

    test('delete: a manifest goes with its tags and as a referrer, and once', async () => {
      const root = await pushArtifact(repository, 'root');
      const referrer = await pushArtifact(repository, 'referrer', { subject: root });
      await repository.tag(root, 'a');
      await repository.tag(root, 'b');
      expect(await repository.delete(referrer)).toBe(true);
      expect(await listAll(repository.referrers(root.digest))).toEqual([]);
      expect(await repository.delete(root)).toBe(true);
      expect(await repository.delete(root)).toBe(false);
      expect(await repository.resolve('a')).toBeUndefined();
      expect(await repository.resolve(root.digest)).toBeUndefined();
      // What lists referrers where a registry does not is a tag too, and stays.
      expect((await listAll(repository.tags())).filter((tag) => !tag.startsWith('sha256-'))).toEqual([]);
    });

    test('delete: a blob', async () => {
      const blob = await pushBytes(repository, noise(100));
      expect(await repository.delete(blob)).toBe(true);
      expect(await repository.exists(blob)).toBe(false);
      expect(await repository.delete(blob)).toBe(false);
    });

    test('many at once: nothing is lost', async () => {
      const texts = Array.from({ length: 20 }, (_, i) => `text ${i}`);
      const manifests = await Promise.all(texts.map((text) => pushArtifact(repository, text)));
      await Promise.all(manifests.map((manifest, i) => repository.tag(manifest, `t${i}`)));
      const other = await subject.reopen();
      expect((await listAll(other.tags())).length).toBe(20);
      for (const [i, { digest }] of manifests.entries()) expect((await other.resolve(`t${i}`))?.digest).toBe(digest);
      await other.close();
    });
  });
}

async function fetchAll(repository: Repository, descriptor: Descriptor): Promise<Uint8Array> {
  return readAll(await repository.fetch(descriptor));
}
