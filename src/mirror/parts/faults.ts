import { CodedError } from '#core';
import { kitFault } from '../faults.ts';

/** The error for a part that must not be used. */
export function partInvalid(path: string, what: string, cause?: unknown): CodedError {
  return kitFault('ERR_EXPORT_PART_INVALID', path, what, 'copy the part once more, or export it again', cause);
}

/** Most numbers that one message names. */
const MAX_NAMED = 200;

/** The error for parts that are not there, or damaged, by their numbers. */
export function partsFault(
  { stream, sequence, kit, partBytes, parts }: PartsFacts,
  missing: readonly number[],
  damaged: readonly { readonly part: number; readonly path: string }[],
  unreadable: readonly string[],
): CodedError {
  const numbers = [...new Set([...missing, ...damaged.map(({ part }) => part)])].sort((a, b) => a - b);
  const what = [
    ...(missing.length === 0 ? [] : [`missing: ${listOf(missing)} of ${parts}`]),
    ...(damaged.length === 0
      ? []
      : [`damaged: ${listOf(damaged.map(({ part, path }) => `${part} (${JSON.stringify(path)})`))}`]),
    ...(unreadable.length === 0 ? [] : [`not readable as parts: ${listOf(unreadable)}`]),
  ].join('; ');
  const code = damaged.length > 0 ? 'ERR_EXPORT_PART_INVALID' : 'ERR_EXPORT_PART_MISSING';
  const options = numbers.slice(0, MAX_NAMED).map((number) => `--part ${number}`);
  return new CodedError(code, `kit ${kit}, snapshot ${sequence} of ${stream}: parts ${what}`, {
    hint: `copy these again; or outside, with the --kit-key, --base and --zone of the first export: export-center mirror export SPEC --to DIR --part-size ${partBytes} --kit ${kit} ${options.join(' ')}`,
    details: { kit, missing, damaged: damaged.map(({ part }) => part), unreadable },
  });
}

interface PartsFacts {
  readonly stream: string;
  readonly sequence: number;
  readonly kit: string;
  readonly partBytes: number;
  readonly parts: number;
}

function listOf(names: readonly (string | number)[]): string {
  const rest = names.length > MAX_NAMED ? `, and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(', ')}${rest}`;
}
