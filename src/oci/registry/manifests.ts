import { algorithmOf, CodedError, type Descriptor, digestOf, isDigest, isManifestType, mediaTypes } from '#core';
import { collect, maxManifestBytes } from '../content.ts';
import { detectManifestType } from '../manifest.ts';
import type { OperationOptions, PushOutcome } from '../ports.ts';
import { sizeMismatch, verifyBytes } from '../verify-stream.ts';
import { checkLength, contentMissing } from './blob-fetch.ts';
import { protocolError, refusal } from './faults.ts';
import type { WireResponse } from './message.ts';
import type { Remote } from './remote.ts';

const ACCEPT = [mediaTypes.ociIndex, mediaTypes.ociManifest, mediaTypes.dockerList, mediaTypes.dockerManifest].join(
  ', ',
);

/** What a tag or digest names, by HEAD, and by GET where the answer to that says too little. */
export async function resolveManifest(
  remote: Remote,
  name: string,
  options: OperationOptions,
): Promise<Descriptor | undefined> {
  const response = await ask(remote, 'HEAD', name, options);
  await response.drop();
  if (response.status === 404) return undefined;
  // Some registries and proxies do not do HEAD.
  if (response.status !== 200 && ![400, 405, 406].includes(response.status)) throw await refusal(response, 'HEAD');
  return (response.status === 200 ? describeHead(response, name) : undefined) ?? getAny(remote, name, options);
}

/** Whether a registry has a manifest. */
export async function hasManifest(remote: Remote, descriptor: Descriptor, options: OperationOptions): Promise<boolean> {
  const response = await ask(remote, 'HEAD', descriptor.digest, options);
  await response.drop();
  if (response.status === 404) return false;
  if (response.status !== 200) throw await refusal(response, 'HEAD');
  checkLength(response, descriptor, remote.name);
  return true;
}

/** The bytes of a manifest, checked. */
export async function getManifest(
  remote: Remote,
  descriptor: Descriptor,
  options: OperationOptions,
): Promise<Uint8Array> {
  const held = remote.manifests.get(descriptor.digest);
  if (held !== undefined) {
    verifyBytes(descriptor, held, remote.name);
    return held;
  }
  if (descriptor.size > maxManifestBytes) throw sizeMismatch(descriptor, remote.name, 'fewer than the');
  const response = await ask(remote, 'GET', descriptor.digest, options);
  if (response.status === 404) {
    await response.drop();
    throw contentMissing(remote, descriptor);
  }
  if (response.status !== 200) throw await refusal(response, 'GET');
  const length = response.header('content-length');
  if (length !== undefined && Number(length) !== descriptor.size) await response.drop();
  checkLength(response, descriptor, remote.name);
  const bytes = await readManifest(remote, response, descriptor.size, () =>
    sizeMismatch(descriptor, remote.name, 'more than the'),
  );
  verifyBytes(descriptor, bytes, remote.name);
  remote.manifests.put(descriptor.digest, bytes);
  return bytes;
}

/** Puts a manifest under its digest or a tag. */
export async function putManifest(
  remote: Remote,
  name: string,
  descriptor: Descriptor,
  bytes: Uint8Array,
  options: OperationOptions,
): Promise<void> {
  const response = await remote.session.send({
    method: 'PUT',
    url: remote.url(`manifests/${name}`),
    scopes: remote.toWrite,
    headers: { 'content-type': descriptor.mediaType },
    body: bytes,
    signal: options.signal,
  });
  if (response.status !== 201 && response.status !== 204) throw await refusal(response, 'PUT');
  await response.drop();
  const stored = response.header('docker-content-digest');
  // A registry may name the digest by another algorithm than ours.
  if (
    stored !== undefined &&
    isDigest(stored) &&
    algorithmOf(stored) === algorithmOf(descriptor.digest) &&
    stored !== descriptor.digest
  ) {
    throw protocolError(response.url, `took ${descriptor.digest} and says that it is ${stored}`);
  }
  remote.manifests.put(descriptor.digest, bytes);
}

/** Puts a manifest there unless it is there. */
export async function pushManifest(
  remote: Remote,
  descriptor: Descriptor,
  bytes: Uint8Array,
  options: OperationOptions,
): Promise<PushOutcome> {
  // From here on a token to write serves for reading too.
  void remote.toWrite;
  if (await hasManifest(remote, descriptor, options)) {
    remote.manifests.put(descriptor.digest, bytes);
    return 'present';
  }
  await putManifest(remote, descriptor.digest, descriptor, bytes, options);
  return 'uploaded';
}

/** Deletes a manifest or a blob; false when it was not there. */
export async function deleteContent(remote: Remote, path: string, options: OperationOptions): Promise<boolean> {
  const response = await remote.session.send({
    method: 'DELETE',
    url: remote.url(path),
    scopes: remote.toDelete,
    signal: options.signal,
  });
  if (response.status === 400 || response.status === 405) {
    const cause = await refusal(response, 'DELETE');
    throw new CodedError('ERR_EXPORT_UNSUPPORTED', `${remote.name}: does not delete (${response.status})`, {
      hint: 'deletes are switched off in this registry; ask who runs it',
      details: { place: remote.name, path },
      cause,
    });
  }
  if (response.status !== 404 && (response.status < 200 || response.status > 299))
    throw await refusal(response, 'DELETE');
  await response.drop();
  return response.status !== 404;
}

function ask(remote: Remote, method: 'GET' | 'HEAD', name: string, options: OperationOptions): Promise<WireResponse> {
  const url = remote.url(`manifests/${name}`);
  return remote.session.send({
    method,
    url,
    scopes: remote.toRead,
    headers: { accept: ACCEPT },
    signal: options.signal,
  });
}

function describeHead(response: WireResponse, name: string): Descriptor | undefined {
  const mediaType = typeIn(response);
  const named = response.header('docker-content-digest');
  const length = response.header('content-length') ?? '';
  // By digest, what the header says counts only where it is of the same algorithm: many name another.
  const digest = isDigest(name) ? name : named;
  if (digest === undefined || !isDigest(digest) || mediaType === undefined || !/^\d{1,15}$/.test(length))
    return undefined;
  if (
    isDigest(name) &&
    named !== undefined &&
    isDigest(named) &&
    named !== name &&
    algorithmOf(named) === algorithmOf(name)
  ) {
    throw protocolError(response.url, `asked for ${name}, answered with ${named}`);
  }
  return { mediaType, digest, size: Number(length) };
}

async function getAny(remote: Remote, name: string, options: OperationOptions): Promise<Descriptor | undefined> {
  const response = await ask(remote, 'GET', name, options);
  if (response.status === 404) {
    await response.drop();
    return undefined;
  }
  if (response.status !== 200) throw await refusal(response, 'GET');
  const limit = () => protocolError(response.url, `a manifest of more than ${maxManifestBytes} bytes`);
  const bytes = await readManifest(remote, response, maxManifestBytes, limit);
  const mediaType = typeIn(response) ?? detectManifestType(bytes);
  if (mediaType === undefined) throw protocolError(response.url, 'answered with something that is no manifest');
  const digest = digestOf(bytes, isDigest(name) ? algorithmOf(name) : 'sha256');
  const descriptor = { mediaType, digest, size: bytes.byteLength };
  if (isDigest(name)) verifyBytes({ ...descriptor, digest: name }, bytes, remote.name);
  remote.manifests.put(digest, bytes);
  return descriptor;
}

/** The manifest type that an answer names; its parameters do not count. */
function typeIn(response: WireResponse): string | undefined {
  const type = response.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  return type !== undefined && isManifestType(type) ? type : undefined;
}

async function readManifest(
  remote: Remote,
  response: WireResponse,
  maxBytes: number,
  tooLarge: () => CodedError,
): Promise<Uint8Array> {
  try {
    return await collect(response.body, maxBytes, remote.name);
  } catch (cause) {
    if (cause instanceof CodedError && cause.code === 'ERR_EXPORT_TOO_LARGE') throw tooLarge();
    throw cause;
  }
}
