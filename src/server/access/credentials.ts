/** What a client says it is. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const SCHEME = 'basic ';
/** Far beyond any password: bcrypt itself looks at 72 bytes. */
const LONGEST_TOKEN = 8 * 1024;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** What stands for nobody: some clients send an empty user with an empty password when they have none. */
const NOBODY = ':';

/**
 * The credentials in an Authorization header of the Basic scheme (RFC 7617), as UTF-8. Takes time linear in its length.
 *
 * @returns undefined where there are none; `unusable` for another scheme, or for what is no user and password
 */
export function parseCredentials(header: string | undefined): Credentials | 'unusable' | undefined {
  if (header === undefined) return undefined;
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return 'unusable';
  const encoded = header.slice(SCHEME.length).trim();
  if (encoded.length > LONGEST_TOKEN || !BASE64.test(encoded)) return 'unusable';
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  if (text === NOBODY) return undefined;
  const colon = text.indexOf(':');
  if (colon < 1) return 'unusable';
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
