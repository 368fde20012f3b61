import type { JsonObject, JsonValue } from '#core';
import type { RecordClass, RecordFormat } from '../record.ts';
import type { Subject } from '../subject.ts';
import { type Check, isObject } from './check.ts';
import { checkOpenVex, looksLikeOpenVex } from './openvex.ts';
import { modifiedOfOpenVex, subjectOfOpenVex } from './openvex-subject.ts';
import { checkOsv, looksLikeOsv, osvIdOf } from './osv.ts';
import { modifiedOfOsv, subjectOfOsv } from './osv-subject.ts';

/** All that differs from one format of records to the next. */
export interface Format {
  readonly format: RecordFormat;
  readonly class: RecordClass;
  readonly check: Check;
  /** The key of a record, sound or not, from its value and the hex SHA-256 of its canonical bytes. */
  keyOf(value: JsonValue, hex: string): string | undefined;
  /** When a sound record was last changed, as it says it. */
  modifiedOf(value: JsonObject): string;
  /** What a selector asks of a sound record. */
  subjectOf(value: JsonObject): Subject;
}

const osv: Format = {
  format: 'osv',
  class: 'advisories',
  check: checkOsv,
  keyOf: osvIdOf,
  modifiedOf: modifiedOfOsv,
  subjectOf: subjectOfOsv,
};

const openvex: Format = {
  format: 'openvex',
  class: 'vex',
  check: checkOpenVex,
  // `@id` is not unique in the wild: 59 documents of one public repository share 8.
  keyOf: (_value, hex) => `openvex/${hex}`,
  modifiedOf: modifiedOfOpenVex,
  subjectOf: subjectOfOpenVex,
};

/** The format that a JSON value means to be of, sound or not; undefined when it is recognisably none of ours. */
export function recogniseFormat(value: JsonValue): Format | undefined {
  if (!isObject(value)) return undefined;
  if (looksLikeOpenVex(value)) return openvex;
  return looksLikeOsv(value) ? osv : undefined;
}

const [SPACE, OPEN_BRACE] = [0x20, 0x7b];

/** Whether the first byte that is neither white space nor control is the brace that a record begins with. */
export function beginsAsObject(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length && (bytes[at] as number) <= SPACE) at++;
  return bytes[at] === OPEN_BRACE;
}
