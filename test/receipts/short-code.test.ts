import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Digest } from '#core';
import { encodeShortCode, parseShortCode } from '../../src/mirror/receipts/short-code.ts';

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}` as Digest;
const snapshots = [1, 2, 9, 10, 12, 345, 999_999_999].map((sequence) => {
  return { stream: 'day-1', sequence, snapshot: digestOf(`${sequence}`) };
});
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Whether a text is taken for the code of the same snapshot, of another one, or for none. */
function meaningOf(text: string): string | undefined {
  try {
    const code = parseShortCode(text);
    return code === undefined ? undefined : JSON.stringify(code);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_EXPORT_USAGE' });
    return undefined;
  }
}

describe('a short code', () => {
  test('names a snapshot by stream, sequence number and forty bits of its digest', () => {
    const snapshot = `sha256:0123456789${'f'.repeat(54)}` as Digest;
    expect(encodeShortCode({ stream: 'main', sequence: 12, snapshot })).toBe('main.12.04HM-ASW9-5');
    expect(parseShortCode('main.12.04HM-ASW9-5')).toEqual({ stream: 'main', sequence: 12, part: '04HMASW9' });
  });

  test('is read in any case, with spaces, without dashes, and with letters that look like digits', () => {
    for (const each of snapshots) {
      const code = encodeShortCode(each);
      const [meant, symbols] = [meaningOf(code), code.slice(code.lastIndexOf('.') + 1)];
      expect(meant).toBeDefined();
      const head = `day-1.${each.sequence}.`;
      const spelled = [
        code.toLowerCase(),
        ` ${head} ${[...symbols].join(' ')} `,
        head + symbols.replaceAll('-', ''),
        head + symbols.replaceAll('0', 'O').replaceAll('1', 'l'),
        head + symbols.replaceAll('0', 'o').replaceAll('1', 'I'),
      ];
      for (const text of spelled) expect(meaningOf(text), text).toBe(meant);
    }
  });

  test.each(snapshots)(
    'with any one wrong symbol, or two exchanged ones, is not taken for another snapshot: %j',
    (each) => {
      const code = encodeShortCode(each);
      for (const wrong of [...withOneWrong(code), ...withTwoExchanged(code)]) {
        if (wrong !== code) expect(meaningOf(wrong), wrong).toBeUndefined();
      }
      expect(meaningOf(code)).toBeDefined();
    },
  );

  test('is no text of another form', () => {
    for (const text of [
      '',
      'main',
      'main.12',
      'main.12.04HM',
      '127.0.0.1:5000',
      `main.1.${'A'.repeat(10_000)}`,
      'a/b.1.04HM-ASW9-5',
      'sha256:ab',
    ]) {
      expect(parseShortCode(text)).toBeUndefined();
    }
  });
});

/** Where the symbols of a code are. */
function places(code: string): number[] {
  return [...code].flatMap((symbol, at) => (at >= 'day-1.'.length && !'.-'.includes(symbol) ? [at] : []));
}

function withOneWrong(code: string): string[] {
  return places(code).flatMap((at) => [...SYMBOLS].map((symbol) => code.slice(0, at) + symbol + code.slice(at + 1)));
}

function withTwoExchanged(code: string): string[] {
  const neighbours = places(code).filter((at) => places(code).includes(at + 1));
  return neighbours.map((at) => code.slice(0, at) + code[at + 1] + code[at] + code.slice(at + 2));
}
