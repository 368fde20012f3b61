/**
 * Orders text by its UTF-8 bytes, the one order that sorted formats of ours use.
 * JavaScript's own `<` orders by UTF-16 code units, which differs from it above U+FFFF.
 *
 * @returns a negative number, 0 or a positive number
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** compareText for digests and other texts of ASCII, which the engine compares faster. */
export function compareAscii(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Lifts surrogates above U+E000..U+FFFF, where UTF-8 has the code points that they spell. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit > 0xdfff ? unit - 0x800 : unit + 0x2000;
}

/** Byte order. Keys and names are short: a loop is quicker than a call to C++. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
