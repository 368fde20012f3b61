import type { CanonicalJson, JsonObject, JsonValue } from '#core';
import type { RecordClass, RecordFormat } from '../record.ts';
import type { Subject } from '../subject.ts';
import { Cursor } from './cursor.ts';
import type { Fault } from './fault.ts';
import type { Found, ObjectCheck } from './object-check.ts';
import { looksLikeOpenVex, openVexDocument } from './openvex.ts';
import { modifiedOfOpenVex, subjectOfOpenVex } from './openvex-subject.ts';
import { looksLikeOsv, osvRecord } from './osv.ts';
import { modifiedOfOsv, subjectOfOsv } from './osv-subject.ts';
import { osvIdOf } from './osv-text.ts';
import { isObject } from './value.ts';

/** All that differs from one format of records to the next. */
export interface Format {
  readonly format: RecordFormat;
  readonly class: RecordClass;
  readonly schema: ObjectCheck;
  /** The key of a sound record, from its members and the hex SHA-256 of its canonical bytes. */
  keyOf(found: Found, hex: string): string;
  /** The same of an unsound one; undefined when it has none that could name it. */
  keyOfUnsound(value: JsonValue, hex: string): string | undefined;
  /** When a sound record was last changed, as it says it. */
  modifiedOf(found: Found): string;
  /** What a selector asks of a sound record. */
  subjectOf(value: JsonObject): Subject;
}

const osv: Format = {
  format: 'osv',
  class: 'advisories',
  schema: osvRecord,
  keyOf: (found) => found.text('id') as string,
  keyOfUnsound: osvIdOf,
  modifiedOf: modifiedOfOsv,
  subjectOf: subjectOfOsv,
};

const openvex: Format = {
  format: 'openvex',
  class: 'vex',
  schema: openVexDocument,
  // `@id` is not unique in the wild: 59 documents of one public repository share 8.
  keyOf: (_found, hex) => `openvex/${hex}`,
  keyOfUnsound: (_value, hex) => `openvex/${hex}`,
  modifiedOf: modifiedOfOpenVex,
  subjectOf: subjectOfOpenVex,
};

/** What a JSON text turned out to be. */
export interface Recognised {
  readonly format: Format;
  /** What is wrong with it, if anything is. */
  readonly fault: Fault | undefined;
}

const cursor = new Cursor();
const SOUND_OSV: Recognised = { format: osv, fault: undefined };

/** The format that a JSON text means to be of, sound or not; undefined when it is recognisably none of ours. */
export function recognise(json: CanonicalJson): Recognised | undefined {
  const fault = check(osv, json);
  if (fault === undefined) return SOUND_OSV;
  const { value } = json;
  if (!isObject(value)) return undefined;
  if (looksLikeOpenVex(value)) return { format: openvex, fault: check(openvex, json) };
  return looksLikeOsv(value) ? { format: osv, fault } : undefined;
}

function check({ schema }: Format, { bytes }: CanonicalJson): Fault | undefined {
  cursor.load(bytes);
  return schema.check(cursor);
}

/** A member of a record that departs from its format, and that readers leave out. */
export interface Departure {
  /** RFC 6901. */
  readonly pointer: string;
  readonly what: string;
}

/** The departures of an advisory in canonical bytes that was collected: none of nearly all. */
export function departuresOfAdvisory(bytes: Uint8Array): readonly Departure[] {
  cursor.load(bytes);
  osv.schema.check(cursor);
  return cursor.departures;
}
