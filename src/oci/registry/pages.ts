import { type JsonObject, parseJsonObject } from '#core';
import { resolveLocation } from '../origin.ts';
import { protocolError, refusal } from './faults.ts';
import { nextLink } from './headers.ts';
import type { WireResponse } from './message.ts';
import type { RegistryRequest, Session } from './session.ts';

const MAX_PAGES = 10_000;
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
/** Pages in a row that may bring nothing new, as registries that filter after they have cut the pages send. */
const MAX_BARREN_PAGES = 20;

/**
 * Reads a listing to its end by its `Link` headers; a link to another origin is refused, and so is a listing that
 * goes in circles.
 *
 * @param first the request that begins it
 * @param take is given each page, and says how many entries of it were new
 * @returns the first answer where that is not a 200 of the right type, its body unread; undefined when all was read
 */
export async function readPages(
  session: Session,
  first: RegistryRequest,
  isPage: (response: WireResponse) => boolean,
  take: (fields: JsonObject, response: WireResponse) => number,
): Promise<WireResponse | undefined> {
  const seen = new Set<string>();
  let barren = 0;
  for (let request = first; ; ) {
    const { response, bytes } = await session.read(request, MAX_PAGE_BYTES);
    if (response.status !== 200 || !isPage(response)) {
      if (request === first) return response;
      throw await refusal(response, 'GET');
    }
    seen.add(response.url.href);
    barren = take(parsePage(bytes, response), response) > 0 ? 0 : barren + 1;
    const link = nextLink(response.header('link'));
    if (link === undefined) return undefined;
    const url = resolveLocation(link, response.url, { what: 'next page', registry: session.origin, liftScheme: true });
    if (url.origin !== session.origin.origin) throw protocolError(response.url, `its next page is on ${url.origin}`);
    if (seen.has(url.href) || seen.size >= MAX_PAGES || barren >= MAX_BARREN_PAGES) {
      throw protocolError(response.url, `its pages do not end (${seen.size} read)`);
    }
    request = { ...first, url };
  }
}

function parsePage(bytes: Uint8Array, response: WireResponse): JsonObject {
  try {
    return parseJsonObject(bytes, response.url.pathname, { maxBytes: MAX_PAGE_BYTES });
  } catch (cause) {
    throw protocolError(response.url, 'answered a listing with something that is no JSON object', { cause });
  }
}
