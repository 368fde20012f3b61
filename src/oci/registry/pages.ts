import { CodedError, compareText, type JsonObject, parseJsonObject } from '#core';
import type { OperationOptions, TagListOptions } from '#oci/image';
import { isTag } from '#oci/image';
import { protocolError, refusal } from './faults.ts';
import { nextLink } from './headers.ts';
import type { WireResponse } from './http/message.ts';
import type { RegistryClient, RegistryRequest } from './http/registry-client.ts';
import { redactUrl, resolveLocation } from './origin.ts';
import type { Remote } from './remote.ts';

/** How much of a listing is read. */
export interface ListingBounds {
  /** What is listed, in the plural. */
  readonly what: string;
  readonly maxItems: number;
  /** Of all pages together. */
  readonly maxBytes: number;
}

const MIB = 1024 * 1024;
const MAX_PAGES = 10_000;
const MAX_PAGE_BYTES = 32 * MIB;
const TAG_BOUNDS: ListingBounds = { what: 'tags', maxItems: 1_000_000, maxBytes: 64 * MIB };
/** Pages in a row that may bring nothing new, as registries that filter after they have cut the pages send. */
const MAX_BARREN_PAGES = 20;

/**
 * Reads a listing to its end by its `Link` headers; a link to another origin is refused, and so is a listing that
 * goes in circles.
 *
 * @param first the request that begins it
 * @param take is given each page, and says how many entries of it were new
 * @param bounds those for tags unless told
 * @throws CodedError ERR_EXPORT_TOO_LARGE for a listing beyond its bounds, ERR_EXPORT_REGISTRY_PROTOCOL
 * @returns the first answer where that is not a 200 of the right type, its body unread; undefined when all was read
 */
export async function readPages(
  client: RegistryClient,
  first: RegistryRequest,
  isPage: (response: WireResponse) => boolean,
  take: (fields: JsonObject, response: WireResponse) => number,
  bounds: ListingBounds = TAG_BOUNDS,
): Promise<WireResponse | undefined> {
  const seen = new Set<string>();
  let barren = 0;
  const meter = new ListingMeter(bounds);
  for (let request = first; ; ) {
    const { response, bytes } = await client.read(request, meter.pageBytes);
    if (response.status !== 200 || !isPage(response)) {
      if (request === first) return response;
      throw await refusal(response, 'GET');
    }
    seen.add(response.url.href);
    meter.addPage(bytes.byteLength, response);
    const taken = take(parsePage(bytes, response), response);
    meter.addItems(taken, response);
    barren = taken > 0 ? 0 : barren + 1;
    const link = nextLink(response.header('link'));
    if (link === undefined) return undefined;
    // Links are kept, to notice circles.
    meter.addPage(link.length, response);
    const url = resolveLocation(link, response.url, { what: 'next page', registry: client.origin, liftScheme: true });
    if (url.origin !== client.origin.origin) throw protocolError(response.url, `its next page is on ${url.origin}`);
    if (seen.has(url.href) || seen.size >= MAX_PAGES || barren >= MAX_BARREN_PAGES) {
      throw protocolError(response.url, `its pages do not end (${seen.size} read)`);
    }
    request = { ...first, url };
  }
}

/** Counts what was read of a listing, and ends it at its bounds. */
class ListingMeter {
  readonly #bounds: ListingBounds;
  #items = 0;
  #bytes = 0;

  constructor(bounds: ListingBounds) {
    this.#bounds = bounds;
  }

  /** How large the next page may be. */
  get pageBytes(): number {
    return Math.max(0, Math.min(MAX_PAGE_BYTES, this.#bounds.maxBytes - this.#bytes));
  }

  addPage(sizeBytes: number, response: WireResponse): void {
    const { what, maxBytes } = this.#bounds;
    this.#bytes += sizeBytes;
    if (this.#bytes > maxBytes) throw tooMuch(response, `more than ${maxBytes / MIB} MiB of ${what}`);
    if (sizeBytes > MAX_PAGE_BYTES)
      throw tooMuch(response, `a page of more than ${MAX_PAGE_BYTES / MIB} MiB of ${what}`);
  }

  addItems(count: number, response: WireResponse): void {
    const { what, maxItems } = this.#bounds;
    this.#items += count;
    if (this.#items > maxItems) throw tooMuch(response, `more than ${maxItems.toLocaleString('en')} ${what}`);
  }
}

function parsePage(bytes: Uint8Array, response: WireResponse): JsonObject {
  try {
    return parseJsonObject(bytes, response.url.pathname, { maxBytes: MAX_PAGE_BYTES });
  } catch (cause) {
    throw protocolError(response.url, 'answered with a list that is not a JSON object', { cause });
  }
}

/**
 * All tags of a repository in byte order (distribution-spec v1.1.1 spec.md#listing-tags).
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND where the registry has no such repository, ERR_EXPORT_REGISTRY_PROTOCOL
 *   where something else than a registry answers
 */
export async function listTags(remote: Remote, options: TagListOptions): Promise<string[]> {
  const tags = new Set<string>();
  const invalid = new Set<string>();
  const take = (fields: JsonObject, response: WireResponse) => {
    const before = tags.size + invalid.size;
    for (const tag of tagsIn(fields, response)) {
      if (typeof tag === 'string' && isTag(tag)) tags.add(tag);
      else invalid.add(typeof tag === 'string' ? tag : (JSON.stringify(tag) ?? ''));
    }
    return tags.size + invalid.size - before;
  };
  const request = {
    method: 'GET',
    url: remote.url('tags/list'),
    scopes: remote.toRead,
    signal: options.signal,
  } as const;
  const other = await readPages(remote.client, request, () => true, take);
  if (other?.status === 404) throw await notFound(remote, other, options);
  if (other !== undefined) throw await refusal(other, 'GET');
  for (const name of [...invalid].sort(compareText)) options.onInvalid?.(name);
  // Some registries list them in no order.
  return [...tags].sort(compareText);
}

/** The names that a page lists; Go writes an empty list as null, and some registries omit it. */
function tagsIn(fields: JsonObject, response: WireResponse): readonly unknown[] {
  const { tags, name } = fields;
  if (Array.isArray(tags)) return tags;
  if (tags === null || (tags === undefined && typeof name === 'string')) return [];
  throw protocolError(response.url, 'answered with something that is not a list of tags');
}

/** A 404 in the words of a registry, or where /v2/ is one, is of a repository; else of a web server that is none. */
async function notFound(remote: Remote, response: WireResponse, { signal }: OperationOptions): Promise<CodedError> {
  const cause = await refusal(response, 'GET');
  if (cause.details['registryCode'] === undefined) {
    const url = new URL('/v2/', remote.client.origin);
    const ping = await remote.client.send({ method: 'GET', url, scopes: remote.toRead, signal });
    await ping.drop();
    if (ping.status !== 200 && ping.status !== 401 && ping.status !== 403) {
      return protocolError(url, `answered ${ping.status}, so this is not a registry`, { cause });
    }
  }
  return new CodedError('ERR_EXPORT_NOT_FOUND', `${remote.name}: repository not found`, {
    hint: 'check the host and the name of the repository',
    details: { reference: remote.name },
    cause,
  });
}

function tooMuch({ url }: WireResponse, what: string): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${redactUrl(url)}: ${what}`, {
    hint: 'delete what is not needed there, or ask the registry operator whether this list is genuine',
    details: { url: redactUrl(url) },
  });
}
