/** What V8 (nodejs/node issue 63785) needs to have read before it misreads escaped member names. */
export const POISON = '{"x":{"a":[],"\\\\":0}}';

/** Makes native JSON.parse of this process misread escaped member names, where this Node does so at all. */
export function poisonNativeParser(): void {
  // biome-ignore lint/plugin: the poison goes into the native parser itself
  JSON.parse(POISON);
}

/** A string token and, where it is a member name, the colon behind it. */
const STRING = /("(?:[^"\\]|\\.)*")(\s*:)?/gs;

/**
 * JSON.parse for tests, and an oracle for the readers of the product, of which it uses nothing: every member name is
 * replaced by a plain one before the native parser sees the text, and put back afterwards.
 *
 * @param reviver as of JSON.parse, but for the names that it gets
 * @throws SyntaxError
 */
// biome-ignore lint/suspicious/noExplicitAny: as JSON.parse
export function readJson(source: string | Uint8Array, reviver?: (key: string, value: unknown) => unknown): any {
  const text = typeof source === 'string' ? source : Buffer.from(source).toString('utf8');
  const names: string[] = [];
  const plain = text.replace(STRING, (whole, token: string, colon: string | undefined) => {
    if (colon === undefined) return whole;
    // biome-ignore lint/plugin: a string alone is read rightly
    names.push(JSON.parse(token) as string);
    return `"n${names.length - 1}"${colon}`;
  });
  // biome-ignore lint/plugin: no name in it is escaped
  return rename(JSON.parse(plain, reviver) as unknown, names);
}

function rename(value: unknown, names: readonly string[]): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => rename(item, names));
  const renamed = {};
  for (const [key, member] of Object.entries(value)) {
    const name = names[Number(key.slice(1))] as string;
    Object.defineProperty(renamed, name, {
      value: rename(member, names),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return renamed;
}
