import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { mediaTypes } from '#core';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { openKits } from '../../mirror/kit-fixture.ts';
import { jsonOf } from '../../mirror/mirror-fixture.ts';

const MiB = 1024 * 1024;
const COUNT = 1_000_000;

/** A digest list of so many lines, in pieces. */
function* listOf(count: number): Generator<Uint8Array> {
  for (let i = 0; i < count; ) {
    const lines: string[] = [];
    for (const end = Math.min(count, i + 1000); i < end; i++) {
      lines.push(`sha256:${createHash('sha256').update(String(i)).digest('hex')}\n`);
    }
    yield Buffer.from(lines.join(''));
  }
}

test('a list of a million digests is planned within 150 MiB of memory; one more is refused', async () => {
  const { mirror } = await openKits();
  await mirror.writeSpec('  - { name: apps/web, signatures: none }\n');
  jsonOf(await mirror.snapshot('--output', 'json'));
  const args = [join(import.meta.dirname, 'million.process.ts'), mirror.spec, join(await makeTempDir(), 'data')];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  try {
    const url = `${await line()}/v1/mirrors/main/deltas`;
    const post = (body: NonNullable<RequestInit['body']>, type: string) =>
      fetch(url, { method: 'POST', body, headers: { 'content-type': type }, duplex: 'half' } as RequestInit);
    const peak = async () => {
      child.stdin.write('\n');
      return Number(await line()) * 1024;
    };
    expect((await post('{"bases":[]}', 'application/json')).status).toBe(200);
    const before = await peak();
    const answer = await post(ReadableStream.from(listOf(COUNT)) as never, mediaTypes.mirrorDigests);
    expect(readJson(await answer.text())).toMatchObject({ bases: [{ kind: 'list' }], reliedOn: { files: 0 } });
    const grown = (await peak()) - before;
    expect(grown / MiB).toBeLessThan(150);
    const more = await post(ReadableStream.from(listOf(COUNT + 1)) as never, mediaTypes.mirrorDigests);
    expect(more.status).toBe(413);
    expect(readJson(await more.text())).toMatchObject({ code: 'ERR_EXPORT_TOO_LARGE' });
    console.error(`a million digests: ${Math.round(grown / MiB)} MiB above ${Math.round(before / MiB)} MiB`);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
});
