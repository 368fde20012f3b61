import { afterAll, beforeAll, expect, test } from 'vitest';
import { RecipeCheckout } from './checkout.ts';

/** A storage that no product needs: all that a tenant has in one SQLite file, which lasts. */
const STORAGE = `
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Descriptor, type Digest, encodeCanonical, hexOf, isManifestType, parseJson, parseTenant } from '#core';
import { encodeDescriptor, parseDescriptor, referrerDescriptor } from '#oci/image';
import { checkChildren, missing, parsePushed, verifyStored } from '../manifest-rules.ts';
import { parseRepositoryName, parseTag } from '../names.ts';
import { pageOf, pageOfReferrers } from '../pages.ts';
import { receive } from '../receive.ts';
import type { BlobStore, ManifestStore, ReferrerStore, RegistryStore, StoredRepository, TagStore } from '../registry-store.ts';
import { UploadSessions } from '../upload-sessions.ts';
import { type OpenUpload, type UploadStorage, Uploads } from '../uploads.ts';

const SHARED = '';

export function openSqliteStore(root: string, tenant: string): RegistryStore {
  const file = join(root, parseTenant(tenant) + '.sqlite');
  mkdirSync(root, { recursive: true });
  const rows = new Rows(file);
  const sessions = new UploadSessions();
  return {
    tenant,
    isReadable: async () => true,
    checkWritable: async () => rows.set('probe', SHARED, '', new Uint8Array(1)),
    listRepositories: async ({ after, limit }) => pageOf(rows.keys('used', SHARED, after), limit),
    repository: (name) => repositoryOf(rows, parseRepositoryName(name), file, sessions),
  };
}

class Rows {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000');
    this.#database.exec('CREATE TABLE IF NOT EXISTS item (kind, place, key, value, PRIMARY KEY (kind, place, key))');
  }

  get(kind: string, place: string, key: string): Uint8Array | undefined {
    const row = this.#database.prepare('SELECT value FROM item WHERE kind = ? AND place = ? AND key = ?').get(kind, place, key);
    return row?.['value'] as Uint8Array | undefined;
  }

  set(kind: string, place: string, key: string, value: Uint8Array): void {
    this.#database.prepare('INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?)').run(kind, place, key, value);
  }

  delete(kind: string, place: string, key: string): boolean {
    return this.#database.prepare('DELETE FROM item WHERE kind = ? AND place = ? AND key = ?').run(kind, place, key).changes > 0;
  }

  keys(kind: string, place: string, after = ''): string[] {
    const all = this.#database.prepare('SELECT key FROM item WHERE kind = ? AND place = ? AND key > ? ORDER BY key');
    return all.all(kind, place, after).map((row) => row['key'] as string);
  }

  /** All of it or nothing. */
  atOnce(change: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      change();
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

function repositoryOf(rows: Rows, name: string, file: string, sessions: UploadSessions): StoredRepository {
  const blobs = blobsOf(rows, name);
  const exists = async () => rows.get('used', SHARED, name) !== undefined;
  const uploads = new Uploads(uploadsOf(rows, name, file), blobs, sessions);
  return { name, exists, blobs, uploads, tags: tagsOf(rows, name), referrers: referrersOf(rows, name), manifests: manifestsOf(rows, name, blobs) };
}

const nothing = new Uint8Array(0);

function link(rows: Rows, name: string, digest: Digest): void {
  rows.set('blob', name, digest, nothing);
  rows.set('used', SHARED, name, nothing);
}

function blobsOf(rows: Rows, name: string): BlobStore {
  const bytesOf = (digest: Digest) => rows.get('blob', name, digest) && rows.get('bytes', SHARED, digest);
  const size = async (digest: Digest) => bytesOf(digest)?.byteLength;
  return {
    size,
    use: size,
    open: async (digest) => {
      const bytes = bytesOf(digest);
      if (bytes === undefined) return undefined;
      return {
        size: bytes.byteLength,
        read: async function* (range = { start: 0, end: bytes.byteLength - 1 }) {
          const step = 1024 * 1024;
          for (let at = range.start; at <= range.end; at += step) yield bytes.subarray(at, Math.min(at + step, range.end + 1));
        },
        close: async () => undefined,
      };
    },
    mount: async (digest, from) => {
      if (from !== undefined && (await from.size(digest)) === undefined) return false;
      if (rows.get('bytes', SHARED, digest) === undefined) return false;
      rows.atOnce(() => link(rows, name, digest));
      return true;
    },
    delete: async (digest) => rows.delete('blob', name, digest),
  };
}

function uploadsOf(rows: Rows, name: string, file: string): UploadStorage {
  const bytesOf = (id: string) => rows.get('upload', name, id);
  const open = (id: string): OpenUpload => ({
    size: async () => bytesOf(id)?.byteLength ?? 0,
    append: async (more, options) => {
      const chunks: Uint8Array[] = [bytesOf(id) ?? nothing];
      try {
        for await (const chunk of receive(more, options)) chunks.push(chunk);
      } finally {
        rows.set('upload', name, id, Buffer.concat(chunks));
      }
      return Buffer.concat(chunks).byteLength;
    },
    read: async function* () {
      yield bytesOf(id) ?? nothing;
    },
    publish: async (digest) =>
      rows.atOnce(() => {
        rows.set('bytes', SHARED, digest, bytesOf(id) ?? nothing);
        link(rows, name, digest);
        rows.delete('upload', name, id);
      }),
    close: async () => undefined,
  });
  return {
    keyOf: (id) => file + ' ' + name + ' ' + id,
    create: async (id) => rows.set('upload', name, id, nothing),
    size: async (id) => bytesOf(id)?.byteLength,
    open: async (id) => (bytesOf(id) === undefined ? undefined : open(id)),
    remove: async (id) => rows.delete('upload', name, id),
  };
}

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

function tagsOf(rows: Rows, name: string): TagStore {
  return {
    read: async (tag) => text(rows.get('tag', name, parseTag(tag))) as Digest | undefined,
    delete: async (tag) => rows.delete('tag', name, parseTag(tag)),
    list: async ({ after, limit }) => pageOf(rows.keys('tag', name, after), limit),
    all: async function* () {
      yield* rows.keys('tag', name);
    },
  };
}

function descriptorIn(bytes: Uint8Array | undefined): Descriptor | undefined {
  return bytes === undefined ? undefined : parseDescriptor(parseJson(bytes, 'a row'), 'a row', '');
}

const encoded = (descriptor: Descriptor) => encodeCanonical(encodeDescriptor(descriptor));

function referrersOf(rows: Rows, name: string): ReferrerStore {
  return {
    list: async (subject, { artifactType, after } = {}) => {
      const place = name + ' ' + subject;
      const entries = rows.keys('referrer', place, after).map((key) => {
        const bytes = rows.get('referrer', place, key) ?? nothing;
        return { key, sizeBytes: bytes.byteLength, descriptor: () => descriptorIn(bytes) };
      });
      return await pageOfReferrers(entries, artifactType);
    },
  };
}

function manifestsOf(rows: Rows, name: string, blobs: BlobStore): ManifestStore {
  const describe = async (digest: Digest) => descriptorIn(rows.get('manifest', name, digest));
  const point = (tag: string, digest: Digest) => rows.set('tag', name, tag, Buffer.from(digest));
  return {
    describe,
    read: async (descriptor) => {
      const bytes = rows.get('bytes', SHARED, descriptor.digest);
      return bytes === undefined ? undefined : verifyStored(descriptor, bytes);
    },
    put: async (bytes, put = {}) => {
      const pushed = parsePushed(bytes, put);
      await checkChildren(pushed, async ({ mediaType, digest }) => {
        const [manifest, blob] = [(await describe(digest))?.size, await blobs.size(digest)];
        return isManifestType(mediaType) ? (manifest ?? blob) : (blob ?? manifest);
      });
      const { manifest, descriptor, tags } = pushed;
      const { digest } = descriptor;
      const subject = manifest.subject?.digest;
      rows.atOnce(() => {
        rows.set('bytes', SHARED, digest, bytes);
        rows.set('manifest', name, digest, encoded(descriptor));
        rows.set('used', SHARED, name, nothing);
        if (subject !== undefined) {
          rows.set('subject', name, digest, Buffer.from(subject));
          rows.set('referrer', name + ' ' + subject, hexOf(digest), encoded(referrerDescriptor(descriptor, manifest)));
        }
        for (const tag of tags) point(tag, digest);
      });
      return { descriptor, subject };
    },
    tag: async (digest, tag) => {
      if ((await describe(digest)) === undefined) throw missing(digest, undefined);
      point(parseTag(tag), digest);
    },
    delete: async (digest) => {
      let found = false;
      rows.atOnce(() => {
        for (const tag of rows.keys('tag', name)) if (text(rows.get('tag', name, tag)) === digest) rows.delete('tag', name, tag);
        const subject = text(rows.get('subject', name, digest));
        if (subject !== undefined) rows.delete('referrer', name + ' ' + subject, hexOf(digest));
        found = rows.delete('manifest', name, digest);
      });
      return found;
    },
  };
}
`;

const FIXTURE = `
/** Stores in one SQLite file each. */
export async function sqliteStorage(): Promise<StorageFixture> {
  const root = await makeTempDir();
  return {
    name: 'sqlite',
    open: async (tenant = 'default') => openSqliteStore(root, tenant),
  };
}
`;

/** Serves a new folder, pushes to it, and serves it again. */
const SESSION = `
import { emptyConfig, emptyDescriptor, packManifest, parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { startServer } from '#server';

const serve = async (use: (repository: Awaited<ReturnType<typeof openRepository>>) => Promise<void>) => {
  const server = await startServer({ dataDir: 'data.sqlite', port: 0 });
  const repository = await openRepository(parseReference(server.address + '/a/b'), { env: {} });
  await use(repository);
  await repository.close();
  await server.close(0);
};
const once = (bytes: Uint8Array) => async function* () { yield bytes; };
await serve(async (repository) => {
  await repository.push(emptyDescriptor, once(emptyConfig));
  const image = packManifest({ artifactType: 'application/x', config: emptyDescriptor, layers: [] });
  await repository.push(image.descriptor, once(image.bytes));
  await repository.tag(image.descriptor, 'v1');
});
await serve(async (repository) => console.log((await repository.resolve('v1'))?.digest));
`;

const checkout = { current: undefined as RecipeCheckout | undefined };
const copy = (): RecipeCheckout => checkout.current ?? expect.fail('no checkout');

beforeAll(async () => {
  checkout.current = await RecipeCheckout.create(['bench', 'test', 'vitest.config.ts']);
  await copy().addFile('src/oci/store/sqlite/store.ts', STORAGE);
  await copy().edit('src/oci/store/index.ts', {
    'export { openStoreRepository }':
      "export { openSqliteStore } from './sqlite/store.ts';\nexport { openStoreRepository }",
  });
  await copy().edit('src/server/start.ts', {
    'import { openStore,': 'import { openSqliteStore, openStore,',
    "await openStore(join(dataDir, 'registry'), options)":
      "dataDir.endsWith('.sqlite') ? openSqliteStore(dataDir, options.tenant) : await openStore(join(dataDir, 'registry'), options)",
  });
  await copy().edit('test/oci/store/contract/storage.ts', {
    'import { openStore,': 'import { openSqliteStore, openStore,',
    "['memory', memoryStorage],": "['memory', memoryStorage],\n  ['sqlite', sqliteStorage],",
    '/** Stores in memory. */': `${FIXTURE}\n/** Stores in memory. */`,
  });
});
afterAll(() => checkout.current?.remove());

test('a storage is a new folder and its lines in the entry and in the server', async () => {
  expect(await copy().changedFiles()).toEqual([
    'src/oci/store/index.ts',
    'src/oci/store/sqlite/store.ts',
    'src/server/start.ts',
  ]);
  expect(await copy().run('node_modules/.bin/tsc', '--noEmit', '-p', '.')).toMatchObject({ code: 0, stdout: '' });
});

test('it keeps the promises of the contract', async () => {
  const contract = ['run', '--project', 'long', '-t', 'sqlite', 'test/oci/store/contract.long.test.ts'];
  const { code, stdout, stderr } = await copy().run('node_modules/.bin/node', 'node_modules/.bin/vitest', ...contract);
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/Tests .*\d\d+ passed/);
});

test('it is served, and lasts', async () => {
  await copy().addFile('session.ts', SESSION);
  const { code, stdout, stderr } = await copy().run('node_modules/.bin/node', 'session.ts');
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
});
