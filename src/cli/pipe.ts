import type { Writable } from 'node:stream';
import { isRegistryReference, type Reference, schemeOf } from '#oci/image';
import type { Io } from './io.ts';

/** Whether a reference stands for standard input or output. */
export function isPipe(reference: Reference): boolean {
  return !isRegistryReference(reference) && schemeOf(reference).path === 'FILE' && reference.path === '-';
}

/** Where the words about a result go: a tar on standard output is followed by nothing. */
export function resultStream(io: Io, targets: readonly Reference[]): Writable {
  return targets.some(isPipe) ? io.stderr : io.stdout;
}
