import type { CodedError } from '#core';
import type { WithheldRecord } from './record.ts';

/** Pointers that a bundle's list can hold; a longer one, into names chosen to annoy, becomes that of the whole. */
const POINTER = /^(?:\/(?:[^/~]|~[01]){0,256}){0,128}$/u;

/** The entry of a bundle's list for a record that could not be exported. It names no file: bundles know none. */
export function withhold(error: CodedError, record: string): WithheldRecord {
  const pointer = error.details['pointer'];
  const isFit = typeof pointer === 'string' && POINTER.test(pointer);
  return { record, code: error.code, pointer: isFit ? pointer : '' };
}
