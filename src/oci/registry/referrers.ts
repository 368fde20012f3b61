import {
  type Descriptor,
  type Digest,
  type ErrorCode,
  isCoded,
  isManifestType,
  type JsonObject,
  mediaTypes,
} from '#core';
import type { OperationOptions, ReferrerFilter } from '#oci/image';
import { parseDescriptor, parseManifest, referrerDescriptor } from '#oci/image';
import { readFallback } from './fallback-tag.ts';
import { protocolError, refusal } from './faults.ts';
import type { WireResponse } from './http/message.ts';
import type { RegistryRequest } from './http/registry-client.ts';
import { getManifest } from './manifests.ts';
import { type ListingBounds, readPages } from './pages.ts';
import type { Remote } from './remote.ts';

/** A digest that no content has, to ask whether referrers are listed at all. */
const NO_DIGEST = `sha256:${'0'.repeat(64)}` as Digest;

/** What is wrong with one manifest alone. */
const NOT_TO_BE_READ: readonly ErrorCode[] = [
  'ERR_EXPORT_DIGEST_MISMATCH',
  'ERR_EXPORT_MANIFEST_INVALID',
  'ERR_EXPORT_NOT_FOUND',
  'ERR_EXPORT_SIZE_MISMATCH',
];

const OTHER_DIGEST = /^(?!sha256:|sha512:)[a-z0-9]+(?:[+._-][a-z0-9]+){0,15}:[A-Za-z0-9=_-]+$/;

/** An entry has a few hundred bytes; other users may add as many as they like. */
const BOUNDS: ListingBounds = { what: 'referrers', maxItems: 10_000, maxBytes: 32 * 1024 * 1024 };

/**
 * The referrers of a subject: those that the API lists, else those in the fallback tag's index. Of an API that gives its
 * lists another media type, as Harbor up to 2.10, most clients see nothing and keep the tag, so both are read.
 */
export async function listReferrers(remote: Remote, subject: Digest, filter: ReferrerFilter): Promise<Descriptor[]> {
  const query = filter.artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(filter.artifactType)}`;
  const listed = await askApi(remote, subject, query, filter);
  const isComplete = listed !== undefined && remote.listsReferrers === true;
  const found = isComplete ? listed : await readBoth(remote, subject, listed ?? [], filter);
  // That a registry filtered cannot be relied on, whatever it says.
  const { artifactType } = filter;
  return artifactType === undefined ? found : found.filter((entry) => entry.artifactType === artifactType);
}

/**
 * Whether the registry itself lists a manifest as a referrer of its subject. That it answers a push with OCI-Subject
 * is no sign of it: a large one does and does not.
 */
export async function supportsReferrers(remote: Remote, options: OperationOptions): Promise<boolean> {
  if (remote.listsReferrers === undefined) {
    const listed = await askApi(remote, NO_DIGEST, '', options);
    if (listed === undefined) remote.listsReferrers = false;
  }
  return remote.listsReferrers === true;
}

/** What the API lists and what the fallback tag lists, each once. */
async function readBoth(
  remote: Remote,
  subject: Digest,
  listed: readonly Descriptor[],
  options: OperationOptions,
): Promise<Descriptor[]> {
  const found = new Map((await readCompleted(remote, subject, options)).map((entry) => [entry.digest, entry]));
  for (const entry of listed) if (!found.has(entry.digest)) found.set(entry.digest, entry);
  return [...found.values()];
}

/** What the API lists; undefined where there is no such API. */
async function askApi(
  remote: Remote,
  subject: Digest,
  query: string,
  options: OperationOptions,
): Promise<Descriptor[] | undefined> {
  if (remote.listsReferrers === false) return undefined;
  const found = new Map<Digest, Descriptor>();
  const response = await askOnce(remote, subject, query, options, (fields, page) => {
    const before = found.size;
    if (hasIndexType(page)) remote.listsReferrers = true;
    else if (fields['mediaType'] === mediaTypes.ociIndex) remote.listsReferrers ??= 'untyped';
    else throw protocolError(page.url, 'answered a request for referrers with something that is not an index');
    for (const entry of entriesIn(fields, page)) if (!found.has(entry.digest)) found.set(entry.digest, entry);
    return found.size - before;
  });
  if (response === 'listed') return [...found.values()];
  if (response === 'elsewhere') return undefined;
  if (response.status === 401 || response.status === 403) throw await refusal(response, 'GET');
  await response.drop();
  // A 404 may also mean that the repository is not there yet.
  if (response.status !== 404) remote.listsReferrers = false;
  return undefined;
}

async function askOnce(
  remote: Remote,
  subject: Digest,
  query: string,
  options: OperationOptions,
  take: (fields: JsonObject, page: WireResponse) => number,
): Promise<WireResponse | 'listed' | 'elsewhere'> {
  const request: RegistryRequest = {
    method: 'GET',
    url: remote.url(`referrers/${subject}${query}`),
    scopes: remote.toRead,
    headers: { accept: mediaTypes.ociIndex },
    // One that does not know the API may lead to its web pages.
    mayLeave: false,
    signal: options.signal,
  };
  try {
    return (await readPages(remote.client, request, mayBeIndex, take, BOUNDS)) ?? 'listed';
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_REGISTRY_PROTOCOL') || remote.listsReferrers !== undefined) throw error;
    remote.listsReferrers = false;
    return 'elsewhere';
  }
}

function hasIndexType(response: WireResponse): boolean {
  return typeOf(response) === mediaTypes.ociIndex;
}

/** Whether an answer is an index by its type, or may be one by its content. */
function mayBeIndex(response: WireResponse): boolean {
  const type = typeOf(response);
  return type === mediaTypes.ociIndex || type === 'application/json' || type === '';
}

function typeOf(response: WireResponse): string {
  return response.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
}

function entriesIn(fields: JsonObject, page: WireResponse): Descriptor[] {
  const entries = fields['manifests'] ?? [];
  if (!Array.isArray(entries)) throw protocolError(page.url, 'answered with referrers that are not a list');
  return entries.flatMap((entry, i) => {
    // What is of another kind of digest could not be checked, so it is not ours to show.
    const digest = (entry as JsonObject | null)?.['digest'];
    if (typeof digest === 'string' && OTHER_DIGEST.test(digest)) return [];
    return [parseDescriptor(entry, page.url.pathname, `manifests[${i}]`)];
  });
}

/**
 * Entries of a fallback index, which many clients write: some leave out the artifactType or the annotations, or write
 * the empty config's type there, so those are read from the manifest itself.
 */
async function readCompleted(remote: Remote, subject: Digest, options: OperationOptions): Promise<Descriptor[]> {
  const completed: Descriptor[] = [];
  for (const entry of await readFallback(remote, subject, options)) {
    const isComplete = entry.artifactType !== undefined && entry.artifactType !== mediaTypes.ociEmpty;
    if (isComplete && entry.annotations !== undefined) completed.push(entry);
    else {
      const read = await readReferrer(remote, subject, entry, options);
      if (read !== undefined) completed.push(read);
    }
  }
  return completed;
}

/**
 * The entry as the manifest gives it, or as it is listed where the manifest is gone, damaged or malformed: who reads it
 * is told then. Undefined where it has another subject.
 */
async function readReferrer(remote: Remote, subject: Digest, entry: Descriptor, options: OperationOptions) {
  if (!isManifestType(entry.mediaType)) return entry;
  try {
    const bytes = await getManifest(remote, entry, options);
    const manifest = parseManifest(bytes, entry.mediaType, `${remote.name}: ${entry.digest}`);
    return manifest.subject?.digest === subject ? referrerDescriptor(entry, manifest) : undefined;
  } catch (error) {
    if (isCoded(error, ...NOT_TO_BE_READ)) return entry;
    throw error;
  }
}
