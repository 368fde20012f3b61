import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeadReader, type PlainHead } from '../../../src/oci/registry/http/response-head.ts';

/** Node's own parser, llhttp, as the HTTP client and server of Node use it. */
interface NodeParser {
  initialize(type: number, resource: object): void;
  execute(bytes: Uint8Array): number | Error;
  [event: number]: (...parts: never[]) => unknown;
}
type Hook = 'RESPONSE' | 'kOnHeaders' | 'kOnHeadersComplete' | 'kOnBody' | 'kOnMessageComplete';
const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: (new () => NodeParser) & Record<Hook, number>;
};

type Outcome = 'incomplete' | 'other' | { readonly head: PlainHead; readonly rest: string };

/** What the reader makes of bytes that come in these pieces. */
function read(pieces: readonly Uint8Array[]): Outcome {
  const reader = new HeadReader();
  for (const [at, piece] of pieces.entries()) {
    const found = reader.add(piece);
    if (found === 'other') return found;
    if (found === 'incomplete') continue;
    const rest = [piece.subarray(found.headBytes), ...pieces.slice(at + 1)];
    return { head: found.head, rest: Buffer.concat(rest).toString('latin1') };
  }
  return 'incomplete';
}

const readText = (text: string): Outcome => read([Buffer.from(text, 'latin1')]);

/** Cuts bytes into pieces at these places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.byteLength + 1)).sort((a, b) => a - b), bytes.byteLength];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

/** What Node's own parser makes of the first response in a text; undefined where it refuses that one's head. */
function readByNode(text: string) {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.RESPONSE, {});
  let status: number | undefined;
  const fields: string[] = [];
  let body = '';
  let isOver = false;
  parser[HTTPParser.kOnHeaders] = (more: string[]) => {
    if (!isOver) fields.push(...more);
  };
  parser[HTTPParser.kOnHeadersComplete] = (...[, , more, , , code]: [unknown, unknown, string[], ...unknown[]]) => {
    if (isOver) return 0;
    fields.push(...(more ?? []));
    status = code as number;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Buffer) => {
    if (!isOver) body += chunk.toString('latin1');
  };
  // What follows on a kept connection is another response.
  parser[HTTPParser.kOnMessageComplete] = () => {
    isOver = true;
  };
  const result = parser.execute(Buffer.from(text, 'latin1'));
  return result instanceof Error && status === undefined ? undefined : { status, fields, body };
}

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const value = fc.stringMatching(/^[!-~\u00a1-\u00ff][\t -~\u00a1-\u00ff]{0,20}[!-~]$/);
const field = fc
  .tuple(token, value)
  .filter(([name]) => !/^(?:content-length|transfer-encoding|connection|upgrade|proxy-connection)$/i.test(name))
  .map(([name, text]) => `${name}: ${text}`);
const body = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const plain = fc
  .record({ status: fc.constantFrom(200, 206), fields: fc.array(field, { maxLength: 6 }), at: fc.nat(6), body })
  .map(({ status, fields, at, body }) => {
    const lines = fields.toSpliced(at, 0, `Content-Length: ${body.length}`);
    return { status, lines, body, text: `HTTP/1.1 ${status} OK\r\n${lines.join('\r\n')}\r\n\r\n${body}` };
  });

test('a plain head is read the same however its bytes are cut', () => {
  fc.assert(
    fc.property(plain, fc.array(fc.nat(), { maxLength: 12 }), ({ status, body, text }, places) => {
      const bytes = Buffer.from(text, 'latin1');
      const found = read(cut(bytes, places));
      expect(found).toEqual(readText(text));
      expect(found).toMatchObject({ head: { status, sizeBytes: body.length }, rest: body });
      const single = read(Array.from(bytes, (byte) => Uint8Array.of(byte)));
      expect(single).toEqual(found);
    }),
  );
});

test('what is cut off in the head is incomplete, never taken for whole', () => {
  fc.assert(
    fc.property(plain, fc.nat(), ({ text }, at) => {
      const headBytes = text.indexOf('\r\n\r\n') + 4;
      expect(readText(text.slice(0, at % headBytes))).toBe('incomplete');
    }),
  );
});

test.each([
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\n'],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\n'],
  ['a signed length', 'HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n'],
  ['a length in hex', 'HTTP/1.1 200 OK\r\ncontent-length: 0x1\r\n\r\n'],
  ['a length beyond a double', 'HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999\r\n\r\n'],
  ['an empty length', 'HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n'],
  ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['a transfer encoding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'],
  ['both', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\ncontent-length: 1\r\n\r\n'],
  ['a folded line', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx: a\r\n b\r\n\r\n'],
  ['a folded length', 'HTTP/1.1 200 OK\r\nx: a\r\n content-length: 1\r\n\r\n'],
  ['a bare line feed', 'HTTP/1.1 200 OK\ncontent-length: 1\n\n'],
  ['a bare line feed between fields', 'HTTP/1.1 200 OK\r\ncontent-length: 1\nx: y\r\n\r\n'],
  ['a bare return', 'HTTP/1.1 200 OK\r\ncontent-length: 1\rx: y\r\n\r\n'],
  ['a zero byte in a value', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx: a\0b\r\n\r\n'],
  ['a zero byte in a name', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx\0: a\r\n\r\n'],
  ['a blank before the colon', 'HTTP/1.1 200 OK\r\ncontent-length : 1\r\n\r\n'],
  ['no colon', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx\r\n\r\n'],
  ['no name', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n: x\r\n\r\n'],
  ['an interim answer', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n'],
  ['early hints', 'HTTP/1.1 103 Early Hints\r\ncontent-length: 1\r\n\r\n'],
  ['another 2xx', 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n'],
  ['another version', 'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['an empty line first', '\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ['what speaks another protocol', 'SSH-2.0-OpenSSH_9.9\r\n'],
  ['a TLS alert', '\x15\x03\x01\x00\x02\x02\x16'],
  ['a head that does not end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`],
])('%s is no plain head', (_, text) => {
  expect(readText(text)).toBe('other');
  expect(read(Array.from(Buffer.from(text, 'latin1'), (byte) => Uint8Array.of(byte)))).toBe('other');
});

/** Pieces of heads, valid and hostile, in any order. */
const part = fc.oneof(
  { weight: 3, arbitrary: field.map((line) => `${line}\r\n`) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'Content-Length: 3\r\n',
      'content-length: 4, 4\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      '\n',
      '\r',
      ' ',
      '\t',
      '\0',
      ':',
      ',',
      'x:',
      ' folded: 1\r\n',
      'abc',
      'HTTP/1.1 200 OK\r\n',
      'Content-Length: 3\n',
    ),
  },
);

test('what is taken for a plain head, Node’s own parser reads alike', () => {
  let taken = 0;
  const parts = fc.array(part, { maxLength: 7 });
  fc.assert(
    fc.property(parts, parts, fc.constantFrom('200 OK', '206 Partial Content', '200'), (before, after, status) => {
      const text = `HTTP/1.1 ${status}\r\n${before.join('')}Content-Length: 3\r\n${after.join('')}\r\n\r\nabc`;
      const found = readText(text);
      if (typeof found === 'string') return;
      taken++;
      const node = readByNode(text);
      expect(node?.status).toBe(found.head.status);
      const names = node?.fields.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
      expect([...new Set(names)]).toEqual([...found.head.fields.keys()]);
      const values = node?.fields.filter((_, i) => i % 2 === 1);
      expect(values?.toSorted()).toEqual([...found.head.fields.values()].flat().toSorted());
      expect(node?.body).toBe(found.rest.slice(0, found.head.sizeBytes));
    }),
    {
      numRuns: 3000,
      examples: [[[], ['\r\n', 'abc', 'HTTP/1.1 200 OK\r\n'], '200 OK']],
    },
  );
  expect(taken).toBeGreaterThan(100);
});
