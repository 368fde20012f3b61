import { CodedError, exitStatusOf, isCoded } from '#core';
import { type Io, writeText } from './io.ts';
import { asLines } from './one-line.ts';

/** How results and errors are written. */
export type OutputFormat = 'text' | 'json';

/**
 * Reports a failure once, on stderr, in the format that was asked for, and gives the exit status that belongs to it.
 * A failure without a code is a fault of ours: its stack is shown, since it is the only next step there is.
 */
export async function reportFailure(error: unknown, io: Io, format: OutputFormat): Promise<number> {
  const coded = asCoded(error);
  const text = format === 'json' ? failureAsJson(coded) : failureAsText(coded);
  // Where nobody reads the words, the status still says it.
  await writeText(io.stderr, text).catch(() => undefined);
  return exitStatusOf(coded.code);
}

/** What failed first, where closing what was open failed after it: that often has the same cause. */
export function firstFailure(error: unknown): unknown {
  let first = error;
  while (first instanceof SuppressedError) first = first.suppressed;
  return first;
}

function asCoded(failure: unknown): CodedError {
  const error = firstFailure(failure);
  if (error instanceof CodedError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CodedError('ERR_EXPORT_INTERNAL', message, {
    hint: 'this is a bug in Export Center: report it with the stack trace',
    details: { stack: error instanceof Error ? error.stack : undefined },
    cause: error,
  });
}

/** Where in a text the fault is, if a fault in a text is the cause: its place is in no other message. */
function placeOf(error: CodedError): string | undefined {
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (isCoded(cause, 'ERR_EXPORT_JSON_INVALID') && cause.message !== error.message) return cause.message;
  }
  return undefined;
}

function failureAsText(error: CodedError): string {
  const lines = [`error ${error.code}: ${error.message}`];
  if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
  const place = placeOf(error);
  if (place !== undefined) lines.push(`cause: ${place}`);
  const stack = error.details['stack'];
  if (error.code === 'ERR_EXPORT_INTERNAL' && typeof stack === 'string') lines.push(...stack.split('\n'));
  return asLines(lines);
}

function failureAsJson(error: CodedError): string {
  const { code, message, hint, details } = error;
  const cause = placeOf(error);
  const place = cause === undefined ? {} : { cause };
  return `${JSON.stringify({ error: { code, message, hint: hint ?? null, details, ...place } })}\n`;
}
