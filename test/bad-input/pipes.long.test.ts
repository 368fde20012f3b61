import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { CliFixture, type Outcome, program, Running, sample } from './fixture.ts';

let fixture: CliFixture;
beforeAll(async () => {
  fixture = await CliFixture.open();
  await mkdir(join(fixture.path, 'source'));
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** Runs a shell's line, in which `ec` is the program. */
async function shell(line: string): Promise<Outcome> {
  const env = { PATH: process.env['PATH'], HOME: fixture.home, TMPDIR: fixture.temp, COSIGN_PASSWORD: '' };
  const script = `ec() { '${process.execPath}' '${program}' "$@"; }\n${line}`;
  const child = spawn('bash', ['-c', script], { cwd: fixture.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Running(child).outcome();
}

async function isTagged(layout: string): Promise<boolean> {
  const reference = parseReference(`oci:${join(fixture.path, layout)}:1`);
  const repository = await openRepository(reference);
  try {
    return (await repository.resolve('1')) !== undefined;
  } finally {
    await repository.close();
  }
}

const exporting = (layout: string) =>
  `ec export --profile json:raw --source '${sample}' --unsigned --to oci:${layout}:1`;

test.each(['text', 'json'])('nobody reads the result (%s): the work is done, the status is 0', async (output) => {
  const { exit, stdout, stderr } = await shell(
    `${exporting(output)} --output ${output} | true; echo "\${PIPESTATUS[0]}"`,
  );
  expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout: '0\n', stderr: '' });
  expect(await isTagged(output)).toBe(true);
});

test('nobody reads notes and errors: the work goes on, and a failure keeps its status', async () => {
  const folder = await fixture.folder({
    'a.json': { id: 'A-1', modified: '2026-01-02T03:04:05Z' },
    'README.md': 'ignored',
  });
  const line = `ec export --profile json:raw --source '${folder}' --unsigned --to oci:quiet:1 2> >(true); echo $?`;
  expect((await shell(line)).stdout).toMatch(/\n0\n$/);
  expect(await isTagged('quiet')).toBe(true);
  expect((await shell('ec plan --profile json:raw --source nowhere 2> >(true); echo $?')).stdout).toBe('2\n');
  expect((await shell('ec plan --profile json:raw --source nowhere 2>&-; echo $?')).stdout).toBe('2\n');
});

test('head: enough of a help text', async () => {
  expect(await shell('set -o pipefail; ec --help | head -1; echo $?')).toMatchObject({
    stdout: expect.stringMatching(/^Usage: .*\n0\n$/),
    stderr: '',
  });
});

test.each([
  ['--version'],
  ['export --help'],
  [`plan --profile json:raw --source '${sample}'`],
  [`plan --profile json:raw --source '${sample}' --output json`],
  ['serve --data data --listen 127.0.0.1:0'],
])('%s: a result that finds no room on the disk is a failure, and is none of ours', async (command) => {
  const { stdout, stderr } = await shell(`ec ${command} >/dev/full; echo $?`);
  expect(stderr).toMatch(
    /^(?:error ERR_EXPORT_DISK_FULL: .*\nhint: free some space.*\n|\{"error":\{"code":"ERR_EXPORT_DISK_FULL".*\}\n)$/,
  );
  expect(stdout).toBe('1\n');
  expect(await fixture.leftovers()).toEqual([]);
});

test('errors that find no room: the status still says it', async () => {
  expect(await shell('ec plan --profile json:raw --source nowhere 2>/dev/full; echo $?')).toMatchObject({
    stdout: '2\n',
  });
});

test('serve goes on serving when what it said is not read', async () => {
  const child = spawn(process.execPath, [program, 'serve', '--data', 'data', '--listen', '127.0.0.1:0'], {
    cwd: fixture.path,
    env: { PATH: process.env['PATH'], HOME: fixture.home, TMPDIR: fixture.temp },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = new Running(child);
  const [, url] = await running.said(/serving (http:\S+)/);
  child.stdout?.destroy();
  child.stderr?.destroy();
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
});
