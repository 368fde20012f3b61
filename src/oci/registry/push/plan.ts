import { CodedError, type Descriptor } from '#core';
import type { PushOptions } from '#oci/image';
import { hasBlob } from '../blob-fetch.ts';
import type { Remote } from '../remote.ts';
import { askUpload, mountBlob, type UploadSession } from '../upload.ts';

/** One blob, and the repository that it is to be in. */
export interface BlobPush {
  readonly remote: Remote;
  readonly descriptor: Descriptor;
  readonly options: PushOptions;
}

/** Where an upload that broke off goes on. */
export interface ResumePoint {
  readonly session: UploadSession;
  /** Bytes that the registry has. */
  readonly received: number;
}

/** What GHCR takes at most in one chunk, what nginx takes at most unless told, and half of that. */
const CHUNK_BYTES = [4 * 1024 * 1024, 1024 * 1024, 512 * 1024] as const;
/** From here on it pays to ask where a broken upload stands. */
const RESUME_BYTES = 8 * 1024 * 1024;

/** How large chunks are until a registry refuses that. */
export const firstChunkBytes: number = CHUNK_BYTES[0];

/**
 * How the blob gets there: it is there, it could be mounted, or it is to be sent, through a session where the registry
 * has opened one.
 */
export async function planPush(push: BlobPush): Promise<'present' | 'mounted' | { readonly session?: UploadSession }> {
  const { remote, descriptor, options } = push;
  if (remote.asking.pays(descriptor.size)) {
    const found = await hasBlob(remote, descriptor, { signal: options.signal });
    remote.asking.note(found);
    if (found) return 'present';
  }
  const answer = await tryMount(push);
  if (answer === 'mounted') return answer;
  return answer === undefined ? {} : { session: answer };
}

async function tryMount({ remote, descriptor, options }: BlobPush): Promise<'mounted' | UploadSession | undefined> {
  const { mountFrom } = options;
  if (mountFrom === undefined || mountFrom === remote.repository) return undefined;
  try {
    return await mountBlob(remote, descriptor, mountFrom, options);
  } catch (error) {
    // No right to read there, or a registry that stumbles over it: the bytes will do.
    options.signal?.throwIfAborted();
    if (!(error instanceof CodedError)) throw error;
    return undefined;
  }
}

/** Whether an upload of this blob is worth writing down and resuming. */
export function isResumable({ size }: Descriptor): boolean {
  return size >= RESUME_BYTES;
}

/** Where a broken upload goes on, as the registry says; undefined where it begins anew. */
export async function planResume(push: BlobPush, session: UploadSession): Promise<ResumePoint | undefined> {
  const { remote, descriptor, options } = push;
  if (!isResumable(descriptor)) return undefined;
  const answer = await askUpload(remote, session, options).catch(() => undefined);
  if (answer === undefined || answer.received < RESUME_BYTES / 2 || answer.received > descriptor.size) return undefined;
  return answer;
}

/** Whether a registry, or a reverse proxy in front of it, refuses a blob in one piece and may take it in chunks. */
export function wantsChunks(failure: CodedError, sizeBytes: number): boolean {
  if (sizeBytes === 0) return false;
  const { status, registryCode } = failure.details;
  if (status === 413 || status === 416 || status === 405) return true;
  return status === 400 && registryCode !== 'DIGEST_INVALID' && registryCode !== 'SIZE_INVALID';
}

/** The next smaller chunk after one that was too large; undefined where the registry takes no smaller one. */
export function smallerChunk(refusedBytes: number, { minChunkBytes }: UploadSession): number | undefined {
  return CHUNK_BYTES.find((size) => size < refusedBytes && size >= minChunkBytes);
}
