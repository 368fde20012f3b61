import { type Command, CommanderError, type Option } from 'commander';
import { CodedError, isCoded } from '#core';
import { firstFailure, type OutputFormat, reportFailure } from './failure.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';

/** Runs one command line and gives its exit status. Never throws, never ends the process. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const program = await createProgram(io, args);
  try {
    await program.parseAsync(plainFlags(commandIn(program, args).command, args), { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = io.signal.aborted
      ? interrupted(firstFailure(error))
      : usageError(error, commandIn(program, args).words, args);
    return await reportFailure(failure, io, formatAskedFor(args));
  }
}

/** Whatever fails after the signal fails because of it; what is half done and can go on says so itself. */
function interrupted(error: unknown): CodedError {
  if (isCoded(error, 'ERR_EXPORT_INCOMPLETE', 'ERR_EXPORT_INTERRUPTED')) return error;
  return new CodedError('ERR_EXPORT_INTERRUPTED', 'interrupted', {
    hint: 'run the same command again',
    cause: error,
  });
}

/** The command that the first words name, as far as there is one, and those words: `export-center keys generate`. */
function commandIn(program: Command, args: readonly string[]): { command: Command; words: string } {
  const names = [program.name()];
  let command = program;
  for (const word of args) {
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) break;
    command = child;
    names.push(word);
  }
  return { command, words: names.join(' ') };
}

/** What commander refuses is a usage error like any other. */
function usageError(error: unknown, command: string, args: readonly string[]): unknown {
  if (!(error instanceof CommanderError)) return error;
  // A guess at what was meant comes on a line of its own.
  const [message = '', guess] = withoutLogins(error.message, args)
    .replace(/^error: /, '')
    .split('\n');
  const see = `see ${command} --help`;
  return new CodedError('ERR_EXPORT_USAGE', message === '(outputHelp)' ? 'no command given' : message, {
    hint: guess === undefined ? see : `${guess.replace(/^\(|\)$/g, '')} If not, ${see}`,
    cause: error,
  });
}

/** Commander quotes what was typed; a word with an `@` that begins no digest at its end may hold a password. */
function withoutLogins(message: string, args: readonly string[]): string {
  const words = args.flatMap((arg) => (arg.startsWith('--') ? [arg.slice(arg.indexOf('=') + 1), arg] : [arg]));
  return words
    .filter((word) => /@(?!sha(?:256|512):[^/@]*$)/.test(word))
    .reduce((text, word) => text.replaceAll(word, '…'), message);
}

/** Errors of the command line itself come before its options are known, so this looks at the words. */
function formatAskedFor(args: readonly string[]): OutputFormat {
  const at = args.lastIndexOf('--output');
  return (at >= 0 && args[at + 1] === 'json') || args.includes('--output=json') ? 'json' : 'text';
}

/**
 * The words of a command line with each `--flag=true` as `--flag` and each `--flag=false` as its opposite, as tools
 * written in Go take them. A flag never takes the next word as its value.
 *
 * @param command the one that the words call
 * @internal Tested by itself.
 */
export function plainFlags(command: Command, words: readonly string[]): string[] {
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === '--') return [...plain, ...words.slice(at)];
    const [, name, value] = /^(--[^=]+)=(true|false)$/.exec(word) ?? [];
    const flag = optionOf(command, name ?? word);
    if (name !== undefined && flag !== undefined && !flag.required)
      plain.push(...spell(command, flag, value === 'true'));
    else plain.push(word);
    // The next word is its value, whatever it looks like.
    if (name === undefined && flag?.required && at + 1 < words.length) plain.push(words[++at] as string);
  }
  return plain;
}

function spell(command: Command, flag: Option, on: boolean): string[] {
  if (on) return [flag.long as string];
  // What is off unless said needs no word, and what is on unless said is its own opposite.
  const opposite = command.options.find(
    ({ long, negate }) => long !== flag.long && negate !== flag.negate && attributeOf(long) === attributeOf(flag.long),
  );
  return opposite?.long === undefined ? [] : [opposite.long];
}

function attributeOf(long: string | undefined): string | undefined {
  return long?.replace(/^--no-/, '--');
}

function optionOf(command: Command, word: string): Option | undefined {
  return command.options.find(({ long, short }) => long === word || short === word);
}
