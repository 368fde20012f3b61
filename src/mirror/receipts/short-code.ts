import { CodedError, type Digest, hexOf } from '#core';

/** What a zone has, short enough to be read out on the phone. It proves nothing. */
export interface ShortCode {
  readonly stream: string;
  readonly sequence: number;
  /** The first 40 bits of the digest of the snapshot's manifest, as eight symbols. */
  readonly part: string;
}

/** Crockford's base32: no I, L, O, U, which people take for other symbols. */
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PART_LENGTH = 8;

/** The part of a digest that a code has. */
export function codePartOf(digest: Digest): string {
  const bits = BigInt(`0x${hexOf(digest).slice(0, 10)}`);
  return Array.from({ length: PART_LENGTH }, (_, i) => {
    return SYMBOLS[Number((bits >> BigInt(5 * (PART_LENGTH - 1 - i))) & 31n)] as string;
  }).join('');
}

/** The code of a snapshot: `STREAM.SEQUENCE.XXXX-XXXX-C`, where C checks the rest. */
export function encodeShortCode({
  stream,
  sequence,
  snapshot,
}: {
  readonly stream: string;
  readonly sequence: number;
  readonly snapshot: Digest;
}): string {
  const part = codePartOf(snapshot);
  return `${stream}.${sequence}.${part.slice(0, 4)}-${part.slice(4)}-${checkSymbol(sequence, part)}`;
}

/** Spaces, and dashes between symbols, are for the eye; letters may be of either case. */
const CODE = /^([a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)\.(\d{1,9})\.([0-9a-z-]{9,20})$/;

/**
 * The code that a person typed.
 *
 * @returns undefined for a text of another form
 * @throws CodedError ERR_EXPORT_USAGE where the last symbol does not fit the others
 */
export function parseShortCode(text: string): ShortCode | undefined {
  if (text.length > 200) return undefined;
  const match = CODE.exec(text.replaceAll(' ', '').toLowerCase());
  if (match === null) return undefined;
  const [, stream = '', number = '', written = ''] = match;
  const symbols = written.replaceAll('-', '').replaceAll('o', '0').replaceAll(/[il]/g, '1').toUpperCase();
  if (symbols.length !== PART_LENGTH + 1 || [...symbols].some((symbol) => !SYMBOLS.includes(symbol))) return undefined;
  const [sequence, part] = [Number(number), symbols.slice(0, PART_LENGTH)];
  if (sequence > 0 && symbols.endsWith(checkSymbol(sequence, part))) return { stream, sequence, part };
  throw new CodedError(
    'ERR_EXPORT_USAGE',
    `${JSON.stringify(text)}: mistyped, its last symbol does not fit the others`,
    {
      hint: 'compare it with what export-center mirror status prints in the zone',
    },
  );
}

/**
 * A Reed-Solomon check symbol over GF(32): any one wrong symbol, and any two neighbours that are exchanged, give another
 * one. The stream is compared as it is.
 */
function checkSymbol(sequence: number, part: string): string {
  let check = 0;
  for (const symbol of `${sequence}${part}`) check = timesAlpha(check) ^ SYMBOLS.indexOf(symbol);
  return SYMBOLS[timesAlpha(check)] as string;
}

/** In GF(32) modulo x^5 + x^2 + 1, of which alpha = x is a primitive element. */
function timesAlpha(value: number): number {
  return (value << 1) ^ (value >= 16 ? 0b100101 : 0);
}
