import { statSync } from 'node:fs';
import { CodedError } from '#core';
import { kitFault } from '../faults.ts';

/** What no registry is called: its last label would be that of an IPv4 address. */
const SNAPSHOT_NAME = /^([a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)\.\d{1,9}$/;

/**
 * Refuses a text that would be taken for the name of a registry, but means something else: a snapshot of another
 * stream, or a file without `list:` or `receipt:`.
 *
 * @throws CodedError ERR_EXPORT_STREAM_MISMATCH, ERR_EXPORT_USAGE
 */
export function refuseMistakenBase(text: string, stream: string): void {
  const named = SNAPSHOT_NAME.exec(text)?.[1];
  if (named !== undefined) {
    const hint = `specify a snapshot of ${stream}, such as ${stream}.1`;
    throw kitFault('ERR_EXPORT_STREAM_MISMATCH', `--base ${text}`, `of stream ${named}, not ${stream}`, hint);
  }
  if (!isFile(text)) return;
  throw new CodedError('ERR_EXPORT_USAGE', `--base ${JSON.stringify(text.slice(0, 200))}: a file`, {
    hint: 'write list:FILE for a digest list, receipt:FILE for a receipt',
    details: { base: text },
  });
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}
