import type { Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { plainFlags } from '../../../src/cli/run.ts';
import { RegistryDouble } from '../../oci/registry-double.ts';
import { cli } from '../command-line.ts';
import { fakeIo } from '../fake-io.ts';

/** What may be typed for an option that takes a value. */
const VALUES: Readonly<Record<string, string>> = {
  '--output': 'json',
  '--profile': 'json:raw',
  '--to': 'oci:layout:1',
  '--signed-as': 'registry.example/security/feed',
  '--builder-id': 'https://example.com/builder',
  '--as-of': '2026-01-01T00:00:00Z',
  '--valid-for': '24h',
  '--base-db': 'trivy.db',
  '--tenant': 'acme',
  '--source-precedence': 'ghsa,govulndb',
  '--data-source': 'GO-=govulndb,The Go Vulnerability Database,https://pkg.go.dev/vuln/',
  '--min-severity': 'high',
  '--modified-since': '2026-01-01T00:00:00Z',
  '--modified-until': '2026-01-01T00:00:00Z',
  '--withdrawn': 'exclude',
  '--listen': '127.0.0.1:0',
  '--grace': '24h',
  '--max-age': '24h',
  '--min-as-of': '2026-01-01T00:00:00Z',
  '--platform': 'linux/amd64',
  '--root-expires': '365d',
  '--targets-expires': '365d',
  '--stream-expires': '90d',
  '--snapshot-expires': '30d',
  '--timestamp-expires': '7d',
  '--within': '14d',
  '--at': '2026-01-01T00:00:00Z',
  '--accept-expired': '48h',
  '--rate': '20MB/s',
  '--part-size': '4GB',
  '--media-size': '4.7GB',
};

const program = await createProgram(fakeIo());

function leaves(command: Command, names: readonly string[]): [string[], Command][] {
  if (command.commands.length === 0) return [[[...names], command]];
  return command.commands.flatMap((child) => leaves(child, [...names, child.name()]));
}

const cases = leaves(program, []).flatMap(([names, { options }]) =>
  options.map(({ flags, long }) => [`${names.join(' ')} ${flags}`, names, long as string] as const),
);

/** Parses a command line; what its deed would be given. */
async function parsed(
  names: readonly string[],
  words: (option: Option, args: string[], rest: string[]) => string[],
  long: string,
) {
  const whole = await createProgram(fakeIo());
  let command = whole;
  for (const name of names) command = command.commands.find((child) => child.name() === name) as Command;
  let given: { args: string[]; options: Record<string, unknown> } | undefined;
  command.action(() => {
    given = { args: command.args, options: command.opts() };
  });
  const option = command.options.find((one) => one.long === long) as Option;
  const args = command.registeredArguments.map((argument, i) =>
    argument.name() === 'name' ? 'name' : `oci:place${i}:${argument.variadic ? 'tag' : '1'}`,
  );
  const mandatory = command.options
    .filter((one) => one.mandatory && one !== option)
    .flatMap((one) => [one.long as string, valueFor(one)]);
  const line = [...names, ...words(option, args, mandatory)];
  await whole.parseAsync(plainFlags(command, line), { from: 'user' });
  return { ...given, wanted: args, option };
}

function valueFor({ long, flags, argChoices }: Option): string {
  return argChoices?.[0] ?? VALUES[long as string] ?? (/<(?:file|dir|path|id|name|glob)/.test(flags) ? 'word' : '1');
}

function typed(option: Option): string[] {
  return option.required || option.optional ? [option.long as string, valueFor(option)] : [option.long as string];
}

test.each(cases)(
  '%s, as help shows it, swallows nothing before or after what the command takes',
  async (_, names, long) => {
    for (const words of [
      (option: Option, args: string[], rest: string[]) => [...typed(option), ...args, ...rest],
      (option: Option, args: string[], rest: string[]) => [...rest, ...args, ...typed(option)],
    ]) {
      const { args, options, wanted, option } = await parsed(names, words, long);
      expect(args).toEqual(wanted);
      if (!option.required) expect(options?.[option.attributeName()]).toBe(!option.negate);
      else expect(options?.[option.attributeName()]).toBeDefined();
    }
  },
);

test.each(cases)('%s takes no value by the way', (_, names, long) => {
  let command = program;
  for (const name of names) command = command.commands.find((child) => child.name() === name) as Command;
  expect(command.options.find((one) => one.long === long)?.optional).toBe(false);
});

test.each(cases.filter(([label]) => !/[<[]/.test(label)))(
  '%s=true and =false say what they say',
  async (_, names, long) => {
    const off = long.startsWith('--no-');
    const said = async (value: string) => {
      const { options, option } = await parsed(
        names,
        (_option, args, rest) => [`${long}=${value}`, ...args, ...rest],
        long,
      );
      return options?.[option.attributeName()];
    };
    expect(await said('true')).toBe(!off);
    expect(await said('false')).not.toBe(!off);
  },
);

test('a value that looks like a flag stays a value', () => {
  const ls = program.commands.find((child) => child.name() === 'ls') as Command;
  const words = ['--username', '--plain-http=true', '--', '--plain-http=true'];
  expect(plainFlags(ls, words)).toEqual(words);
});

test('--plain-http reaches a registry, before a reference and behind it', async () => {
  await using server = await served();
  for (const words of [
    ['--plain-http', server.place],
    [server.place, '--plain-http'],
    [server.place, '--plain-http=true'],
    [server.place],
  ]) {
    expect(await cli('ls', ...words)).toMatchObject({ status: 0, err: '' });
  }
  expect(await cli('ls', '--no-plain-http', server.place)).toMatchObject({
    status: 75,
    err: expect.stringContaining('--plain-http'),
  });
});

async function served() {
  const double = await RegistryDouble.start();
  return { place: `${double.host}/team/app`, [Symbol.asyncDispose]: () => double.close() };
}
