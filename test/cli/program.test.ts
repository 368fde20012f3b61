import { Help } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { cli } from './command-line.ts';
import { fakeIo } from './fake-io.ts';

const whole = await createProgram(fakeIo());

test.each(whole.commands.map((command) => [command.name(), command] as const))(
  'the list of all shows %s as it is when it is whole',
  async (name, command) => {
    const { out } = await cli('--help');
    expect(out.replaceAll(/\s+/g, ' ')).toContain(` ${new Help().subcommandTerm(command)} ${command.description()} `);
    const [listed] = (await createProgram(fakeIo(), [])).commands.filter((one) => one.name() === name);
    expect(listed?.options).toEqual([]);
  },
);

test('the help of a command is whole, however it is asked for', async () => {
  const asked = await cli('copy', '--help');
  expect(asked.out).toContain('--all-tags');
  expect(await cli('help', 'copy')).toEqual(asked);
  expect((await cli('help', 'keys')).out).toContain('generate');
});

test('a default is shown as it would be typed', async () => {
  const shown = async (name: string) => (await cli(name, '--help')).out.replaceAll(/\s+/g, ' ');
  expect(await shown('gc')).toMatch(/--grace <duration> [^(]*\(default: 24h\)/);
  expect(await shown('serve')).toMatch(/--listen <host:port> [^(]*\(default: 127\.0\.0\.1:8080\)/);
  for (const { name, options } of whole.commands.map((command) => ({ name: command.name(), options: command.options })))
    for (const { long, defaultValue, defaultValueDescription } of options)
      if (defaultValueDescription === undefined) expect([name, long, typeof defaultValue]).not.toContain('object');
});

test('a command that is almost right is guessed, though it is not loaded', async () => {
  const { status, err } = await cli('cpoy', 'oci:a:1', 'oci:b');
  expect([status, err]).toEqual([2, expect.stringContaining('Did you mean copy?')]);
});

test('a word among the arguments that is a command does no harm', async () => {
  const { status, err } = await cli('tag', 'oci:nowhere:1', 'copy', 'serve');
  expect([status, err]).toEqual([1, expect.stringContaining('nowhere')]);
});
