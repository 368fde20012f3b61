import { isIPv6 } from 'node:net';

/** Addresses that the rules below leave as they are: nearly all. */
const PLAIN = /^https?:\/\/[a-z0-9.-]+(?::[0-9]*)?(?:\/[A-Za-z0-9\-_.~$&+:=@/]*)?(?:\?[!"$-~]+)?$/;

const PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/s;

/** Bytes that Go leaves unescaped in a path, in a segment of one, in a fragment, and in a host. */
const PATH_SAFE = /[A-Za-z0-9\-_.~$&+,/:;=@]/;
const SEGMENT_SAFE = /[A-Za-z0-9\-_.~$&+:=@]/;
const FRAGMENT_SAFE = /[A-Za-z0-9\-_.~$&+:=@!()*,;/?]/;
const HOST_SAFE = /[A-Za-z0-9\-_.~!"$&'()*+,:;<=>[\]]/;

/**
 * The form in which trivy-db keeps a reference, so that one address in two spellings is one reference: scheme and host
 * in small letters, the path escaped anew as Go's net/url does it, query and fragment as they are, no user. What Go
 * does not parse, and what has no host, stays as it is.
 */
export function canonicalReference(reference: string): string {
  if (PLAIN.test(reference)) return reference;
  // One character for each byte, since escapes are of bytes.
  const raw = Buffer.from(reference, 'utf8').toString('latin1');
  const hash = raw.indexOf('#');
  const match = PARTS.exec(hash < 0 ? raw : raw.slice(0, hash));
  if (match === null || hasControl(hash < 0 ? raw : raw.slice(0, hash))) return reference;
  const [, scheme = '', authority = '', path = '', query = ''] = match;
  const host = hostOf(scheme.toLowerCase(), authority);
  const fragment = fragmentOf(hash < 0 ? '' : raw.slice(hash + 1));
  if (host === undefined || fragment === undefined || !hasSoundEscapes(path)) return reference;
  const segments = escapedPath(path)
    .split('/')
    .map((segment) => escapeAll(unescapeBytes(segment), SEGMENT_SAFE));
  const text = `${scheme.toLowerCase()}://${host}${segments.join('/')}${query && `?${query}`}${fragment && `#${fragment}`}`;
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** The host in small letters, escaped; undefined where Go refuses it or there is none. */
function hostOf(scheme: string, authority: string): string | undefined {
  const at = authority.lastIndexOf('@');
  if (at >= 0 && !isUser(authority.slice(0, at))) return undefined;
  const host = authority.slice(at + 1);
  if (host === '' || !isHost(scheme, host)) return undefined;
  return escapeAll(lower(unescapeBytes(host)), HOST_SAFE);
}

function isHost(scheme: string, host: string): boolean {
  const literal = /^\[([^\]]*)\](:[0-9]*)?$/.exec(host);
  if (literal !== null) return isIPv6(literal[1] as string);
  if (host.includes('[')) return false;
  // Other schemes than the web's may list several hosts with ports; only the last port is looked at.
  const colon = scheme === 'http' || scheme === 'https' ? host.indexOf(':') : host.lastIndexOf(':');
  if (colon >= 0 && !/^:[0-9]*$/.test(host.slice(colon))) return false;
  // Only bytes beyond ASCII may be escaped in a host, and the percent sign itself.
  return /^[A-Za-z0-9\-_.~!"$&'()*+,:;<=>\]\x80-\xff%]*$/.test(host) && !/%(?!25|[89A-Fa-f][0-9A-Fa-f])/.test(host);
}

function isUser(user: string): boolean {
  return /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user) && hasSoundEscapes(user);
}

/** The path as Go prints it: as it is where it could be valid, else escaped anew, in which `%2F` becomes a slash. */
function escapedPath(raw: string): string {
  const isValid = /^[A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]*$/.test(raw);
  return isValid ? raw : escapeAll(unescapeBytes(raw), PATH_SAFE);
}

/** The fragment as Go prints it; undefined where its escapes are broken. */
function fragmentOf(raw: string): string | undefined {
  if (!hasSoundEscapes(raw)) return undefined;
  const isValid = /^[A-Za-z0-9\-_.~$&+:=@!()*,;/?'[\]%]*$/.test(raw);
  return isValid ? raw : escapeAll(unescapeBytes(raw), FRAGMENT_SAFE);
}

function hasSoundEscapes(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text);
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function unescapeBytes(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function escapeAll(text: string, safe: RegExp): string {
  return text.replace(/[^A-Za-z0-9]/g, (char) =>
    safe.test(char) ? char : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Lowers what the bytes spell. */
function lower(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8').toLowerCase();
  return Buffer.from(text, 'utf8').toString('latin1');
}
