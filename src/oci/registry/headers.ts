import { maskSecrets } from '#core';
import type { ByteRange } from '#oci/image';

/** One link of a `Link` header (RFC 8288 §3). @internal Tested by itself. */
export interface WebLink {
  readonly target: string;
  /** Relation types in lower case. */
  readonly rels: readonly string[];
}

const REL = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i;

/** The links in the value of a `Link` header; what is no link is passed over. @internal Tested by itself. */
export function parseLinks(value: string): WebLink[] {
  const links: WebLink[] = [];
  const targets = /<([^<>]*)>/g;
  for (let match = targets.exec(value); match !== null; match = targets.exec(value)) {
    const end = endOfParameters(value, targets.lastIndex);
    const rel = REL.exec(value.slice(targets.lastIndex, end));
    const text = (rel?.[1] ?? rel?.[2] ?? '').trim().toLowerCase();
    links.push({ target: (match[1] as string).trim(), rels: text === '' ? [] : text.split(/\s+/) });
    targets.lastIndex = end;
  }
  return links;
}

/** Where the parameters that begin at `from` end: at a comma outside of quotes, else at the end of the text. */
function endOfParameters(value: string, from: number): number {
  let isQuoted = false;
  for (let i = from; i < value.length; i++) {
    const character = value[i];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\\' && isQuoted) i++;
    else if (character === ',' && !isQuoted) return i;
  }
  return value.length;
}

/** The target of the first `rel=next` link. */
export function nextLink(value: string | undefined): string | undefined {
  return value === undefined ? undefined : parseLinks(value).find(({ rels }) => rels.includes('next'))?.target;
}

/** The range and the whole size that `Content-Range: bytes A-B/SIZE` names (RFC 9110 §14.4). */
export function parseContentRange(
  value: string | undefined,
): { readonly range: ByteRange; readonly size: number | undefined } | undefined {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(?:(\d{1,16})|\*)$/i.exec(value?.trim() ?? '');
  if (match === null) return undefined;
  const [start, end] = [Number(match[1]), Number(match[2])];
  const size = match[3] === undefined ? undefined : Number(match[3]);
  return end < start || (size !== undefined && end >= size) ? undefined : { range: { start, end }, size };
}

/** How many bytes of an upload `Range: 0-N` says have arrived (distribution-spec v1.1.1 spec.md#pushing-a-blob-in-chunks). */
export function parseUploadRange(value: string | undefined): number | undefined {
  const match = /^(?:bytes=)?0-(\d{1,16})$/.exec(value?.trim() ?? '');
  // `0-0` stands for one byte and, with several registries, for none; the sender knows which it can be.
  return match === null ? undefined : Number(match[1]) + 1;
}

const MAX_WARNING_CHARACTERS = 300;

/**
 * The texts of `Warning: 299 - "TEXT"` (distribution-spec v1.1.1 spec.md#warnings; RFC 7234 §5.5), without what a
 * terminal would obey, and cut where one is long. Other codes are of caches, which do not matter here.
 */
export function parseWarnings(values: readonly string[]): string[] {
  return values.flatMap((value) => {
    const texts: string[] = [];
    // Node takes headers of 16 KiB at most.
    const warning = /[\s,]*(\d{3}) +([^\s,"]+) +"((?:[^"\\]|\\[\s\S]){0,16384})"(?: +"[^"]*")?\s*(?:,|$)/y;
    for (let match = warning.exec(value); match !== null; match = warning.exec(value)) {
      const [, code, agent, quoted = ''] = match;
      const text = asShown(quoted.replace(/\\([\s\S])/g, '$1'));
      if (code === '299' && agent === '-' && text !== '') texts.push(text);
    }
    return texts;
  });
}

/** Headers come as one character for each byte, and most who write them mean UTF-8. */
function asShown(value: string): string {
  const decoded = Buffer.from(value, 'latin1').toString('utf8');
  const text = maskSecrets(decoded.includes('\ufffd') ? value : decoded);
  const characters = [...text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '').trim()];
  if (characters.length <= MAX_WARNING_CHARACTERS) return characters.join('');
  return `${characters.slice(0, MAX_WARNING_CHARACTERS).join('')}…`;
}

/** Milliseconds that `Retry-After` asks to wait, in either form (RFC 9110 §10.2.3). */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
