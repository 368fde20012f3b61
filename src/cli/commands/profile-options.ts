import { type Command, Option } from 'commander';
import { CodedError, type JsonObject } from '#core';
import { type Profile, type ProfileFlag, profiles } from '#export';
import { parsing } from '../options.ts';

/** Adds the options of every profile. */
export function withProfileOptions(command: Command): Command {
  const flags = new Map(profiles.flatMap(({ options }) => options.flags).map((flag) => [flag.flags, flag]));
  for (const { flags: text, description, parse } of flags.values()) {
    command.addOption(new Option(text, description).argParser(parsing(parse)));
  }
  return command;
}

/**
 * What was given of a profile's options, as commander collected it.
 *
 * @throws CodedError ERR_EXPORT_USAGE for options of another profile: what would change nothing was meant to change
 *   something
 */
export function profileOptionsFrom(profile: Profile, given: object): JsonObject {
  const values = given as Readonly<Record<string, unknown>>;
  const own = profile.options.flags;
  const foreign = profiles
    .flatMap(({ name, options }) => options.flags.map((flag) => ({ name, flag })))
    .filter(({ flag }) => values[memberOf(flag)] !== undefined && !own.some(({ flags }) => flags === flag.flags));
  const [first] = foreign;
  if (first !== undefined) {
    const names = [...new Set(foreign.map(({ flag }) => flag.flags.split(' ', 1)[0]))];
    throw new CodedError('ERR_EXPORT_USAGE', `${names.join(' and ')} can't be used with --profile ${profile.name}`, {
      hint: `omit ${names.length === 1 ? 'it' : 'them'}, or use --profile ${first.name}`,
    });
  }
  const entries = own.map((flag) => [flag.member, values[memberOf(flag)]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as JsonObject;
}

/** Under what name commander collects it. */
function memberOf({ flags }: ProfileFlag): string {
  return new Option(flags).attributeName();
}
