const [QUOTE, BACKSLASH, SPACE] = [0x22, 0x5c, 0x20];
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Where a JSON string ends, or where it goes wrong. */
export interface StringEnd {
  /** Behind the closing quote; where `valid` is false, at the character or escape that the grammar does not allow. */
  readonly at: number;
  readonly valid: boolean;
}

/** The end of the JSON string whose opening quote is at `start`, in UTF-16 units. */
export function endOfJsonString(text: string, start: number): StringEnd {
  let at = start + 1;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) return { at: at + 1, valid: true };
    const length = unit === BACKSLASH ? escapeLength(text, at) : 1;
    if (unit < SPACE || length === 0) break;
    at += length;
  }
  return { at: Math.min(at, text.length), valid: false };
}

/** Units that the escape at `at` takes; 0 where it is none. */
function escapeLength(text: string, at: number): number {
  const letter = text[at + 1];
  if (letter !== 'u') return letter !== undefined && SHORT_ESCAPES[letter] !== undefined ? 2 : 0;
  for (let i = at + 2; i < at + 6; i++) if (!isHex(text.charCodeAt(i))) return 0;
  return 6;
}

/** What a JSON string stands for; the token, its quotes included, must be valid. */
export function decodeJsonString(token: string): string {
  const inside = token.slice(1, -1);
  let decoded = '';
  let from = 0;
  for (let at = inside.indexOf('\\'); at !== -1; at = inside.indexOf('\\', from)) {
    const letter = inside[at + 1] as string;
    const short = SHORT_ESCAPES[letter];
    decoded += inside.slice(from, at);
    decoded += short ?? String.fromCharCode(Number.parseInt(inside.slice(at + 2, at + 6), 16));
    from = at + (short === undefined ? 6 : 2);
  }
  return decoded + inside.slice(from);
}

function isHex(unit: number): boolean {
  const lower = unit | 0x20;
  return (unit >= 0x30 && unit <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}
