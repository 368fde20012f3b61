/**
 * Text from elsewhere, such as the name of a file in an archive, as it may stand on a line of a terminal: controls and
 * invisible characters, which terminals obey, are spelled out.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) => {
    const code = (char.codePointAt(0) as number).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}
