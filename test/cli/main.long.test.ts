import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { openLayout } from '#oci/layout';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { pushArtifact } from '../oci/content.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return { child, errors: () => errors };
}

test('a failure keeps its status when nobody reads stderr any more', async () => {
  const { child } = start(['explode']);
  child.stderr.destroy();
  const [status] = await once(child, 'exit');
  expect(status).toBe(2);
});

test('a reader of stdout that has seen enough is no failure', async () => {
  const { child } = start(['--help']);
  child.stdout.destroy();
  const [status] = await once(child, 'exit');
  expect(status).toBe(0);
});

test('a reader of an archive that goes away is a failure: what it was to get is lost', async () => {
  const layout = await openLayout(join(dir, 'source'), { create: true });
  const artifact = await pushArtifact(layout, 'x'.repeat(2_000_000));
  await layout.tag(artifact, 'v1');
  await layout.close();
  const { child, errors } = start(['copy', `oci:${dir}/source:v1`, 'oci-archive:-:v1']);
  // It reads the beginning, and no more.
  child.stdout.once('data', () => child.stdout.destroy());
  const [status] = await once(child, 'close');
  expect([status, errors()]).toEqual([1, expect.stringMatching(/^error ERR_EXPORT_IO: standard output: .*\nhint: /)]);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s while records are read: 130, and no folder stays',
  async (signal) => {
    const source = join(dir, 'records.jsonl');
    const line = (i: number) =>
      JSON.stringify({ id: `X-${i}`, modified: '2026-01-01T00:00:00Z', details: 'x'.repeat(2000) });
    await writeFile(source, Array.from({ length: 100_000 }, (_, i) => `${line(i)}\n`).join(''));
    const temp = await mkdtemp(join(dir, 'temp-'));
    const { child, errors } = start(['plan', '--profile', 'json:raw', '--source', source], { TMPDIR: temp });
    // The folder for temporary files is made when the work begins.
    while ((await readdir(temp)).length === 0) await setTimeout(5);
    child.kill(signal);
    const [status] = await once(child, 'exit');
    expect(errors()).toMatch(/^error ERR_EXPORT_INTERRUPTED: /);
    expect(status).toBe(130);
    expect(await readdir(temp)).toEqual([]);
  },
);
