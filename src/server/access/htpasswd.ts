import { CodedError } from '#core';

/** Bcrypt as htpasswd, docker-registry and zot write it: variant, cost, 22 characters of salt, 31 of hash. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const COSTS = { min: 4, max: 16 };

const OTHER_HASHES: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$/, "Apache's MD5"],
  [/^\{SHA\}/, 'SHA-1'],
  [/^\$5\$/, 'SHA-256 crypt'],
  [/^\$6\$/, 'SHA-512 crypt'],
];

/**
 * The users of an htpasswd file with their bcrypt hashes. Empty lines and lines that begin with `#` are ignored.
 *
 * @param file its name, for messages, which never quote a line
 * @throws CodedError ERR_EXPORT_USAGE with the number of a line that is not `USER:BCRYPT-HASH`, or without any user
 */
export function parseHtpasswd(text: string, file: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const user = line.slice(0, colon);
    const fault = colon < 1 ? 'not USER:HASH' : (faultOf(line.slice(colon + 1)) ?? repetition(users, user));
    if (fault !== undefined) throw unusable(`${file}:${i + 1}: ${fault}`, file);
    users.set(user, line.slice(colon + 1));
  }
  if (users.size === 0) throw unusable(`${file}: contains no user`, file);
  return users;
}

/** The cost that a hash of parseHtpasswd was made with: the binary logarithm of its rounds. */
export function costOf(hash: string): number {
  return Number(BCRYPT.exec(hash)?.[1] ?? COSTS.min);
}

function faultOf(hash: string): string | undefined {
  if (!BCRYPT.test(hash)) {
    if (/^\$2[aby]\$/.test(hash)) return 'truncated or damaged bcrypt hash';
    const kind = OTHER_HASHES.find(([pattern]) => pattern.test(hash))?.[1];
    return kind === undefined ? 'not a bcrypt hash' : `unsupported ${kind} hash, bcrypt required`;
  }
  const cost = costOf(hash);
  if (cost >= COSTS.min && cost <= COSTS.max) return undefined;
  return `bcrypt cost ${cost} is not between ${COSTS.min} and ${COSTS.max}`;
}

function repetition(users: ReadonlyMap<string, string>, user: string): string | undefined {
  return users.has(user) ? 'duplicate user' : undefined;
}

function unusable(message: string, file: string): CodedError {
  return new CodedError('ERR_EXPORT_USAGE', message, {
    hint: `set the password again: htpasswd -B ${file} USER`,
    details: { file },
  });
}
