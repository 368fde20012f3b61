import { beforeEach } from 'vitest';
import { type Descriptor, mediaTypes } from '#core';
import { packManifest } from '#oci/image';
import type { RegistryStore } from '#oci/store';
import { createApp, singleTenant } from '#server';
import { readJson } from '../core/read-json.ts';
import { describe } from '../oci/content.ts';
import { diskStorage, type StorageFixture } from '../oci/store/contract/storage.ts';

/** An app over an empty store, called without a socket. */
export interface TestRegistry {
  readonly store: RegistryStore;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** The same store behind an app with other options. */
  withOptions(options: Omit<Parameters<typeof createApp>[0], 'storeFor'>): Pick<TestRegistry, 'request'>;
  /** Pushes a blob into a repository, `a/b` unless told. */
  pushBlob(content: string | Uint8Array, name?: string): Promise<Descriptor>;
  /** Pushes an image manifest of one layer by a tag or its digest. */
  pushImage(layer: string, parts?: ImageParts): Promise<Descriptor>;
}

interface ImageParts {
  readonly tag?: string;
  readonly name?: string;
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Record<string, string>;
}

let openStorage = diskStorage;

/** Has the registries of this test file serve another storage than a disk. */
export function serveFrom(setUp: () => Promise<StorageFixture>): void {
  openStorage = setUp;
}

/** A registry per test. */
export function testRegistry(): TestRegistry {
  let store: RegistryStore;
  let app: ReturnType<typeof createApp>;
  beforeEach(async () => {
    store = await (await openStorage()).open();
    app = createApp({ storeFor: singleTenant(store) });
  });
  const request = async (path: string, init?: RequestInit): Promise<Response> => await app.request(path, init);

  const pushBlob = async (content: string | Uint8Array, name = 'a/b'): Promise<Descriptor> => {
    const bytes = Buffer.from(content);
    const descriptor = describe(bytes, 'text/plain');
    const path = `/v2/${name}/blobs/uploads/?digest=${descriptor.digest}`;
    const { status } = await request(path, { method: 'POST', body: bytes });
    if (status !== 201) throw new Error(`POST ${path}: ${status}`);
    return descriptor;
  };

  return {
    get store() {
      return store;
    },
    request,
    withOptions: (options) => {
      const other = createApp({ storeFor: singleTenant(store), ...options });
      return { request: async (path, init) => await other.request(path, init) };
    },
    pushBlob,
    pushImage: async (layer, { tag, name = 'a/b', subject, artifactType = 'application/x.test', annotations } = {}) => {
      const config = { ...(await pushBlob('{}', name)), mediaType: mediaTypes.ociEmpty };
      const layers = [await pushBlob(layer, name)];
      const { descriptor, bytes } = packManifest({
        artifactType,
        config,
        layers,
        subject,
        annotations: annotations ?? {},
      });
      const path = `/v2/${name}/manifests/${tag ?? descriptor.digest}`;
      const headers = { 'content-type': descriptor.mediaType };
      const { status } = await request(path, { method: 'PUT', body: Buffer.from(bytes), headers });
      if (status !== 201) throw new Error(`PUT ${path}: ${status}`);
      return descriptor;
    },
  };
}

/** The code of an answer's first error, and its status. */
export async function problem(response: Response | Promise<Response>): Promise<string> {
  const { status, headers, body } = await withText(await response);
  if (!headers.get('content-type')?.startsWith('application/json')) return `${status} ${body}`;
  const { errors } = readJson(body) as { errors: { code: string; message: string; detail: unknown }[] };
  return `${status} ${errors[0]?.code}`;
}

async function withText(response: Response): Promise<{ status: number; headers: Headers; body: string }> {
  return { status: response.status, headers: response.headers, body: await response.text() };
}
