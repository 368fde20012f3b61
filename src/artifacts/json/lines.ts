/**
 * Lines of a stream without their ends, each as bytes of its own or a view that stays as it is.
 *
 * @param fail makes the error for a line longer than `maxBytes`, and for a last line without an end
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  fail: (what: string) => Error,
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let have = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      const last = chunk.subarray(from, end);
      if (have + last.length > maxBytes) throw fail(`a line of more than ${maxBytes} bytes`);
      yield have === 0 ? last : Buffer.concat([...parts, last]);
      parts = [];
      have = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from));
      have += chunk.length - from;
      if (have > maxBytes) throw fail(`a line of more than ${maxBytes} bytes`);
    }
  }
  if (have > 0) throw fail('the last line has no line feed');
}
