import { type JsonObject, parseJsonObject } from '#core';
import type { Scopes } from '../auth.ts';
import { collect } from '../content.ts';
import { resolveLocation } from '../origin.ts';
import type { OperationOptions } from '../ports.ts';
import { isTransient, protocolError, refusal } from './faults.ts';
import { nextLink } from './headers.ts';
import type { WireResponse } from './message.ts';
import type { Session } from './session.ts';

const MAX_PAGES = 10_000;
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
/** Pages in a row that may bring nothing new, as registries that filter after they have cut the pages send. */
const MAX_BARREN_PAGES = 20;

/**
 * Reads a listing to its end by its `Link` headers; a link to another origin is refused, and so is a listing that
 * goes in circles.
 *
 * @param first the answer that began it
 * @param take is given each page, and says how many entries of it were new
 */
export async function readPages(
  session: Session,
  first: WireResponse,
  scopes: Scopes,
  options: OperationOptions,
  take: (fields: JsonObject, response: WireResponse) => number,
): Promise<void> {
  const seen = new Set<string>();
  let barren = 0;
  for (let response = first; ; ) {
    seen.add(response.url.href);
    barren = take(await readPage(response), response) > 0 ? 0 : barren + 1;
    const link = nextLink(response.header('link'));
    if (link === undefined) return;
    const url = resolveLocation(link, response.url, { what: 'next page', registry: session.origin, liftScheme: true });
    if (url.origin !== session.origin.origin) throw protocolError(response.url, `its next page is on ${url.origin}`);
    if (seen.has(url.href) || seen.size >= MAX_PAGES || barren >= MAX_BARREN_PAGES) {
      throw protocolError(response.url, `its pages do not end (${seen.size} read)`);
    }
    response = await session.send({ method: 'GET', url, scopes, signal: options.signal });
    if (response.status !== 200) throw await refusal(response, 'GET');
  }
}

async function readPage(response: WireResponse): Promise<JsonObject> {
  try {
    const bytes = await collect(response.body, MAX_PAGE_BYTES, response.url.pathname);
    return parseJsonObject(bytes, response.url.pathname, { maxBytes: MAX_PAGE_BYTES });
  } catch (cause) {
    if (isTransient(cause)) throw cause;
    throw protocolError(response.url, 'answered a listing with something that is no JSON object', { cause });
  }
}
