import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { run } from '../../src/cli/run.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { readJson } from '../core/read-json.ts';
import { expectFailure } from './failures.ts';
import { CliFixture, sample } from './fixture.ts';

let fixture: CliFixture;
beforeAll(async () => {
  fixture = await CliFixture.open();
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** The words of every command, `keys generate` as two. */
function commandsOf(command: Command, before: readonly string[] = []): string[][] {
  return command.commands.flatMap((child) => {
    const words = [...before, child.name()];
    return child.name() === 'help' ? [] : [words, ...commandsOf(child, words)];
  });
}

const commands = commandsOf(await createProgram(fakeIo()));

test('all commands are looked at', () => {
  expect(commands).toEqual(expect.arrayContaining([['quickstart'], ['keys', 'generate'], ['serve']]));
});

test.each([[], ...commands])('--help of export-center %s %s: exit 0, an example that names it', async (...words) => {
  const io = fakeIo();
  expect(await run([...words.filter((word) => word !== undefined), '--help'], io)).toBe(0);
  const [, examples = ''] = io.out().split(/\nExamples?:\n/);
  expect(examples).toContain(`export-center ${words.join(' ')}`.trimEnd());
  expect(io.err()).toBe('');
});

test.each(commands)('an option that export-center %s %s does not have: exit 2', async (...words) => {
  const io = fakeIo();
  expect(await run([...words, '--no-such-option'], io)).toBe(2);
  expect(io.err()).toMatch(/^error ERR_EXPORT_USAGE: .*\nhint: see export-center .*--help\n$/);
  expect(io.out()).toBe('');
});

test('--version is that of package.json', async () => {
  const { version } = readJson(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    version: string;
  };
  expect(await fixture.run(['--version'])).toEqual({ exit: 0, stdout: `${version}\n`, stderr: '' });
});

const good = ['--profile', 'json:raw', '--source', sample, '--unsigned'];

test.each([
  ['no command', [], /no command/, /export-center --help/],
  ['no such command', ['exprot'], /'exprot'/, /export-center --help/],
  ['no subcommand', ['keys'], /no command/, /export-center keys --help/],
  ['no --to', ['export', ...good], /--to/, /export-center export --help/],
  ['an option without its value', ['export', ...good, '--to'], /--to/, /export-center export --help/],
  [
    '--key and --unsigned',
    ['export', ...good, '--to', 'oci:x:1', '--key', 'cosign.key'],
    /--key can't be used with --unsigned/,
    /--key FILE/,
  ],
  [
    'neither --key nor --unsigned',
    ['export', ...good.slice(0, -1), '--to', 'oci:x:1'],
    /--key or --unsigned is required/,
    /--unsigned/,
  ],
  ['a time that is none', ['export', ...good, '--to', 'oci:x:1', '--as-of', 'yesterday'], /"yesterday"/, /--help/],
  ['a duration that is none', ['export', ...good, '--to', 'oci:x:1', '--valid-for', '0h'], /"0h"/, /--help/],
  ['a tenant that is none', ['export', ...good, '--to', 'oci:x:1', '--tenant', '../x'], /"\.\.\/x"/, /--help/],
  ['a format that is none', ['export', ...good, '--to', 'oci:x:1', '--output', 'yaml'], /yaml/, /--help/],
  ['an address that is none', ['serve', '--listen', 'here'], /"here"/, /--help/],
])('%s: exit 2', async (_, args, says, hint) => {
  await expectFailure(fixture, await fixture.run(args), { code: 'ERR_EXPORT_USAGE', says, hint });
});

test('an unknown profile: the known ones are named', async () => {
  const outcome = await fixture.run(['export', '--profile', 'json:cooked', ...good.slice(2), '--to', 'oci:x:1']);
  await expectFailure(fixture, outcome, {
    code: 'ERR_EXPORT_PROFILE_UNKNOWN',
    says: /"json:cooked"/,
    hint: /json:raw, trivy:db/,
  });
});

test.each([
  ['oci:layout', /tag missing|tag or digest missing/, /add :TAG/],
  ['registry.example/repository', /tag missing/, /add :TAG/],
  ['repository:tag', /registry host missing/, /HOST/],
  ['https://registry.example/repository:tag', /a URL/, /omit https:/],
  ['registry.example/Repository:tag', /not a valid repository name/, /lower-case/],
  ['registry.example:99999/repository:tag', /not a valid host/, /HOST/],
  ['oci:layout:a b', /not a valid tag/, /letters/],
  ['oci::tag', /path missing/, /oci:DIR/],
])('--to %s: exit 2 before any work', async (to, says, hint) => {
  const outcome = await fixture.run(['export', ...good, '--to', to]);
  await expectFailure(fixture, outcome, { code: 'ERR_EXPORT_REFERENCE_INVALID', says, hint });
});

test.each([
  ['export', ...good, '--to', 'oci:x'],
  ['export', '--output=json', ...good, '--to', 'oci:x'],
  ['verify', 'oci:nowhere:x', '--key', 'no.pub'],
  ['no-such-command'],
])('--output json: an error is one object, on stderr', async (...args) => {
  const asked = args.includes('--output=json') ? args : [...args, '--output', 'json'];
  const { exit, stdout, stderr } = await fixture.run(asked);
  expect(exit).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.endsWith('}\n')).toBe(true);
  expect(readJson(stderr)).toEqual({
    error: {
      code: expect.stringMatching(/^ERR_EXPORT_/),
      message: expect.stringMatching(/./),
      hint: expect.stringMatching(/./),
      details: expect.any(Object),
    },
  });
});

test('nothing was made anywhere by all that', async () => {
  expect(await fixture.made()).toEqual([]);
});
