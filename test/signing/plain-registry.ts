import { type Descriptor, digestOf, mediaTypes } from '#core';
import type { SignedObject } from '#signing';
import { readJson } from '../core/read-json.ts';

/** A repository of a registry, spoken to by the fewest plain requests that do the job. */
export interface PlainRepository {
  /** `host/name`. */
  readonly reference: string;
  putBlob(bytes: Uint8Array): Promise<void>;
  putManifest(bytes: Uint8Array, name: string, mediaType?: string): Promise<void>;
  /** Undefined where there is none. */
  getManifest(name: string): Promise<Uint8Array | undefined>;
  getBlob(digest: string): Promise<Uint8Array>;
  /** Blobs, manifest, tag; a referrer goes into the fallback index of its subject (distribution-spec v1.1.1, referrers tag). */
  push(object: SignedObject): Promise<void>;
}

export function plainRepository(host: string, name: string): PlainRepository {
  const base = `http://${host}/v2/${name}`;
  const repository: PlainRepository = {
    reference: `${host}/${name}`,
    putBlob: async (bytes) => {
      const start = await request(`${base}/blobs/uploads/`, { method: 'POST' }, 202);
      const location = new URL(start.headers.get('location') ?? '', base);
      location.searchParams.set('digest', digestOf(bytes));
      await request(location, { method: 'PUT', body: Uint8Array.from(bytes) }, 201);
    },
    putManifest: async (bytes, reference, mediaType = mediaTypes.ociManifest) => {
      const headers = { 'content-type': mediaType };
      await request(`${base}/manifests/${reference}`, { method: 'PUT', headers, body: Uint8Array.from(bytes) }, 201);
    },
    getManifest: async (reference) => {
      const accept = [mediaTypes.ociManifest, mediaTypes.ociIndex].join(', ');
      const response = await fetch(`${base}/manifests/${reference}`, { headers: { accept } });
      return response.status === 404 ? undefined : new Uint8Array(await response.arrayBuffer());
    },
    getBlob: async (digest) => {
      const response = await request(`${base}/blobs/${digest}`, {}, 200);
      return new Uint8Array(await response.arrayBuffer());
    },
    push: async ({ manifest, blobs, tag }) => {
      for (const { bytes } of blobs) await repository.putBlob(bytes);
      await repository.putManifest(manifest.bytes, tag ?? manifest.descriptor.digest);
      if (tag === undefined) await addReferrer(repository, manifest);
    },
  };
  return repository;
}

async function addReferrer(repository: PlainRepository, manifest: SignedObject['manifest']): Promise<void> {
  const { subject, artifactType, annotations } = readJson(Buffer.from(manifest.bytes).toString());
  const tag = subject.digest.replace(':', '-');
  const there = await repository.getManifest(tag);
  const manifests: Descriptor[] = there === undefined ? [] : readJson(Buffer.from(there).toString()).manifests;
  manifests.push({ ...manifest.descriptor, artifactType, annotations });
  const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
  await repository.putManifest(Buffer.from(index), tag, mediaTypes.ociIndex);
}

async function request(url: string | URL, init: RequestInit, status: number): Promise<Response> {
  const response = await fetch(url, init);
  if (response.status === status) return response;
  throw new Error(`${init.method ?? 'GET'} ${url}: ${response.status} ${await response.text()}`);
}
