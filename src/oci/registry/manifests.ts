import {
  algorithmOf,
  CodedError,
  type Descriptor,
  digestOf,
  isCoded,
  isDigest,
  isManifestType,
  mediaTypes,
} from '#core';
import type { OperationOptions, PushOptions, PushOutcome } from '#oci/image';
import { detectManifestType, maxManifestBytes, parseUnknownManifest, verifyBytes } from '#oci/image';
import { checkLength, checkStored, contentMissing } from './blob-fetch.ts';
import { protocolError, refusal } from './faults.ts';
import type { WireResponse } from './http/message.ts';
import type { ReadAnswer } from './http/registry-client.ts';
import type { Remote } from './remote.ts';

/** The types that can be followed first; whatever else there is, so that it can be said what it is. */
const ACCEPT = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
  mediaTypes.ociArtifact,
  mediaTypes.orasArtifact,
  '*/*',
].join(', ');
/** Content types that say no more than that it is some text or bytes. */
const SAYS_NOTHING = /^(?:text\/.*|application\/(?:json|octet-stream))$/;

/** What a tag or digest names, by HEAD, and by GET where the answer to that says too little. */
export async function resolveManifest(
  remote: Remote,
  name: string,
  options: OperationOptions,
): Promise<Descriptor | undefined> {
  const response = await head(remote, name, options);
  await response.drop();
  if (response.status === 404) return undefined;
  // Some registries and proxies do not do HEAD.
  if (response.status !== 200 && ![400, 405, 406].includes(response.status)) throw await refusal(response, 'HEAD');
  return (response.status === 200 ? describeHead(response, name) : undefined) ?? getAny(remote, name, options);
}

/** Whether a registry has a manifest. */
export async function hasManifest(remote: Remote, descriptor: Descriptor, options: OperationOptions): Promise<boolean> {
  const response = await head(remote, descriptor.digest, options, descriptor.mediaType);
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
  if (descriptor.size > maxManifestBytes) throw tooLarge(remote, descriptor);
  const { response, bytes } = await read(remote, descriptor.digest, descriptor.size, options, descriptor.mediaType);
  if (response.status === 404) {
    await response.drop();
    throw contentMissing(remote, descriptor);
  }
  if (response.status !== 200) throw await refusal(response, 'GET');
  verifyBytes(descriptor, bytes, remote.name);
  remote.manifests.put(descriptor.digest, bytes);
  return bytes;
}

/** Points a tag at a manifest that is there. */
export async function tagManifest(
  remote: Remote,
  descriptor: Descriptor,
  tag: string,
  options: OperationOptions,
): Promise<void> {
  const bytes = await getManifest(remote, descriptor, options);
  if (algorithmOf(descriptor.digest) !== 'sha256') {
    // Under a tag alone, a registry would call it by its SHA-256; the next specification has a way for both.
    const response = await putManifest(remote, `${descriptor.digest}?tag=${tag}`, descriptor, bytes, options);
    if (response.headers('oci-tag').includes(tag)) return;
  }
  await putManifest(remote, tag, descriptor, bytes, options);
}

/** Puts a manifest under its digest or a tag. @returns the answer, without its body */
export async function putManifest(
  remote: Remote,
  name: string,
  descriptor: Descriptor,
  bytes: Uint8Array,
  options: OperationOptions,
): Promise<WireResponse> {
  const response = await remote.client.send({
    method: 'PUT',
    url: remote.url(`manifests/${name}`),
    scopes: remote.toWrite,
    headers: { 'content-type': descriptor.mediaType },
    body: bytes,
    signal: options.signal,
  });
  if (response.status !== 201 && response.status !== 204) throw await refusal(response, 'PUT');
  await response.drop();
  checkStored(response, descriptor.digest);
  remote.manifests.put(descriptor.digest, bytes);
  return response;
}

/** Puts a manifest there unless it is there. */
export async function pushManifest(
  remote: Remote,
  descriptor: Descriptor,
  bytes: Uint8Array,
  options: PushOptions,
): Promise<PushOutcome> {
  remote.willWrite();
  if (options.found ?? (await hasManifest(remote, descriptor, options))) {
    remote.manifests.put(descriptor.digest, bytes);
    return 'present';
  }
  await putManifest(remote, descriptor.digest, descriptor, bytes, options);
  return 'uploaded';
}

/** Deletes a manifest or a blob; false when it was not there. */
export async function deleteContent(remote: Remote, path: string, options: OperationOptions): Promise<boolean> {
  const response = await remote.client.send({
    method: 'DELETE',
    url: remote.url(path),
    scopes: remote.toDelete,
    signal: options.signal,
  });
  if (response.status === 400 || response.status === 405) {
    const cause = await refusal(response, 'DELETE');
    throw new CodedError(
      'ERR_EXPORT_UNSUPPORTED',
      `${remote.name}: the registry does not support deletes (${response.status})`,
      {
        hint: 'deletes are disabled in this registry; ask the registry operator',
        details: { place: remote.name, path },
        cause,
      },
    );
  }
  if (response.status !== 404 && (response.status < 200 || response.status > 299))
    throw await refusal(response, 'DELETE');
  await response.drop();
  return response.status !== 404;
}

/**
 * Removes a tag, and not what it names (distribution-spec v1.1.1 spec.md#deleting-tags). False where there was none.
 *
 * @throws CodedError ERR_EXPORT_UNSUPPORTED where the registry does not remove tags
 */
export async function deleteTag(remote: Remote, tag: string, options: OperationOptions): Promise<boolean> {
  try {
    return await deleteContent(remote, `manifests/${tag}`, options);
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_UNSUPPORTED')) throw error;
    throw new CodedError(
      'ERR_EXPORT_UNSUPPORTED',
      `${remote.name}: the registry does not support removing single tags`,
      {
        hint: 'delete the manifest by digest, which removes all its tags, or ask the registry operator',
        details: { place: remote.name, tag },
        cause: error,
      },
    );
  }
}

function tooLarge(remote: Remote, { digest, size }: Descriptor): CodedError {
  const what = `${remote.name}: ${digest} would be a manifest of ${size} bytes, more than ${maxManifestBytes}`;
  return new CodedError('ERR_EXPORT_TOO_LARGE', what, {
    hint: 'check that this is the artifact you meant',
    details: { place: remote.name, digest },
  });
}

function head(remote: Remote, name: string, options: OperationOptions, type?: string): Promise<WireResponse> {
  return remote.client.send({ method: 'HEAD', ...request(remote, name, options, type) });
}

function read(
  remote: Remote,
  name: string,
  maxBytes: number,
  options: OperationOptions,
  type?: string,
): Promise<ReadAnswer> {
  return remote.client.read({ method: 'GET', ...request(remote, name, options, type) }, maxBytes);
}

function request(remote: Remote, name: string, { signal }: OperationOptions, type = ACCEPT) {
  const accept = isManifestType(type) || type === ACCEPT ? ACCEPT : `${type}, ${ACCEPT}`;
  return { url: remote.url(`manifests/${name}`), scopes: remote.toRead, headers: { accept }, signal };
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
  const { response, bytes } = await read(remote, name, maxManifestBytes, options);
  if (response.status === 404) {
    await response.drop();
    return undefined;
  }
  if (response.status !== 200) throw await refusal(response, 'GET');
  if (bytes.byteLength > maxManifestBytes) {
    throw protocolError(response.url, `a manifest of more than ${maxManifestBytes} bytes`);
  }
  const mediaType = typeIn(response) ?? detectManifestType(bytes) ?? parseUnknownManifest(bytes)?.mediaType;
  if (mediaType === undefined) throw protocolError(response.url, 'answered with something that is not a manifest');
  const digest = digestOf(bytes, isDigest(name) ? algorithmOf(name) : 'sha256');
  const descriptor = { mediaType, digest, size: bytes.byteLength };
  if (isDigest(name)) verifyBytes({ ...descriptor, digest: name }, bytes, remote.name);
  remote.manifests.put(digest, bytes);
  return descriptor;
}

/** The manifest type that an answer names, supported or not; its parameters do not count. */
function typeIn(response: WireResponse): string | undefined {
  const type = response.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
  return type === '' || SAYS_NOTHING.test(type) ? undefined : type;
}
