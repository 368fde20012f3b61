import type { Descriptor } from '#core';
import type { ByteStream, OperationOptions } from '#oci/image';
import { mergeScopes, repositoryScope } from './auth.ts';
import { protocolError, refusal } from './faults.ts';
import { parseUploadRange } from './headers.ts';
import type { WireResponse } from './http/message.ts';
import { resolveLocation } from './origin.ts';
import type { Remote } from './remote.ts';

/** An open upload session: each answer may name another place to go on at. */
export interface UploadSession {
  readonly location: URL;
  /** The least that a chunk but the last must have, in bytes. */
  readonly minChunkBytes: number;
}

/** What a registry answers to the end of an upload. */
export type UploadAnswer = WireResponse;

/** Opens a session (distribution-spec v1.1.1 spec.md#pushing-a-blob-monolithically). */
export async function startUpload(remote: Remote, options: OperationOptions): Promise<UploadSession> {
  const response = await post(remote, '', { ...options, retry: true });
  if (response.status !== 202) throw await refusal(response, 'POST');
  return sessionIn(remote, response);
}

/**
 * Asks the registry to link a blob from another of its repositories (spec.md#mounting-a-blob-from-another-repository).
 *
 * @returns 'mounted', or a session where it would rather have the bytes, or undefined where it would not say either
 */
export async function mountBlob(
  remote: Remote,
  descriptor: Descriptor,
  from: string,
  options: OperationOptions,
): Promise<'mounted' | UploadSession | undefined> {
  const query = `?mount=${encodeURIComponent(descriptor.digest)}&from=${from}`;
  // Where it does not go at once, the bytes will do.
  const response = await post(remote, query, { ...options, retry: false }, from);
  if (response.status === 202) return sessionIn(remote, response);
  await response.drop();
  return response.status === 201 ? 'mounted' : undefined;
}

/** Ends a session with the last bytes, or all; the answer is for the caller to judge. */
export function finishUpload(
  remote: Remote,
  session: UploadSession,
  descriptor: Descriptor,
  content: { readonly sizeBytes: number; readonly body: Uint8Array | (() => Promise<ByteStream>) },
  options: OperationOptions,
): Promise<UploadAnswer> {
  const { href } = session.location;
  // The registry's own query must come back as it was, so nothing parses it.
  const url = new URL(
    `${href}${session.location.search === '' ? '?' : '&'}digest=${encodeURIComponent(descriptor.digest)}`,
  );
  return remote.client.send({
    method: 'PUT',
    url,
    scopes: remote.toWrite,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(content.sizeBytes) },
    body: content.sizeBytes === 0 ? undefined : content.body,
    signal: options.signal,
    retry: false,
  });
}

/**
 * Sends one chunk (spec.md#pushing-a-blob-in-chunks).
 *
 * @returns the session as it goes on, and how many bytes the registry says that it has
 */
export async function sendChunk(
  remote: Remote,
  session: UploadSession,
  offset: number,
  chunk: Uint8Array,
  options: OperationOptions,
): Promise<{ session: UploadSession; received: number | undefined }> {
  const response = await remote.client.send({
    method: 'PATCH',
    url: session.location,
    scopes: remote.toWrite,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(chunk.byteLength),
      'content-range': `${offset}-${offset + chunk.byteLength - 1}`,
    },
    body: chunk,
    signal: options.signal,
    retry: false,
  });
  if (![201, 202, 204].includes(response.status)) throw await refusal(response, 'PATCH');
  const received = parseUploadRange(response.header('range'));
  return { session: await sessionIn(remote, response, session), received };
}

/** How many bytes of a session have arrived; undefined when the registry does not know it any more. */
export async function askUpload(
  remote: Remote,
  session: UploadSession,
  options: OperationOptions,
): Promise<{ session: UploadSession; received: number } | undefined> {
  const { signal } = options;
  const scopes = remote.toWrite;
  const response = await remote.client.send({ method: 'GET', url: session.location, scopes, signal, retry: true });
  const received = parseUploadRange(response.header('range'));
  if (response.status !== 204 || received === undefined) {
    await response.drop();
    return undefined;
  }
  return { session: await sessionIn(remote, response, session), received };
}

/** Gives a session up; that this fails is of no consequence. */
export async function cancelUpload(remote: Remote, session: UploadSession): Promise<void> {
  const signal = AbortSignal.timeout(2000);
  const scopes = remote.toWrite;
  await remote.client
    .send({ method: 'DELETE', url: session.location, scopes, signal, retry: false })
    .then((response) => response.drop())
    .catch(() => undefined);
}

function post(
  remote: Remote,
  query: string,
  { signal, retry }: OperationOptions & { readonly retry: boolean },
  from?: string,
): Promise<WireResponse> {
  const scopes = from === undefined ? remote.toWrite : mergeScopes(remote.toWrite, repositoryScope(from, 'pull'));
  return remote.client.send({
    method: 'POST',
    url: remote.url(`blobs/uploads/${query}`),
    scopes,
    headers: { 'content-length': '0' },
    signal,
    retry,
  });
}

async function sessionIn(remote: Remote, response: WireResponse, before?: UploadSession): Promise<UploadSession> {
  await response.drop();
  const location = response.header('location');
  const least = Number(response.header('oci-chunk-min-length') ?? before?.minChunkBytes ?? 0);
  if (location === undefined) {
    if (before !== undefined) return before;
    throw protocolError(response.url, `answered ${response.status} without a Location to upload to`);
  }
  const rules = { what: 'upload location', registry: remote.client.origin, liftScheme: true };
  return {
    location: resolveLocation(location, response.url, rules),
    minChunkBytes: Number.isSafeInteger(least) && least > 0 ? least : 0,
  };
}
