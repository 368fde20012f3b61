/** A compiled pattern. */
export type Glob = (text: string) => boolean;

/**
 * Compiles a glob over names of packages or tags: `*` stands for any run of characters, slashes included, `?` for one
 * character, everything else for itself, case counts. Matching takes time in proportion to pattern times text.
 */
export function compileGlob(pattern: string): Glob {
  const want = [...pattern.replace(/\*+/g, '*')];
  if (!want.some((char) => char === '*' || char === '?')) return (text) => text === pattern;
  return (text) => matches(want, [...text]);
}

/** Goes back only to the last star: an earlier one need never take more than it did. */
function matches(want: readonly string[], have: readonly string[]): boolean {
  let [w, h, star, resume] = [0, 0, -1, 0];
  while (h < have.length) {
    if (want[w] === '*') {
      star = w++;
      resume = h;
    } else if (want[w] === '?' || (w < want.length && want[w] === have[h])) {
      w++;
      h++;
    } else if (star >= 0) {
      w = star + 1;
      h = ++resume;
    } else {
      return false;
    }
  }
  while (want[w] === '*') w++;
  return w === want.length;
}
