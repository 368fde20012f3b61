import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { fakeIo } from '../cli/fake-io.ts';

const root = join(import.meta.dirname, '../../src');

/** What hints tell users to type in other programs. */
const OTHERS = ['--bundle', '--db-repository', '--remove-bom'];

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)];
}

const program = await createProgram(fakeIo());
const commands = new Set(program.commands.map((command) => command.name()));
const options = new Set(all(program).flatMap((command) => command.options.flatMap(({ long, short }) => [long, short])));
for (const name of ['--help', ...OTHERS]) options.add(name);

/** The texts of the program, among them all hints. */
const texts = readdirSync(root, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts') && !file.includes('generated') && !file.endsWith('quickstart/lines.ts'))
  .flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    return lines.map((line, i) => ({ place: `${file}:${i + 1}`, line: line.trim() }));
  })
  .filter(({ line }) => !/^(?:\/?\*|\/\/)/.test(line))
  .flatMap(({ place, line }) => [...line.matchAll(/'[^']*'|`[^`]*`/g)].map(([text]) => ({ place, text })));

test('every option that a hint names is one of some command', () => {
  const unknown = texts.flatMap(({ place, text }) =>
    [...text.matchAll(/(?<=['`\s(])--[a-z][a-z-]+/g)]
      .filter(([name]) => !options.has(name))
      .map(([name]) => `${place}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('every command that a hint names is there', () => {
  const named = texts.flatMap(({ place, text }) =>
    [...text.matchAll(/export-center ([a-z]+)/g)].map(([, name = '']) => ({ place, name })),
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter(({ name }) => !commands.has(name))).toEqual([]);
});
