import { type Command, InvalidArgumentError, Option } from 'commander';
import { CodedError } from '#core';
import type { OutputFormat } from '../failure.ts';

/** Options that every command with a result has. */
export interface CommonOptions {
  readonly output: OutputFormat;
  readonly quiet: boolean;
}

/** Adds `--output` and `--quiet`. */
export function withCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('--output <format>', 'how to write the result').choices(['text', 'json']).default('text'))
    .option('--quiet', 'no progress and no notes on stderr', false);
}

/** Adds `--output` for commands whose result is a list, which may be long. */
export function withListOptions(command: Command): Command {
  const output = new Option('--output <format>', 'how to write the result').choices(['text', 'json', 'ndjson']);
  return command.addOption(output.default('text'));
}

/** Adds `--plain-http`. */
export function withTransportOptions(command: Command): Command {
  return command.addOption(
    new Option('--plain-http [on]', 'http instead of https; on by itself for loopback addresses')
      .argParser(parseSwitch)
      .preset(true),
  );
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Lets commander report what a parser of ours refuses, in the parser's own words. */
export function parsing<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      throw new InvalidArgumentError(error.hint === undefined ? error.message : `${error.message} (${error.hint})`);
    }
  };
}

function parseSwitch(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('Say true or false.');
}
