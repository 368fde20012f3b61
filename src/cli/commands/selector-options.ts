import { type Command, Option } from 'commander';
import { type Instant, parseInstant } from '#core';
import { parseSelector, type Selector } from '#evidence';
import { collect, parsing } from '../options.ts';

/** The options that select records. */
export interface SelectorOptions {
  readonly id?: string[];
  readonly ecosystem?: string[];
  readonly package?: string[];
  readonly minSeverity?: string;
  readonly modifiedSince?: Instant;
  readonly modifiedUntil?: Instant;
  readonly withdrawn?: string;
}

/** Adds the options that select records. All of them must fit; of one that repeats, any. */
export function withSelectorOptions(command: Command): Command {
  return command
    .option('--id <id>', 'select records by id, alias or upstream id (repeatable)', collect)
    .option('--ecosystem <name>', 'select records and packages of this ecosystem (repeatable)', collect)
    .option('--package <glob>', 'select records and packages whose name matches (repeatable)', collect)
    .addOption(
      new Option(
        '--min-severity <level>',
        'select records of this severity or higher, and those without a score',
      ).choices(['low', 'medium', 'high', 'critical']),
    )
    .option('--modified-since <time>', 'select records changed at or after this time', parsing(parseInstant))
    .option('--modified-until <time>', 'select records changed at or before this time', parsing(parseInstant))
    .addOption(
      new Option('--withdrawn <how>', 'how to treat withdrawn records').choices(['include', 'exclude', 'only']),
    );
}

/** The selector that the options spell. */
export function selectorFrom(options: SelectorOptions): Selector {
  const { id, ecosystem, package: names, minSeverity, modifiedSince, modifiedUntil, withdrawn } = options;
  const given = {
    ids: id,
    ecosystems: ecosystem,
    packages: names,
    minimumSeverity: minSeverity,
    modifiedSince,
    modifiedUntil,
    withdrawn,
  };
  return parseSelector(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
}
