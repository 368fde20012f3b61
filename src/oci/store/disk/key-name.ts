/**
 * File names for keys of ASCII letters, digits, `.`, `_` and `-` that stay distinct on a case-insensitive file system:
 * the key in lower case; if it has upper case, followed by `^` and a bit mask of the upper-case characters in hex.
 */
export function encodeKey(key: string): string {
  const lower = key.toLowerCase();
  if (lower === key) return key;
  let bits = 0n;
  for (let i = 0; i < key.length; i++) if (key[i] !== lower[i]) bits |= 1n << BigInt(i);
  return `${lower}^${bits.toString(16)}`;
}

/** The key of a file name; undefined for a name that encodeKey does not produce. */
export function decodeKey(name: string): string | undefined {
  const mark = name.indexOf('^');
  if (mark < 0) return name.toLowerCase() === name ? name : undefined;
  const digits = name.slice(mark + 1);
  if (!/^[0-9a-f]+$/.test(digits)) return undefined;
  const bits = BigInt(`0x${digits}`);
  let key = '';
  for (let i = 0; i < mark; i++) {
    const letter = name.charAt(i);
    key += (bits >> BigInt(i)) & 1n ? letter.toUpperCase() : letter;
  }
  return encodeKey(key) === name ? key : undefined;
}
