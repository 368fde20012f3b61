/** The user name and password that a client sent. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const SCHEME = 'basic ';
/** Far longer than any password; bcrypt uses only the first 72 bytes. */
const MAX_TOKEN_BYTES = 8 * 1024;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Some clients send an empty user name and an empty password when they have no credentials. */
const ANONYMOUS = ':';

/**
 * The credentials in an Authorization header of the Basic scheme (RFC 7617), as UTF-8. Takes time linear in its length.
 *
 * @returns undefined without credentials; `malformed` for another scheme, or if it is not a user name and a password
 */
export function parseCredentials(header: string | undefined): Credentials | 'malformed' | undefined {
  if (header === undefined) return undefined;
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return 'malformed';
  const encoded = header.slice(SCHEME.length).trim();
  if (encoded.length > MAX_TOKEN_BYTES || !BASE64.test(encoded)) return 'malformed';
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  if (text === ANONYMOUS) return undefined;
  const colon = text.indexOf(':');
  if (colon < 1) return 'malformed';
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
