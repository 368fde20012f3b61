/**
 * A text without the given characters at its end. A pattern like `/x+$/` takes quadratic time where many of them stand
 * before another character; this takes linear time.
 *
 * @param characters of one UTF-16 unit each
 */
export function trimEndOf(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** trimEndOf at both ends. */
export function trimOf(text: string, characters: string): string {
  const trimmed = trimEndOf(text, characters);
  let start = 0;
  while (start < trimmed.length && characters.includes(trimmed.charAt(start))) start++;
  return trimmed.slice(start);
}
