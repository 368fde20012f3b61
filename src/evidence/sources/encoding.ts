import { CodedError } from '#core';

/** First bytes in hex, and what text they begin. UTF-32 comes before UTF-16, whose mark it begins with. */
const MARKS: readonly (readonly [hex: string, name: string])[] = [
  ['efbbbf', 'a UTF-8 byte order mark'],
  ['fffe0000', 'UTF-32 text'],
  ['0000feff', 'UTF-32 text'],
  ['fffe', 'UTF-16 text'],
  ['feff', 'UTF-16 text'],
];

/** What JSON begins with: white space, a quote, a bracket, a brace. */
const BEGINNINGS: readonly number[] = [0x09, 0x0a, 0x0d, 0x20, 0x22, 0x5b, 0x7b];

/**
 * What keeps a text from being read as UTF-8, in words; undefined where nothing does. Without a mark, zeros around the
 * first character of JSON tell.
 */
export function encodingFault(head: Uint8Array): string | undefined {
  // Nearly all texts end here.
  if (BEGINNINGS.includes(head[0] as number) && head[1] !== 0) return undefined;
  const first = Buffer.from(head.subarray(0, 4)).toString('hex');
  for (const [hex, name] of MARKS) if (first.startsWith(hex)) return name;
  const place = head.findIndex((byte) => byte !== 0);
  if (!BEGINNINGS.includes(head[place] as number)) return undefined;
  if (place === 3) return 'UTF-32 text';
  if (place === 1) return 'UTF-16 text';
  if (place !== 0 || head[1] !== 0) return undefined;
  if (head[2] !== 0 || head[3] !== 0) return 'UTF-16 text';
  // Zeros to the end, as a torn write leaves them, are no text.
  return head[4] === undefined || head[4] === 0 ? undefined : 'UTF-32 text';
}

/** The error for a text in another encoding. */
export function wrongEncoding(place: string, what: string): CodedError {
  const isMark = what.endsWith('mark');
  return new CodedError(
    'ERR_EXPORT_JSON_INVALID',
    isMark ? `${place}: it begins with ${what}` : `${place}: ${what}, not UTF-8`,
    {
      hint: isMark
        ? 'save it as UTF-8 without a byte order mark, for example with dos2unix --remove-bom'
        : `convert it to UTF-8 without a byte order mark, for example with iconv -f ${what.split(' ')[0]} -t UTF-8`,
      details: { name: place, pointer: '', encoding: what },
    },
  );
}
