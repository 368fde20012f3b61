const LINE_FEED = 0x0a;

/** A line, without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Of a line over the limit only as many as show that. */
  readonly bytes: Uint8Array;
}

/** Space, tab and carriage return; other controls, such as the zeros of a torn write, are no empty line. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** The lines of a text that are not blank. Chunks must stay as they are until the next line is asked for. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let number = 1;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      const last = chunk.subarray(from, end);
      const bytes = held === 0 ? last : Buffer.concat([...parts, last]);
      parts = [];
      held = 0;
      from = end + 1;
      if (!bytes.every(isBlank)) yield { number, bytes };
      number++;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > maxBytes) break;
  }
  if (held > 0) {
    const bytes = Buffer.concat(parts);
    if (!bytes.every(isBlank)) yield { number, bytes };
  }
}

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE] = [0x22, 0x5c, 0x7b, 0x7d];

/** Whether a text is several: its first line is one object from brace to brace, and something follows it. */
export function isOneObjectPerLine(bytes: Uint8Array): boolean {
  const end = bytes.indexOf(LINE_FEED);
  if (end < 0 || bytes[0] !== OPEN_BRACE) return false;
  let depth = 0;
  let at = 0;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte === OPEN_BRACE) depth++;
    else if (byte === CLOSE_BRACE && --depth === 0) break;
    else if (byte === QUOTE) {
      at++;
      while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    }
  }
  if (at >= end || !bytes.subarray(at + 1, end).every(isBlank)) return false;
  return !bytes.subarray(end).every((byte) => byte === LINE_FEED || isBlank(byte));
}
