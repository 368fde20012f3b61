import { algorithmOf, type Digest, type DigestAlgorithm, digestOf, isCoded } from '#core';
import { type ByteStream, isRepositoryName } from '#oci/image';
import type { AppendOptions, AppendResult, StoredRepository } from '#oci/store';
import { bodyOf, contentLengthOf, exactly } from '../body.ts';
import { REPOSITORY_PATH, type RegistryContext, type ServerApp, type ServerRequest } from '../context.ts';
import { parseChunkRange } from '../range.ts';
import { RegistryProblem } from './problem.ts';
import { digestFrom, repositoryOf, storeOf } from './request.ts';

/** Blob uploads and mounts (spec.md#pushing-blobs, spec.md#mounting-a-blob-from-another-repository). */
export function addUploadRoutes(app: ServerApp, context: RegistryContext): void {
  const path = `${REPOSITORY_PATH}/blobs/uploads/:id` as const;

  for (const start of [`${REPOSITORY_PATH}/blobs/uploads/`, `${REPOSITORY_PATH}/blobs/uploads`] as const) {
    app.post(start, async (c) => await beginUpload(c, context));
  }

  app.get(path, async (c) => {
    const repository = repositoryOf(c, context);
    const id = c.req.param('id');
    const size = await repository.uploads.size(id);
    if (size === undefined) throw unknown(id);
    return new Response(null, { status: 204, headers: stateHeaders(repository, id, size) });
  });

  app.patch(path, async (c) => {
    const repository = repositoryOf(c, context);
    const id = c.req.param('id');
    const { chunks, options } = chunkOf(c, context);
    const result = await known(id, repository.uploads.append(id, chunks, options));
    if (!result.accepted) throw outOfOrder(repository, id, result.size);
    return new Response(null, { status: 202, headers: stateHeaders(repository, id, result.size) });
  });

  app.put(path, async (c) => {
    const repository = repositoryOf(c, context);
    const id = c.req.param('id');
    const digest = digestFrom(c.req.query('digest'));
    const { chunks, options } = chunkOf(c, context);
    const added = contentLengthOf(c) === 0 ? undefined : chunks;
    const result = await known(id, repository.uploads.commit(id, digest, added, options));
    if (!result.accepted) throw outOfOrder(repository, id, result.size);
    return created(repository, digest);
  });

  app.delete(path, async (c) => {
    const repository = repositoryOf(c, context);
    const id = c.req.param('id');
    if (await repository.uploads.cancel(id)) return new Response(null, { status: 204 });
    throw unknown(id);
  });
}

async function beginUpload(c: ServerRequest, context: RegistryContext): Promise<Response> {
  const repository = repositoryOf(c, context);
  const mount = c.req.query('mount');
  if (mount !== undefined) {
    const digest = digestFrom(mount);
    if (await mounted(c, context, digest)) return created(repository, digest);
  }
  const whole = c.req.query('digest');
  if (whole !== undefined) {
    const digest = digestFrom(whole);
    // Without a body this is a single POST upload only if the blob is empty.
    if (contentLengthOf(c) !== 0 || digest === digestOf('', algorithmOf(digest))) {
      const { chunks, options } = chunkOf(c, context);
      await repository.uploads.put(digest, chunks, options);
      return created(repository, digest);
    }
  }
  const id = await repository.uploads.start(algorithmFrom(c.req.query('digest-algorithm')));
  return new Response(null, { status: 202, headers: stateHeaders(repository, id, 0) });
}

/** Mounts a blob, if possible. A writer may read all repositories of the tenant, so it may mount from any of them. */
async function mounted(c: ServerRequest, context: RegistryContext, digest: Digest): Promise<boolean> {
  const { blobs } = repositoryOf(c, context);
  const from = c.req.query('from');
  if (from === undefined) return await blobs.mount(digest);
  return isRepositoryName(from) && (await blobs.mount(digest, storeOf(c, context).repository(from).blobs));
}

/** The bytes that a request adds to an upload, and their offset. */
function chunkOf(c: ServerRequest, context: RegistryContext): { chunks: ByteStream; options: AppendOptions } {
  const range = parseChunkRange(c.req.header('content-range'));
  const length = contentLengthOf(c);
  const options = { maxSizeBytes: context.maxBlobBytes };
  if ((length ?? 0) > context.maxBlobBytes) {
    throw new RegistryProblem('SIZE_INVALID', `expected ${context.maxBlobBytes} bytes or fewer`, { status: 413 });
  }
  if (range === undefined) return { chunks: bodyOf(c), options };
  if (range === 'malformed') throw new RegistryProblem('BLOB_UPLOAD_INVALID', 'expected Content-Range: START-END');
  const sizeBytes = range.end - range.start + 1;
  if (length !== undefined && length !== sizeBytes) {
    throw new RegistryProblem('SIZE_INVALID', 'Content-Length and Content-Range do not agree', {
      detail: { length, range },
    });
  }
  return { chunks: exactly(sizeBytes, bodyOf(c)), options: { ...options, offset: range.start } };
}

function stateHeaders({ name }: StoredRepository, id: string, size: number): Record<string, string> {
  return {
    Location: `/v2/${name}/blobs/uploads/${id}`,
    // The offset of the last byte. The format cannot distinguish an empty upload from one of a single byte.
    Range: `0-${Math.max(0, size - 1)}`,
    'Docker-Upload-UUID': id,
    'Cache-Control': 'no-store',
  };
}

function created({ name }: StoredRepository, digest: Digest): Response {
  const headers = { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest };
  return new Response(null, { status: 201, headers });
}

function algorithmFrom(text: string | undefined): DigestAlgorithm {
  if (text === undefined || text === 'sha256' || text === 'sha512') return text ?? 'sha256';
  throw new RegistryProblem('DIGEST_INVALID', 'expected sha256 or sha512', { detail: { algorithm: text } });
}

async function known(id: string, result: Promise<AppendResult>): Promise<AppendResult> {
  try {
    return await result;
  } catch (error) {
    throw isCoded(error, 'ERR_EXPORT_NOT_FOUND') ? unknown(id) : error;
  }
}

function unknown(id: string): RegistryProblem {
  return new RegistryProblem('BLOB_UPLOAD_UNKNOWN', undefined, { detail: { upload: id.slice(0, 64) } });
}

function outOfOrder(repository: StoredRepository, id: string, size: number): RegistryProblem {
  return new RegistryProblem('BLOB_UPLOAD_INVALID', `the next byte of this upload is ${size}`, {
    status: 416,
    detail: { size },
    headers: stateHeaders(repository, id, size),
  });
}
