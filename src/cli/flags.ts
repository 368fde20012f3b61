import type { Command, Option } from 'commander';

/**
 * The words of a command line with each `--flag=true` as `--flag` and each `--flag=false` as its opposite, as tools
 * written in Go take them. A flag never takes the next word as its value.
 *
 * @param command the one that the words call
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
